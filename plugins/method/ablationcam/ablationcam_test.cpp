#include <gtest/gtest.h>

#include <attune/sdk/error.h>
#include <attune/sdk/tail.h>

#include "cams.h"
#include "errors.h"
#include "passes.h"

namespace attune {
namespace {

using test::Given;

Given ablated_layer(const std::string& layer) { return {{"layer", layer}}; }

// One feature map after the other is taken away.
at::Tensor map_by_map(const at::Tensor& features, const std::function<at::Tensor(const at::Tensor&)>& score) {
  const at::Tensor all = score(features);
  at::Tensor map = at::zeros_like(features.narrow(1, 0, 1));
  std::vector<int64_t> rows(static_cast<size_t>(features.dim()), 1);
  rows[0] = -1;
  for (int64_t k = 0; k < features.size(1); ++k) {
    const at::Tensor without = features.clone();
    without.select(1, k).zero_();
    map = map + ((all - score(without)) / all).view(rows) * features.narrow(1, k, 1);
  }
  return map;
}

TEST(AblationCam, WeighsByWhatTheScoreLoses) {
  for (int64_t rank = 1; rank <= 3; ++rank) {
    const auto module = test::model_of_rank(rank, "torch.tanh(x)");
    TorchScriptModel model(module);
    const at::Tensor x = test::input_of_rank(rank, 2, 1);
    const at::Tensor features = test::features_of(module, x, 2).values, fc = module.attr("fc").toTensor().detach()[2];
    const at::Tensor before =
        map_by_map(features, [&](const at::Tensor& a) { return test::score_behind(module, a, 2); });
    const at::Tensor behind =
        map_by_map(features.tanh(), [&](const at::Tensor& a) { return at::matmul(a.flatten(2).mean(2), fc); });
    for (const bool graph : {false, true}) {
      const auto map = [&](const std::string& layer) {
        return test::map_of(model, x, "ablationcam", ablated_layer(layer), 2, graph);
      };
      EXPECT_TRUE(at::allclose(map("conv"), before, 1e-8, 1e-10)) << rank << graph;
      EXPECT_TRUE(at::allclose(map("act"), behind, 1e-8, 1e-10)) << rank << graph;
    }
  }
  test::expect_relu_keeps_the_positive_part("ablationcam");
}

// Counts the rows that the tail is run for.
class CountingPass final : public test::PassOver, public Tail {
 public:
  explicit CountingPass(Pass& pass) : PassOver(pass), tail_(static_cast<Tail*>(pass.extension(Tail::id))) {}

  void* extension(const char*) override { return static_cast<Tail*>(this); }
  at::Tensor outputs(const Capture& capture, int64_t count, const Make& make) override {
    rows += count;
    return tail_->outputs(capture, count, make);
  }

  int64_t rows = 0;

 private:
  Tail* tail_;
};

class PassWithoutTails final : public test::PassOver {
 public:
  using PassOver::PassOver;
  void* extension(const char*) override { return nullptr; }
};

TEST(AblationCam, RunsNothingForSingleMapsWhereLossesAddUp) {
  TorchScriptModel model(test::model_of_rank(2, "torch.tanh(x)"));
  const at::Tensor x = test::input_of_rank(2, 2, 3);
  const auto rows = [&](const std::string& layer) {
    const auto method = test::own_plugins().make_method("ablationcam", ablated_layer(layer));
    Needs needs = method->needs(model);
    needs.gradient_calls = 2;
    const auto pass = model.forward(x, needs, false);
    CountingPass counting(*pass);
    const at::AutoGradMode mode(true);
    method->attend(counting, std::vector<Target>(2, Target(at::ones({2}, at::kLong))));
    return counting.rows;
  };
  EXPECT_EQ(rows("act"), 2 * 5) << "of each sample all maps, and four halves";
  EXPECT_EQ(rows("conv"), 2 * 5 + 2 * 3) << "and three single ones, for both targets together";
}

TEST(AblationCam, RefusesAHostWithoutTails) {
  TorchScriptModel model(test::model_of_rank(2, "torch.tanh(x)"));
  const auto method = test::own_plugins().make_method("ablationcam", {});
  const auto pass = model.forward(test::input_of_rank(2, 1, 3), method->needs(model), false);
  PassWithoutTails old(*pass);
  EXPECT_EQ(test::message_of(Fault::run, [&] { method->attend(old, Target(at::zeros({1}, at::kLong))); }),
            "the method needs an attune with the extension \"attune.tail/1\"");
}

// The score is 0 for any input.
TEST(AblationCam, AScoreOfZeroLeavesALossWithoutMeasure) {
  auto module = test::model_of_rank(2, "torch.tanh(x)");
  module.attr("fc").toTensor().detach().zero_();
  TorchScriptModel model(module);
  const at::Tensor x = test::input_of_rank(2, 2, 3);
  EXPECT_TRUE(
      at::equal(test::map_of(model, x, "ablationcam", ablated_layer("act"), 1), at::zeros_like(x.narrow(1, 0, 1))));
}

TEST(AblationCam, BatchEqualsSamples) {
  for (const std::string layer : {"conv", "act"})
    test::expect_batch_equals_samples("ablationcam", ablated_layer(layer));
}

// Of inputs whose score is not near zero.
TEST(AblationCam, GradientsAreFiniteDifferences) {
  for (int64_t rank = 1; rank <= 3; ++rank) {
    const auto module = test::model_of_rank(rank, "torch.tanh(x)");
    const at::Tensor x = test::input_of_rank(rank, 2, 14) + 1;
    ASSERT_GT(TorchScriptModel(module).module_output(x, false).select(1, 2).abs().min().item<double>(), 0.1);
    for (const std::string layer : {"conv", "act"}) {
      test::expect_gradients_are_finite_differences(module, x.clone(), "ablationcam", ablated_layer(layer));
    }
  }
}

}  // namespace
}  // namespace attune
