#include "train/model/trainer.h"

#include <functional>
#include <gtest/gtest.h>
#include <memory>
#include <torch/csrc/jit/api/module.h>

#include <attune/sdk/error.h>

#include "base/random.h"
#include "metrics/metric.h"
#include "support.h"

namespace attune::test {
namespace {

constexpr uint64_t step_seed = 77, stage_seed = 78;
constexpr uint64_t unlabelled_seed = derive_seed({step_seed, 1});

Batch batch_of(int64_t samples, uint64_t seed = 5) {
  Batch batch;
  batch.input = seeded({samples, 3, 8, 8}, seed);
  batch.labels = seeded({samples, 4}, seed + 1).gt(0).to(at::kFloat);
  batch.weights = at::ones({samples, 4});
  for (int64_t i = 0; i < samples; ++i) batch.examples.push_back(i);
  return batch;
}

StageConfig stage_of(const Strategy& strategy) {
  StageConfig stage;
  stage.strategy = &strategy;
  stage.optimizer.kind = OptimizerConfig::Kind::sgd;
  stage.optimizer.lr = 1;
  stage.alpha = 0.7;
  return stage;
}

// A model, its consistency loss, and one step whose update is the negative gradient, as gradient descent at rate 1 is.
class Step : public testing::Test {
 protected:
  StepReport step(const StageConfig& stage, const Batch& batch) {
    return Trainer(stage, trained_, &consistency_, *model_, stage_seed).step(batch, unlabelled_, step_seed, 1);
  }

  // The update is minus the gradient of `value`, which takes no account of what the step has changed.
  void expect_update_along(const NamedTensors& update, const std::function<double()>& value) {
    double largest = 0;
    for (const auto& parameter : trained_.source().parameters.named_parameters()) {
      const at::Tensor gradient = -update.at(parameter.name).reshape({-1}), of = parameter.value.detach();
      for (int64_t entry = 0; entry < of.numel(); entry += 1 + of.numel() / 6) {
        EXPECT_NEAR(gradient[entry].item<double>(), central_difference(value, of, entry), 1e-6)
            << parameter.name << ", entry " << entry;
        largest = std::max(largest, std::abs(gradient[entry].item<double>()));
      }
    }
    EXPECT_GT(largest, 1e-2);
  }

  NamedTensors copy_of_state() const {
    NamedTensors copy;
    for (const auto& [name, tensor] : trained_.state()) copy[name] = tensor.clone();
    return copy;
  }

  NamedTensors update_of(const StageConfig& stage, const Batch& batch) {
    const NamedTensors before = copy_of_state();
    step(stage, batch);
    NamedTensors update;
    for (const auto& [name, tensor] : trained_.state()) update[name] = tensor - before.at(name);
    after_ = copy_of_state();
    trained_.set_state(before);
    return update;
  }

  double supervised_loss(const Batch& batch) {
    const at::NoGradGuard no_grad;
    trained_.train(true);
    at::manual_seed(step_seed);
    return objective(Objective::bce, trained_.forward(batch.input, "auto"), batch.labels, batch.weights).item<double>();
  }

  double consistency_loss(const Batch& batch) {
    const at::NoGradGuard no_grad;
    return consistency_(batch.input).loss.item<double>();
  }

  void set_statistics(const NamedTensors& state) {
    for (const char* name : {"norm.running_mean", "norm.running_var"}) {
      trained_.state().at(name).copy_(state.at(name));
    }
  }

