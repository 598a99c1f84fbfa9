// What the tests of `attune loss` share.
#pragma once

#include <string>
#include <vector>

#include "image/npy.h"
#include "models.h"
#include "specs.h"
#include "support.h"

namespace attune::test {

class Loss : public CommandLine {
 protected:
  Loss() {
    save_classifier(folder_ / "model.pt");
    write("spec.json", spec_text());
    write_npy(folder_ / "rows.npy", rows_);
  }

  static std::vector<std::string> loss(std::vector<std::string> inputs, const std::string& spec = "spec.json") {
    inputs.insert(inputs.begin(), {"loss", "model.pt", spec, "--threads", "1", "--size", "32"});
    return inputs;
  }

  Json report(std::vector<std::string> inputs, const std::string& spec = "spec.json") const {
    inputs.emplace_back("--json");
    return document(loss(inputs, spec));
  }

  const at::Tensor rows_ = noise({5, 3, 32, 32});
};

inline std::vector<double> values(const Json& term) {
  std::vector<double> all;
  for (const Json& sample : term.at("samples")) all.push_back(sample.at("value"));
  return all;
}

inline void expect_near(const Json& a, const Json& b, double tolerance) {
  EXPECT_NEAR(a.get<double>(), b.get<double>(), tolerance) << a << " and " << b;
}

inline void expect_same_values(const Json& one, const Json& other) {
  ASSERT_EQ(one.at("terms").size(), other.at("terms").size());
  for (size_t t = 0; t < one["terms"].size(); ++t) {
    const auto a = values(one["terms"][t]), b = values(other["terms"][t]);
    ASSERT_EQ(a.size(), b.size());
    for (size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 1e-5) << "term " << t << ", sample " << i;
  }
  expect_near(one["loss"], other["loss"], 1e-5);
}

// The sum over terms and the means over samples, as the contract defines them.
inline void expect_sums(const Json& report) {
  double loss = 0;
  for (const Json& term : report.at("terms")) {
    const auto all = values(term);
    double sum = 0;
    for (const double value : all) sum += value;
    EXPECT_NEAR(term.at("value").get<double>(), sum / static_cast<double>(all.size()), 1e-9) << term;
    loss -= term.at("weight").get<double>() * (report.at("reduction") == "sum" ? sum : term["value"].get<double>());
  }
  EXPECT_NEAR(report.at("loss").get<double>(), loss, 1e-9);
}

}  // namespace attune::test
