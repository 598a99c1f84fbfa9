// "stop_gradient" cuts exactly what it says.
#include <gtest/gtest.h>

#include "support.h"

namespace attune::test {
namespace {

std::string stopping_mask(bool stopped) {
  return std::string("{\"use\": \"mask\", \"source\": \"gb\", \"scale\": \"std\", \"stop_gradient\": ") +
         (stopped ? "true}" : "false}");
}

struct Fixture {
  torch::jit::Module module = normed_model(2);
  std::shared_ptr<TorchScriptModel> model = std::make_shared<TorchScriptModel>(module);
  at::Tensor x = input_of(2, 2);

  MapSet maps(const at::Tensor& input) const {
    const std::vector<MapRequest> requests{
        {"cam", own_plugins().make_method("gradcam", {{"layer", std::string("act1")}})},
        {"gb", own_plugins().make_method("guided_backprop", {{"channels", std::string("sum")}})}};
    return compute_maps(*model, input, requests, {TargetChoice::parse("top1", {})}, true);
  }
};

at::Tensor pearson(const at::Tensor& a, const at::Tensor& b) {
  return own_plugins().make_correlation("pearson")->correlate({a, false}, {b, false}).mean();
}

void expect_equal(const std::vector<at::Tensor>& found, const std::vector<at::Tensor>& expected) {
  ASSERT_EQ(found.size(), expected.size());
  for (size_t i = 0; i < found.size(); ++i) EXPECT_TRUE(at::allclose(found[i], expected[i], 1e-7, 1e-10)) << i;
}

TEST(StopGradient, OfAMapLeavesTheOthers) {
  const Fixture f;
  const auto loss = loss_of(f.model, spec_text(term(both, "\"upsample\""), ", \"stop_gradient\": true"));
  const MapSet maps = f.maps(f.x);
  const at::Tensor cam = at::upsample_bilinear2d(maps.maps[0][0].values, {6, 5}, false), gb = maps.maps[1][0].values;
  const auto of = parameters_of(f.module);
  expect_equal(gradients_of(loss(f.x).loss, of), gradients_of(-pearson(cam.detach(), gb), of));
}

TEST(StopGradient, OfAMaskLeavesBothVersionsOfTheMap) {
  const Fixture f;
  const auto loss = loss_of(f.model, spec_text(term(both, stopping_mask(true))));
  LossTrace trace;
  const at::Tensor value = loss(f.x, &trace).loss;
  at::Tensor masked;
  for (const auto& item : trace.items) {
    if (item.name == "masked input") masked = item.values;
  }
  const at::Tensor first = f.maps(f.x).maps[0][0].values, again = f.maps(masked).maps[0][0].values;
  const auto of = parameters_of(f.module);
  expect_equal(gradients_of(value, of), gradients_of(-pearson(first, again), of));
}

TEST(StopGradient, OfTheMaskChangesTheGradientAndNotTheValue) {
  const Fixture f;
  const auto whole = loss_of(f.model, spec_text(term(both, stopping_mask(false))))(f.x);
  const auto stopped = loss_of(f.model, spec_text(term(both, stopping_mask(true))))(f.x);
  EXPECT_TRUE(at::allclose(whole.loss, stopped.loss));
  const auto of = parameters_of(f.module);
  const auto a = gradients_of(whole.loss, of), b = gradients_of(stopped.loss, of);
  EXPECT_GT((a[0] - b[0]).abs().max().item<double>(), 1e-6);
}

// With the map stopped that is recomputed, nothing leads to the model, and nothing is recorded.
TEST(StopGradient, OfTheRecomputedMapCutsBothVersions) {
  const Fixture f;
  const auto stopped = loss_of(f.model, spec_text(term(both, stopping_mask(false)), ", \"stop_gradient\": true"));
  EXPECT_FALSE(stopped(f.x).loss.requires_grad());
  for (const PassPlan& step : stopped.plan(true)) {
    EXPECT_FALSE(step.recorded) << step.gives;
    EXPECT_NE(step.kind, PassPlan::Kind::loss_backward);
  }
}

// The last layer's weights reach a Grad-CAM only through the score's gradient, the first convolution always.
TEST(StopGradient, EveryParameterOrNone) {
  const Fixture f;
  const auto of = parameters_of(f.module);
  for (const auto& gradient :
       gradients_of(loss_of(f.model, spec_text(term(both, stopping_mask(false))))(f.x).loss, of)) {
    ASSERT_TRUE(gradient.defined());
    EXPECT_GT(gradient.abs().max().item<double>(), 1e-8);
  }
  std::string text = spec_text(term("[\"gb\", \"sal\"]", "\"identity\""));
  for (const std::string& id : {std::string("guided_backprop\""), std::string("saliency\"")}) {
    text.insert(text.find(id) + id.size(), ", \"stop_gradient\": true");
  }
  const LossResult result = loss_of(f.model, text)(f.x);
  EXPECT_FALSE(result.loss.requires_grad());
  EXPECT_FALSE(result.terms[0].values.requires_grad());
}

}  // namespace
}  // namespace attune::test
