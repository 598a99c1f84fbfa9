#include <ATen/Functions.h>
#include <gtest/gtest.h>

#include <attune/sdk/error.h>
#include <attune/sdk/pass.h>
#include <attune/sdk/target.h>

namespace attune {
namespace {

at::Tensor whole(std::vector<int64_t> values) { return at::tensor(values, at::kLong); }

// A pass that has nothing but an output.
class OutputOnly : public Pass {
 public:
  explicit OutputOnly(at::Tensor output) : output_(std::move(output)) {}
  const at::Tensor& input() const override { return output_; }
  const at::Tensor& output() const override { return output_; }
  at::Tensor captured(const Capture&) override { return {}; }
  std::string layer(const std::string& name) override { return name; }
  at::Tensor bias(const Capture&) override { return {}; }
  bool wants_graph() const override { return true; }
  std::vector<at::Tensor> gradients(const at::Tensor&, const std::vector<at::Tensor>&, Rectifier) override {
    return {};
  }
  at::Tensor resume(const Capture&, const at::Tensor&) override { return {}; }
  Model& model() override { throw Error(Fault::run, "no model"); }
  at::Generator generator() override { return {}; }

 private:
  at::Tensor output_;
};

TEST(Target, RepeatKeepsRowsOfOneSampleTogether) {
  EXPECT_TRUE(Target{whole({3, 1})}.repeat(2).classes()->equal(whole({3, 3, 1, 1})));
}

TEST(Target, SelectTakesRows) {
  EXPECT_TRUE(Target{whole({3, 1, 4})}.select(whole({2, 0, 2})).classes()->equal(whole({4, 3, 4})));
}

// Of an output [rows,2,2]: the first channel's sum times the number of the sample.
Target weighted_sums(int64_t samples) {
  return Target(
      [](const at::Tensor& output, const at::Tensor& of) { return output.select(1, 0).sum(1) * of.to(at::kDouble); },
      samples);
}

TEST(Target, MayBeAnyNumberOfARow) {
  const at::Tensor output = at::arange(12, at::kDouble).view({3, 2, 2});
  EXPECT_TRUE(weighted_sums(3).score(output).equal(at::tensor({0.0, 9.0, 34.0}, at::kDouble)));
  EXPECT_FALSE(weighted_sums(3).classes());
}

TEST(Target, RepeatedAndSelectedRowsKnowTheirSample) {
  const at::Tensor output = at::ones({4, 2, 2}, at::kDouble);
  EXPECT_TRUE(weighted_sums(2).repeat(2).score(output).equal(at::tensor({0.0, 0.0, 2.0, 2.0}, at::kDouble)));
  const at::Tensor expected = at::tensor({16.0, 0.0, 6.0, 16.0}, at::kDouble);
  EXPECT_TRUE(weighted_sums(9).select(whole({8, 0, 3, 8})).score(output).equal(expected));
}

TEST(Target, RefusesWhatIsNoNumberOfEachRow) {
  const Target twice([](const at::Tensor& output, const at::Tensor&) { return output; }, 2);
  EXPECT_THROW(twice.score(at::zeros({2, 3})), Error);
  EXPECT_THROW(weighted_sums(3).score(at::zeros({2, 2, 2})), Error);
  EXPECT_THROW(Target(whole({0, 1})).score(at::zeros({2, 3, 4})), Error);
}

TEST(Pass, ScoreIsTheOutputOfEachSamplesClass) {
  const OutputOnly pass(at::arange(6, at::kDouble).view({2, 3}).requires_grad_());
  const at::Tensor score = pass.score({whole({2, 0})});
  EXPECT_TRUE(score.equal(at::tensor({2.0, 3.0}, at::kDouble)));
  EXPECT_TRUE(score.requires_grad());
  score.sum().backward();
  EXPECT_TRUE(pass.output().grad().equal(at::tensor({0.0, 0.0, 1.0, 1.0, 0.0, 0.0}, at::kDouble).view({2, 3})));
}

TEST(Pass, ScoreRefusesATargetOfAnotherSize) {
  const OutputOnly pass(at::zeros({2, 3}));
  EXPECT_THROW(pass.score({whole({0})}), Error);
  EXPECT_THROW(pass.score({whole({0, 1}).view({2, 1})}), Error);
}

}  // namespace
}  // namespace attune
