// What version 2 of specs adds: its terms and maps, each against a few lines that do the same.
#include <gtest/gtest.h>

#include "support.h"

namespace attune::test::second_version {
namespace {

const std::string cam = R"({"use": "gradcam", "layer": "act1")";

std::string second(const std::string& maps, const std::string& terms, const std::string& more = "") {
  return "{\"version\": 2, \"maps\": {" + maps + "}, \"terms\": [" + terms + "]" + more + "}";
}

struct Fixture {
  torch::jit::Module module = normed_model(2);
  std::shared_ptr<TorchScriptModel> model = std::make_shared<TorchScriptModel>(module);
  at::Tensor x = input_of(2, 3);

  // The Grad-CAM of a target, with its graph.
  at::Tensor cam_of(const std::string& target, const at::Tensor& input) const {
    const std::vector<MapRequest> requests{
        {"cam", own_plugins().make_method("gradcam", {{"layer", std::string("act1")}})}};
    return compute_maps(*model, input, requests, {TargetChoice::parse(target, {})}, true).maps[0].back().values;
  }

  at::Tensor scores(const at::Tensor& input) const { return module.clone().forward({input}).toTensor(); }

  // Value and gradient of the spec's loss and of `expected`.
  void expect_loss(const std::string& spec, const std::function<at::Tensor()>& expected) const {
    const at::Tensor found = loss_of(model, spec)(x).loss, wanted = expected();
    EXPECT_NEAR(found.item<double>(), wanted.item<double>(), 1e-9);
    const auto of = parameters_of(module);
    const auto a = gradients_of(found, of), b = gradients_of(wanted, of);
    double largest = 0;
    for (size_t i = 0; i < of.size(); ++i) {
      const at::Tensor zero = at::zeros_like(of[i]);
      const at::Tensor& first = a[i].defined() ? a[i] : zero;
      EXPECT_TRUE(at::allclose(first, b[i].defined() ? b[i] : zero, 1e-7, 1e-10)) << "parameter " << i;
      largest = std::max(largest, first.abs().max().item<double>());
    }
    EXPECT_GT(largest, 1e-6);
  }
};

at::Tensor pearson(const at::Tensor& a, const at::Tensor& b) {
  return own_plugins().make_correlation("pearson")->correlate({a, false}, {b, false});
}

TEST(SecondVersion, AMapMayExplainAnotherTarget) {
  const Fixture f;
  const std::string maps = "\"cam\": " + cam + "}, \"rival\": " + cam + ", \"target\": \"top2\"}";
  f.expect_loss(second(maps, term("[\"cam\", \"rival\"]", "\"identity\"")),
                [&] { return -pearson(f.cam_of("top1", f.x), f.cam_of("top2", f.x)).mean(); });
}

// The map with a target of its own is one map, which stands beside those of all targets.
TEST(SecondVersion, AMapOfItsOwnTargetServesAllTargets) {
  const Fixture f;
  const std::string maps =
      "\"cam\": " + cam + "}, \"rival\": " + cam + ", \"target\": {\"class\": \"top1\", \"minus\": \"top2\"}}";
  f.expect_loss(second(maps, term("[\"cam\", \"rival\"]", "\"identity\""), ", \"target\": [\"top1\", 3]"), [&] {
    const at::Tensor rival = f.cam_of("top1:minus=top2", f.x);
    return -(pearson(f.cam_of("top1", f.x), rival) + pearson(f.cam_of("3", f.x), rival)).mean() / 2;
  });
}

// Under a mask it is computed again for its own target.
TEST(SecondVersion, AMapIsComputedAgainForItsOwnTarget) {
  const Fixture f;
  const std::string maps =
      "\"gb\": {\"use\": \"guided_backprop\", \"channels\": \"sum\"}, \"rival\": " + cam + ", \"target\": \"top2\"}";
  const ConsistencyLoss loss = loss_of(f.model, second(maps, term("[\"rival\", \"gb\"]", mask)));
  LossTrace trace;
  const LossResult result = loss(f.x, &trace);
  at::Tensor masked;
  for (const auto& item : trace.items) {
    if (item.name == "masked input") masked = item.values;
  }
  const at::Tensor classes = std::get<1>(f.scores(f.x).topk(2, 1)).select(1, 1);
  for (int64_t i = 0; i < 3; ++i) {
    const std::string target = std::to_string(classes[i].item<int64_t>());
    const at::Tensor again = f.cam_of(target, masked.narrow(0, i, 1)), first = f.cam_of(target, f.x.narrow(0, i, 1));
    EXPECT_NEAR(result.terms[0].values[0][i].item<double>(), pearson(first, again).item<double>(), 1e-9);
  }
}

TEST(SecondVersion, RefusesARankThatTheModelLacks) {
  const Fixture f;
  const std::string maps = "\"cam\": " + cam + "}, \"rival\": " + cam + ", \"target\": \"top9\"}";
  const ConsistencyLoss loss = loss_of(f.model, second(maps, term("[\"cam\", \"rival\"]", "\"identity\"")));
  EXPECT_EQ(message_of(Fault::usage, [&] { loss(f.x); }),
            "map 'rival' explains the class of rank 9, but the model has 4 classes");
}

// A map's own target has one backward pass, however many targets the spec has.
TEST(SecondVersion, PlansThePassesOfOwnTargets) {
  const Fixture f;
  const std::string maps = "\"cam\": " + cam + "}, \"rival\": " + cam + ", \"target\": \"top2\"}";
  const auto plan = loss_of(f.model, second(maps, term("[\"cam\", \"rival\"]", "\"identity\""))).plan(true);
  ASSERT_EQ(plan.size(), 4U);
  EXPECT_TRUE(plan[1].per_target);
  EXPECT_FALSE(plan[2].per_target);
}

}  // namespace
}  // namespace attune::test::second_version