  TrainingModel trained_{torchscript_source(dropping_model())};
  std::shared_ptr<TorchScriptModel> model_ = std::make_shared<TorchScriptModel>(trained_.source().parameters);
  ConsistencyLoss consistency_{model_, parse_spec(smooth_spec(), "spec.json", own_plugins()), own_plugins()};
  Batch unlabelled_;
  NamedTensors after_;  // of the step whose update was taken
};

// The labels' loss in training mode, with batch statistics and that dropout; the consistency loss with the running
// statistics that the first leaves behind, which are numbers to it.
TEST_F(Step, OfCombinedIsTheGradientOfBoth) {
  const Batch batch = batch_of(3);
  const NamedTensors before = copy_of_state();
  const NamedTensors update = update_of(stage_of(strategies::combined), batch);
  EXPECT_FALSE(at::equal(after_.at("norm.running_mean"), before.at("norm.running_mean")));
  const auto value = [&] {
    set_statistics(before);
    const double supervised = supervised_loss(batch);
    set_statistics(after_);
    return supervised + 0.7 * consistency_loss(batch);
  };
  expect_update_along(update, value);
}

TEST_F(Step, OfSimclrIsTheGradientOfTheContrastOfViews) {
  Batch batch = batch_of(3);
  batch.second_view = batch_of(3, 15).input;
  batch.labels = batch.weights = at::Tensor();
  StageConfig stage = stage_of(strategies::simclr);
  stage.projection.layer = "fc";
  const NamedTensors update = update_of(stage, batch);
  EXPECT_TRUE(update.at("fc.weight").eq(0).all().item<bool>());
  const Projection projection(stage.projection, trained_, stage_seed);
  expect_update_along(update, [&] {
    const at::NoGradGuard no_grad;
    trained_.train(true);
    at::manual_seed(step_seed);
    const auto views = projection(trained_, at::cat({batch.input, batch.second_view}), "auto").chunk(2);
    return nt_xent(views[0], views[1], stage.temperature).item<double>();
  });
}

TEST_F(Step, OfFixmatchIsTheGradientOfBoth) {
  const Batch batch = batch_of(3);
  unlabelled_ = batch_of(5, 25);
  unlabelled_.second_view = batch_of(5, 35).input;
  unlabelled_.labels = unlabelled_.weights = at::Tensor();
  StageConfig stage = stage_of(strategies::fixmatch);
  stage.threshold = 0.7;
  const NamedTensors update = update_of(stage, batch);
  trained_.train(true);
  at::manual_seed(unlabelled_seed);
  const PseudoLabels labels = pseudo_labels(Objective::bce, trained_.forward(unlabelled_.input, "auto").detach(), 0.7);
  ASSERT_TRUE(labels.share > 0 && labels.share < 1) << labels.share;
  expect_update_along(update, [&] {
    const double supervised = supervised_loss(batch);
    const at::NoGradGuard no_grad;
    at::manual_seed(unlabelled_seed);
    trained_.forward(unlabelled_.input, "auto");  // draws
    const at::Tensor scores = trained_.forward(unlabelled_.second_view, "auto");
    return supervised + 0.7 * pseudo_label_loss(Objective::bce, scores, labels).item<double>();
  });
  const NamedTensors sure = update_of(stage, batch);
  stage.threshold = 1;
  const NamedTensors unsure = update_of(stage, batch), alone = update_of(stage_of(strategies::supervised), batch);
  EXPECT_FALSE(at::allclose(sure.at("conv1.weight"), alone.at("conv1.weight")));
  EXPECT_TRUE(at::equal(unsure.at("conv1.weight"), alone.at("conv1.weight")));
}

TEST_F(Step, OfSupervisedAndFinetuneAddUpToCombined) {
  const Batch batch = batch_of(3);
  StageConfig finetune = stage_of(strategies::finetune);
  finetune.optimizer.lr = 0.7;
  finetune.freeze_statistics = true;
  StageConfig supervised = stage_of(strategies::supervised), combined = stage_of(strategies::combined);
  supervised.freeze_statistics = combined.freeze_statistics = true;
  const NamedTensors first = update_of(supervised, batch), second = update_of(finetune, batch);
  const NamedTensors both = update_of(combined, batch);
  for (const auto& [name, update] : both) EXPECT_TRUE(at::allclose(update, first.at(name) + second.at(name))) << name;
}

TEST_F(Step, OfAlternatedIsOneAfterTheOther) {
  const Batch batch = batch_of(3);
  const NamedTensors before = copy_of_state();
  StageConfig finetune = stage_of(strategies::finetune);
  finetune.optimizer.lr = 0.7;
  step(stage_of(strategies::supervised), batch);
  step(finetune, batch);
  const NamedTensors expected = copy_of_state();
  trained_.set_state(before);
  step(stage_of(strategies::alternated), batch);
  for (const auto& [name, tensor] : trained_.state()) EXPECT_TRUE(at::allclose(tensor, expected.at(name))) << name;
}

TEST_F(Step, OfFinetuneLooksAtNoLabels) {
  Batch batch = batch_of(3);
  const NamedTensors first = update_of(stage_of(strategies::finetune), batch);
  batch.labels = batch.weights = at::Tensor();
  const NamedTensors second = update_of(stage_of(strategies::finetune), batch);
  for (const auto& [name, update] : first) EXPECT_TRUE(at::equal(update, second.at(name))) << name;
}

TEST_F(Step, OfFinetuneLeavesRunningStatistics) {
  const NamedTensors update = update_of(stage_of(strategies::finetune), batch_of(3));
  EXPECT_TRUE(update.at("norm.running_mean").eq(0).all().item<bool>());
  EXPECT_TRUE(update.at("norm.running_var").eq(0).all().item<bool>());
  EXPECT_GT(update.at("conv1.weight").abs().max().item<double>(), 1e-4);
}

TEST_F(Step, LeavesFrozenParameters) {
  StageConfig stage = stage_of(strategies::combined);
  stage.freeze = {"conv1.*", "fc.bias"};
  const NamedTensors update = update_of(stage, batch_of(3));
  for (const char* name : {"conv1.weight", "fc.bias"}) EXPECT_TRUE(update.at(name).eq(0).all().item<bool>()) << name;
  for (const char* name : {"conv2.weight", "norm.weight"})
    EXPECT_FALSE(update.at(name).eq(0).all().item<bool>()) << name;
}

TEST_F(Step, IsAFunctionOfItsSeed) {
  const StageConfig stage = stage_of(strategies::supervised);
  const Batch batch = batch_of(3);
  const NamedTensors first = update_of(stage, batch);
  at::rand({5});
  const NamedTensors second = update_of(stage, batch);
  for (const auto& [name, update] : first) EXPECT_TRUE(at::equal(update, second.at(name))) << name;
}

// A program that draws between steps draws what it would have drawn without them.
TEST_F(Step, LeavesTheDrawsOfTheRestOfTheProgram) {
  at::manual_seed(3);
  const at::Tensor undisturbed = at::rand({5});
  at::manual_seed(3);
  step(stage_of(strategies::supervised), batch_of(3));
  EXPECT_TRUE(at::equal(at::rand({5}), undisturbed));
}

TEST_F(Step, ReportsWhatItHas) {
  const Batch batch = batch_of(3);
  const double supervised = supervised_loss(batch);
  const StepReport report = step(stage_of(strategies::supervised), batch);
  EXPECT_DOUBLE_EQ(report.loss, supervised);
  EXPECT_TRUE(std::isnan(report.consistency_loss));
  EXPECT_EQ(report.rate, 1);
  EXPECT_GT(report.gradient_norm, 0);
  const double consistency = consistency_loss(batch);
  EXPECT_NEAR(step(stage_of(strategies::finetune), batch).consistency_loss, consistency, 1e-12);
}

TEST_F(Step, RefusesWhatIsNotFinite) {
  Batch batch = batch_of(3);
  batch.input[0][0][0][0] = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(message_of(Fault::run, [&] { step(stage_of(strategies::supervised), batch); }),
            "the loss of the labels is not finite (NaN)");
  const NamedTensors before = copy_of_state();
  const std::string message = message_of(Fault::run, [&] { step(stage_of(strategies::finetune), batch); });
  EXPECT_TRUE(contains(message, "not finite")) << message;
  EXPECT_TRUE(at::equal(trained_.state().at("conv1.weight"), before.at("conv1.weight")));
}

}  // namespace
}  // namespace attune::test
