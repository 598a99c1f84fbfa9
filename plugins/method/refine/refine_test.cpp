#include <gtest/gtest.h>

#include <attune/sdk/error.h>

#include "cams.h"
#include "errors.h"

namespace attune {
namespace {

using Layers = std::vector<std::string>;

TEST(Refine, IsTheProductOfTheLayersMaps) {
  TorchScriptModel model(test::small_model());
  const at::Tensor x = test::seeded({2, 3, 12, 10}, 4);
  const auto heat = [&](const std::string& id, const std::string& layer) {
    return test::heat_of(test::map_of(model, x, id, {{"layer", layer}}, 1), x);
  };
  const at::Tensor map = test::map_of(model, x, "refine", {{"layers", Layers{"conv1", "act2"}}}, 1);
  EXPECT_EQ(map.sizes(), (at::IntArrayRef{2, 1, 12, 10}));
  EXPECT_TRUE(at::allclose(map, heat("gradcam_plus_plus", "conv1") * heat("gradcam_plus_plus", "act2"), 1e-9, 1e-12));
  const ComponentSpec layercam{"layercam", {{"relu", true}}};
  EXPECT_TRUE(
      at::allclose(test::map_of(model, x, "refine", {{"layers", Layers{"conv1", "act1", "act2"}}, {"of", layercam}}, 1),
                   heat("layercam", "conv1") * heat("layercam", "act1") * heat("layercam", "act2"), 1e-9, 1e-12));
}

TEST(Refine, OfOneLayerIsItsMapFromZeroToOne) {
  for (int64_t rank = 1; rank <= 3; ++rank) {
    TorchScriptModel model(test::model_of_rank(rank, "torch.tanh(x)"));
    const at::Tensor x = test::input_of_rank(rank, 3, 2);
    const at::Tensor map = test::map_of(model, x, "refine", {{"of", ComponentSpec{"gradcam", {}}}}, 1);
    const at::Tensor cam = test::map_of(model, x, "gradcam", {{"relu", true}}, 1);
    for (int64_t n = 0; n < 3; ++n) {
      ASSERT_GT(cam[n].max().item<double>(), 0);
      const double least = cam[n].min().item<double>();
      EXPECT_TRUE(at::allclose(map[n], (cam[n] - least) / (cam[n].max().item<double>() - least), 1e-9, 1e-12)) << rank;
    }
  }
}

TEST(Refine, IsZeroWhereALayerHasNothing) {
  TorchScriptModel model(test::small_model());
  const at::Tensor map =
      test::map_of(model, at::zeros({1, 3, 12, 10}, at::kDouble), "refine", {{"layers", Layers{"act1", "act2"}}}, 1);
  EXPECT_TRUE(at::equal(map, at::zeros_like(map)));
}

TEST(Refine, SharesTheForwardPass) {
  TorchScriptModel model(test::small_model());
  const auto needs = [&](const ComponentSpec& of, const Layers& layers) {
    return test::own_plugins().make_method("refine", {{"of", of}, {"layers", layers}})->needs(model);
  };
  const Needs cams = needs({"gradcam", {}}, {"conv1", "act1", "act2"});
  EXPECT_EQ(cams.captures, (std::vector<Capture>{{"conv1"}, {"act1"}, {"act2"}}));
  EXPECT_EQ(cams.gradient_calls, 3);
  EXPECT_EQ(std::pair(cams.forward_passes, cams.backward_passes), std::pair(1.0, 3.0));
  const Needs curved = needs({"shapley_cam", {}}, {"conv1", "act2"});
  EXPECT_EQ(std::pair(curved.forward_passes, curved.backward_passes), std::pair(3.0, 4.0));
  const Needs features = needs({"eigencam", {}}, {"conv1", "act2"});
  EXPECT_FALSE(features.gradients);
  EXPECT_EQ(std::pair(features.forward_passes, features.backward_passes), std::pair(1.0, 0.0));
}

TEST(Refine, RefusesMethodsWithoutALayer) {
  const auto refusal = [](const test::Given& given) {
    return test::message_of(Fault::spec, [&] { test::own_plugins().make_method("refine", given); });
  };
  EXPECT_EQ(refusal({{"of", ComponentSpec{"saliency", {}}}}),
            "method \"refine\": parameter \"of\" must be a method with a parameter \"layer\", which \"saliency\" has "
            "not");
  EXPECT_EQ(refusal({{"of", ComponentSpec{"gradcam", {{"layer", std::string("conv1")}}}}}),
            "method \"refine\": parameter \"of\" names the layer \"conv1\"; name it in \"layers\"");
}

TEST(Refine, BatchEqualsSamples) { test::expect_batch_equals_samples("refine", {{"layers", Layers{"conv", "act"}}}); }

TEST(Refine, GradientsAreFiniteDifferences) {
  const ComponentSpec gradcam{"gradcam", {}};
  test::expect_gradients_are_finite_differences("refine", {{"layers", Layers{"conv", "act"}}, {"of", gradcam}},
                                                "torch.tanh(x)");
  test::expect_gradients_are_finite_differences(test::small_model("torch.tanh(x)"), test::seeded({2, 3, 8, 6}, 14),
                                                "refine", {{"layers", Layers{"conv1", "act2"}}});
}

}  // namespace
}  // namespace attune
