// Metrics of classification against another implementation (Debian's python3-sklearn).
#include <ATen/ATen.h>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <gtest/gtest.h>
#include <sstream>

#include "folder.h"
#include "image/npy.h"
#include "metrics/measures.h"

namespace attune::test {
namespace {

// One number a line: F1 by class and of all, accuracy, average precision by class.
const char* const script = R"(
import sys
import numpy as np
from sklearn.metrics import accuracy_score, average_precision_score, f1_score
scores, labels = np.load(sys.argv[1]), np.load(sys.argv[2]).astype(int)
decided = (scores > 0).astype(int)
print(*f1_score(labels, decided, average=None, zero_division=0), sep="\n")
print(f1_score(labels, decided, average="micro"))
print(accuracy_score(labels, decided))
print(*(average_precision_score(labels[:, k], scores[:, k]) for k in range(labels.shape[1])), sep="\n")
)";

class ScikitLearn : public testing::Test {
 protected:
  void SetUp() override {
    if (std::system("/usr/bin/python3 -c 'import sklearn' >/dev/null 2>&1") != 0) {
      GTEST_SKIP() << "needs the Debian package python3-sklearn";
    }
  }

  std::vector<double> numbers(const at::Tensor& scores, const at::Tensor& labels) const {
    write_npy(folder_ / "scores.npy", scores);
    write_npy(folder_ / "labels.npy", labels);
    const std::string command = "/usr/bin/python3 '" + folder_.write("judge.py", script).string() + "' '" +
                                (folder_ / "scores.npy").string() + "' '" + (folder_ / "labels.npy").string() +
                                "' 2>&1";
    FILE* pipe = popen(command.c_str(), "r");
    std::string output;
    std::array<char, 4096> buffer;
    for (size_t n = 0; (n = fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) output.append(buffer.data(), n);
    EXPECT_EQ(pclose(pipe), 0) << output;
    std::vector<double> found;
    std::istringstream lines(output);
    for (double value; lines >> value;) found.push_back(value);
    return found;
  }

 private:
  TemporaryFolder folder_;
};

// Scores in so many steps, so that some are equal; every class has its own share of positives.
TEST_F(ScikitLearn, Agrees) {
  at::manual_seed(5);
  constexpr int64_t kRows = 150, kClasses = 6;
  for (const double steps : {3.0, 20.0, 1e6}) {
    const at::Tensor labels = (at::rand({kRows, kClasses}) < at::linspace(0.02, 0.9, kClasses)).to(at::kFloat);
    labels[0].fill_(1);
    const at::Tensor scores = ((at::randn({kRows, kClasses}) + labels) * steps).round() / steps;
    const std::vector<double> theirs = numbers(scores, labels);
    ASSERT_EQ(theirs.size(), 2 * kClasses + 2);

    const Truth truth{labels, {}};
    const at::Tensor decisions = decide_above(scores, 0), ours = f1(decisions, truth);
    const at::Tensor precision = average_precision(scores, truth);
    for (int64_t k = 0; k < kClasses; ++k) {
      EXPECT_NEAR(ours[k].item<double>(), theirs[k], 1e-12) << "class " << k << ", steps " << steps;
      EXPECT_NEAR(precision[k].item<double>(), theirs[kClasses + 2 + k], 1e-12) << "class " << k << ", steps " << steps;
    }
    EXPECT_NEAR(micro_f1(decisions, truth), theirs[kClasses], 1e-12);
    EXPECT_NEAR(accuracy(decisions, truth), theirs[kClasses + 1], 1e-12);
  }
}

}  // namespace
}  // namespace attune::test
