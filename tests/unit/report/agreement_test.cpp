// How much the maps of a sample agree.
#include "report/agreement.h"

#include <ATen/ATen.h>
#include <cmath>
#include <gtest/gtest.h>

namespace attune::test {
namespace {

ReportedMap map(const std::string& name, const at::Tensor& values, size_t target = 0) {
  ReportedMap map;
  map.name = name;
  map.values = values;
  map.target = target;
  return map;
}

class AgreementOfMaps : public testing::Test {
 protected:
  AgreementOfMaps() {
    sample_.input = at::zeros({3, 8, 12});
    report_.sample = &sample_;
    report_.targets.resize(2);
  }

  double between(const at::Tensor& a, const at::Tensor& b) {
    report_.maps = {map("a", a), map("b", b)};
    return agreement_of(report_, 0).values[0][1].item<double>();
  }

  Sample sample_;
  SampleReport report_;
  at::Tensor fine_ = at::arange(96, at::kFloat).mul(37).remainder(29).view({1, 8, 12});
};

TEST_F(AgreementOfMaps, IsPearsonsCoefficientAtTheInputsSize) {
  const at::Tensor other = at::arange(96, at::kFloat).mul(11).remainder(31).view({1, 8, 12});
  const at::Tensor a = fine_ - fine_.mean(), b = other - other.mean();
  const double expected = ((a * b).sum() / (a.square().sum() * b.square().sum()).sqrt()).item<double>();
  EXPECT_NEAR(between(fine_, other), expected, 1e-6);
  EXPECT_NEAR(between(fine_, 3 * fine_ + 2), 1, 1e-6);
  EXPECT_NEAR(between(fine_, -fine_), -1, 1e-6);
  const at::Tensor coarse = fine_.slice(1, 0, 4).slice(2, 0, 6);
  const at::Tensor enlarged = at::upsample_bilinear2d(coarse.unsqueeze(0), {8, 12}, false)[0];
  EXPECT_NEAR(between(fine_, coarse), between(fine_, enlarged), 1e-6);
}

TEST_F(AgreementOfMaps, OfSeveralChannelsTheMagnitudesCount) {
  const at::Tensor gradient = at::cat({fine_, -2 * fine_.flip({2}), fine_ - 9});
  EXPECT_NEAR(between(gradient, gradient.abs().sum(0, true)), 1, 1e-6);
}

TEST_F(AgreementOfMaps, OfAConstantMapThereIsNone) {
  EXPECT_TRUE(std::isnan(between(fine_, at::full({1, 8, 12}, 0.3F))));
}

// They are of other inputs, other axes, other targets, or no maps.
TEST_F(AgreementOfMaps, LeavesOutWhatCannotBeCompared) {
  report_.maps = {map("kept", fine_),
                  map("other axes", at::ones({1, 8})),
                  map("other target", fine_, 1),
                  map("mask", fine_),
                  map("again", fine_),
                  map("repeated", fine_)};
  report_.maps[3].shown = Shown::mask;
  report_.maps[4].input = sample_.input;
  report_.maps[5].repeated = true;
  EXPECT_EQ(agreement_of(report_, 0).names, std::vector<std::string>{"kept"});
  EXPECT_EQ(agreement_of(report_, 1).names, std::vector<std::string>{"other target"});
  report_.maps.clear();
  EXPECT_TRUE(agreement_of(report_, 0).names.empty());
}

TEST(MeanAgreements, AreOverThoseThatHaveBothMaps) {
  const double none = std::nan("");
  const auto matrix = [](double value) { return at::tensor({1.0, value, value, 1.0}, at::kDouble).view({2, 2}); };
  MeanAgreement all;
  all.add({{"a", "b"}, matrix(0.2)});
  all.add({{"b", "a"}, matrix(0.6)});
  all.add({{"a", "b"}, matrix(none)});
  all.add({{"a", "c"}, matrix(-0.5)});
  all.add({{"a", "constant"}, matrix(none)});
  const Agreement mean = all.mean();
  ASSERT_EQ(mean.names, (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_NEAR(mean.values[0][1].item<double>(), 0.4, 1e-12);
  EXPECT_NEAR(mean.values[1][0].item<double>(), 0.4, 1e-12);
  EXPECT_NEAR(mean.values[2][0].item<double>(), -0.5, 1e-12);
  EXPECT_TRUE(std::isnan(mean.values[2][1].item<double>())) << "no sample has both";
}

}  // namespace
}  // namespace attune::test
