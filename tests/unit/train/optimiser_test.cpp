#include <gtest/gtest.h>

#include "support.h"
#include "train/model/trainer.h"

namespace attune::test {
namespace {

ScheduleConfig schedule(ScheduleConfig::Kind kind, double warm_up = 0) {
  ScheduleConfig config;
  config.kind = kind;
  config.warm_up = warm_up;
  return config;
}

TEST(RateShare, RisesInTheBeginning) {
  const ScheduleConfig config = schedule(ScheduleConfig::Kind::constant, 0.4);
  EXPECT_DOUBLE_EQ(rate_share(config, 0, 10, 5), 0.25);
  EXPECT_DOUBLE_EQ(rate_share(config, 2, 10, 5), 0.75);
  EXPECT_DOUBLE_EQ(rate_share(config, 3, 10, 5), 1);
  EXPECT_DOUBLE_EQ(rate_share(config, 9, 10, 5), 1);
}

TEST(RateShare, FollowsHalfACosine) {
  ScheduleConfig config = schedule(ScheduleConfig::Kind::cosine);
  EXPECT_DOUBLE_EQ(rate_share(config, 0, 10, 5), 1);
  EXPECT_NEAR(rate_share(config, 5, 10, 5), 0.5, 1e-12);
  EXPECT_LT(rate_share(config, 9, 10, 5), 0.03);
  config.floor = 0.2;
  EXPECT_NEAR(rate_share(config, 5, 10, 5), 0.6, 1e-12);
}

TEST(RateShare, FallsEveryFewEpochs) {
  ScheduleConfig config = schedule(ScheduleConfig::Kind::step);
  config.every = 2;
  config.factor = 0.5;
  EXPECT_DOUBLE_EQ(rate_share(config, 9, 100, 5), 1);
  EXPECT_DOUBLE_EQ(rate_share(config, 10, 100, 5), 0.5);
  EXPECT_DOUBLE_EQ(rate_share(config, 20, 100, 5), 0.25);
}

TEST(Clipping, BringsTheNormOfAllToTheLimit) {
  at::Tensor a = at::zeros({2}, at::kDouble), b = at::zeros({1}, at::kDouble);
  a.mutable_grad() = at::tensor(std::vector<double>{3, 0}, at::kDouble);
  b.mutable_grad() = at::tensor(std::vector<double>{4}, at::kDouble);
  EXPECT_DOUBLE_EQ(gradient_norm({a, b}), 5);
  clip_gradients({a, b}, 5, 0);
  clip_gradients({a, b}, 5, 6);
  EXPECT_DOUBLE_EQ(gradient_norm({a, b}), 5);
  clip_gradients({a, b}, 5, 1);
  EXPECT_NEAR(gradient_norm({a, b}), 1, 1e-12);
  EXPECT_NEAR(b.grad().item<double>(), 0.8, 1e-12);
}

class OptimiserState : public testing::TestWithParam<OptimizerConfig::Kind> {
 protected:
  static void step(Optimiser& optimiser, at::Tensor& parameter, int number) {
    parameter.mutable_grad() = seeded({3}, static_cast<uint64_t>(number));
    optimiser.step(1);
  }
};

// Six steps in a row, or three, and three more by another object that was given the first one's state.
TEST_P(OptimiserState, GoesOnExactly) {
  OptimizerConfig config;
  config.kind = GetParam();
  config.momentum = 0.9;
  config.weight_decay = 0.01;
  at::Tensor whole = at::ones({3}, at::kDouble), parts = at::ones({3}, at::kDouble);
  Optimiser one(config, {whole});
  for (int i = 0; i < 6; ++i) step(one, whole, i);
  at::Tensor state;
  {
    Optimiser first(config, {parts});
    for (int i = 0; i < 3; ++i) step(first, parts, i);
    state = first.state();
  }
  at::Tensor elsewhere = parts.clone();
  Optimiser second(config, {elsewhere});
  second.set_state(state);
  for (int i = 3; i < 6; ++i) step(second, elsewhere, i);
  EXPECT_TRUE(at::equal(elsewhere, whole));
  EXPECT_FALSE(at::equal(whole, parts));
}

INSTANTIATE_TEST_SUITE_P(Kinds, OptimiserState,
                         testing::Values(OptimizerConfig::Kind::adam, OptimizerConfig::Kind::adamw,
                                         OptimizerConfig::Kind::sgd));

TEST(SavedOptimiser, OfAnotherModelIsRefused) {
  const OptimizerConfig config;
  at::Tensor parameter = at::ones({3}, at::kDouble);
  Optimiser optimiser(config, {parameter});
  // The second has one byte in memory, for many in its shape.
  const at::Tensor one = at::zeros({1}, at::kByte);
  for (const at::Tensor& state : {at::zeros({10}, at::kByte), one.expand({1 << 24}), at::zeros({4}), one.slice(0, 1)}) {
    const std::string message = message_of(Fault::input, [&] { optimiser.set_state(state); });
    EXPECT_TRUE(contains(message, "the optimizer's saved state does not fit")) << message;
  }
}

}  // namespace
}  // namespace attune::test
