#include "demo/train.h"

#include <ATen/ATen.h>
#include <cmath>
#include <gtest/gtest.h>
#include <numeric>
#include <vector>

#include <attune/sdk/error.h>

#include "demo/pictures.h"

namespace attune {
namespace {

TrainingModel network() { return demo_network(static_cast<int64_t>(demo_labels().size()), 0); }

DemoTraining small() {
  DemoTraining training;
  training.pictures = 64;
  training.epochs = 1;
  training.batch = 16;
  training.size = 48;
  return training;
}

at::Tensor state(const TrainingModel& network) {
  std::vector<at::Tensor> values;
  for (const auto& [name, tensor] : network.state()) values.push_back(tensor.to(at::kFloat).flatten());
  return at::cat(values);
}

bool is_training(const TrainingModel& network) { return network.source().parameters.is_training(); }

double mean(const std::vector<double>& values, size_t begin, size_t end) {
  return std::accumulate(values.begin() + static_cast<std::ptrdiff_t>(begin),
                         values.begin() + static_cast<std::ptrdiff_t>(end), 0.0) /
         static_cast<double>(end - begin);
}

TEST(DemoTraining, TwentyStepsLowerTheLoss) {
  DemoTraining training = small();
  training.epochs = 5;
  std::vector<double> losses;
  training.progress = [&](int64_t step, int64_t steps, double loss) {
    losses.push_back(loss);
    EXPECT_EQ(step, static_cast<int64_t>(losses.size()));
    EXPECT_EQ(steps, 20);
    return true;
  };
  TrainingModel trained = network();
  const double last_epoch = train_demo(trained, training);
  ASSERT_EQ(losses.size(), 20U);
  EXPECT_LT(mean(losses, 15, 20), 0.85 * mean(losses, 0, 3));
  EXPECT_NEAR(last_epoch, mean(losses, 16, 20), 1e-6);
}

TEST(DemoTraining, LeavesTheNetworkReadyForUse) {
  TrainingModel trained = network();
  train_demo(trained, small());
  EXPECT_FALSE(is_training(trained));
  for (const at::Tensor& parameter : trained.freeze({})) EXPECT_FALSE(parameter.grad().defined());
  EXPECT_TRUE(state(trained).isfinite().all().item<bool>());
}

TEST(DemoTraining, SameSeedGivesTheSameNetwork) {
  DemoTraining training = small();
  TrainingModel first = network(), second = network(), other = network();
  train_demo(first, training);
  train_demo(second, training);
  training.seed = 1;
  train_demo(other, training);
  EXPECT_TRUE(at::equal(state(first), state(second)));
  EXPECT_FALSE(at::equal(state(first), state(other)));
}

TEST(DemoTraining, StopsWhereTheCallbackSaysSo) {
  DemoTraining training = small();
  int calls = 0;
  training.progress = [&](int64_t, int64_t, double) { return ++calls < 2; };
  TrainingModel trained = network();
  EXPECT_TRUE(std::isfinite(train_demo(trained, training)));
  EXPECT_EQ(calls, 2);
  EXPECT_FALSE(is_training(trained));
}

TEST(DemoTraining, RefusesNumbersThatMakeNoSense) {
  const auto refused = [](DemoTraining training) {
    TrainingModel untrained = network();
    const at::Tensor before = state(untrained).clone();
    try {
      train_demo(untrained, training);
    } catch (const Error& error) {
      return error.fault() == Fault::usage && at::equal(before, state(untrained));
    }
    return false;
  };
  DemoTraining training = small();
  training.epochs = 0;
  EXPECT_TRUE(refused(training));
  training = small();
  training.batch = 1;
  EXPECT_TRUE(refused(training));
  training = small();
  training.pictures = 15;
  EXPECT_TRUE(refused(training));
  training = small();
  training.size = 8;
  EXPECT_TRUE(refused(training));
}

TEST(DemoTraining, WorksWhereGradientsAreSwitchedOff) {
  const at::NoGradGuard no_grad;
  DemoTraining training = small();
  training.pictures = 16;
  TrainingModel trained = network();
  const at::Tensor before = state(trained).clone();
  train_demo(trained, training);
  EXPECT_FALSE(at::equal(before, state(trained)));
}

TEST(DemoInput, IsTheScaledPicture) {
  const at::Tensor image = at::arange(2 * 2 * 3, at::kByte).mul(20).view({2, 2, 3});
  const at::Tensor input = demo_input(image);
  ASSERT_EQ(input.sizes(), (std::vector<int64_t>{3, 2, 2}));
  EXPECT_NEAR(input[2][1][0].item<double>(), (160 / 255.0 - demo_mean) / demo_deviation, 1e-6);
}

TEST(DemoF1, IsBetweenNothingAndOneAndPutsTheNetworkIntoEvaluation) {
  TrainingModel untrained = network();
  const double f1 = demo_f1(untrained, demo_held_out_seed, 20, 48);
  EXPECT_GE(f1, 0);
  EXPECT_LE(f1, 1);
  EXPECT_FALSE(is_training(untrained));
}

}  // namespace
}  // namespace attune
