// Notes every test that is skipped, and why, in the file that ATTUNE_SKIPPED names: to ctest a program that runs all of
// its tests at once is one test, which passes. tests/count_skipped.sh sums them up.
#include <cstdlib>
#include <fstream>
#include <gtest/gtest.h>
#include <string>

namespace attune::test {
namespace {

class SkippedTests final : public testing::EmptyTestEventListener {
  void OnTestEnd(const testing::TestInfo& test) override {
    if (!test.result()->Skipped()) return;
    std::string line = std::string(test.test_suite_name()) + "." + test.name() + "\t";
    for (int part = 0; part < test.result()->total_part_count(); ++part) {
      const std::string reason = test.result()->GetTestPartResult(part).message();
      line += reason.substr(0, reason.find('\n'));
    }
    line += '\n';
    std::ofstream(std::getenv("ATTUNE_SKIPPED"), std::ios::app) << line;  // in one go: several programs write to it
  }
};

[[maybe_unused]] const bool noted = [] {
  if (std::getenv("ATTUNE_SKIPPED") == nullptr) return false;
  testing::UnitTest::GetInstance()->listeners().Append(new SkippedTests);
  return true;
}();

}  // namespace
}  // namespace attune::test
