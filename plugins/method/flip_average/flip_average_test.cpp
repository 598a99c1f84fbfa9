#include <gtest/gtest.h>

#include <attune/sdk/error.h>

#include "cams.h"
#include "errors.h"

namespace attune {
namespace {

const ComponentSpec of_the_convolution{"gradcam", {{"layer", std::string("conv")}}};

at::Tensor turned(const at::Tensor& x) { return x.flip({-1}); }

TEST(FlipAverage, IsTheMeanOfBothSides) {
  for (int64_t rank = 1; rank <= 3; ++rank) {
    TorchScriptModel model(test::model_of_rank(rank, "torch.tanh(x)"));
    const at::Tensor x = test::input_of_rank(rank, 2, 1);
    const auto one = [&](const at::Tensor& input) {
      return test::map_of(model, input, "gradcam", of_the_convolution.parameters, 2);
    };
    const auto both = [&](const test::Given& given) { return test::map_of(model, x, "flip_average", given, 2); };
    const at::Tensor expected = (one(x) + turned(one(turned(x)))) / 2;
    EXPECT_TRUE(at::allclose(both({{"of", of_the_convolution}}), expected, 1e-9, 1e-12)) << rank;
    EXPECT_FALSE(at::allclose(expected, one(x), 1e-3, 1e-3)) << "two sides that differ are wanted";
    const at::Tensor scaled =
        (one(0.5 * x) + turned(one(turned(0.5 * x))) + one(2 * x) + turned(one(turned(2 * x)))) / 4;
    EXPECT_TRUE(
        at::allclose(both({{"of", of_the_convolution}, {"scales", std::vector<double>{0.5, 2}}}), scaled, 1e-9, 1e-12))
        << rank;
  }
}

TEST(FlipAverage, HasTheSizeAndLayersOfItsMethod) {
  TorchScriptModel model(test::small_model());
  const at::Tensor x = test::seeded({2, 3, 12, 10}, 4);
  EXPECT_EQ(test::map_of(model, x, "flip_average", {{"of", ComponentSpec{"saliency", {}}}}, 1).sizes(), x.sizes());
  const std::vector<MapRequest> requests{{"both", test::own_plugins().make_method("flip_average")}};
  const auto maps = compute_maps(model, x, requests, {TargetChoice::parse("0", {})}).maps;
  EXPECT_EQ(maps[0][0].layers, std::vector<std::string>{"act2"});
  EXPECT_FALSE(maps[0][0].at_input_resolution);
}

TEST(FlipAverage, CountsThePassesOfItsMethod) {
  TorchScriptModel model(test::small_model());
  const auto passes = [&](const test::Given& given) {
    const Needs needs = test::own_plugins().make_method("flip_average", given)->needs(model);
    return std::pair(needs.forward_passes, needs.backward_passes);
  };
  EXPECT_EQ(passes({}), std::pair(2.0, 2.0));
  EXPECT_EQ(passes({{"scales", std::vector<double>{0.9, 1, 1.1}}}), std::pair(6.0, 6.0));
  EXPECT_EQ(passes({{"of", ComponentSpec{"smooth", {{"samples", int64_t{3}}}}}}), std::pair(8.0, 6.0));
  EXPECT_EQ(test::message_of(Fault::spec,
                             [&] {
                               test::own_plugins().make_method("flip_average", {{"scales", std::vector<double>{}}});
                             }),
            "method \"flip_average\": parameter \"scales\" must hold a number at least");
}

TEST(FlipAverage, BatchEqualsSamples) {
  test::expect_batch_equals_samples("flip_average", {{"of", of_the_convolution}});
  test::expect_batch_equals_samples("flip_average", {{"of", ComponentSpec{"smooth", {{"samples", int64_t{3}}}}}});
}

TEST(FlipAverage, GradientsAreFiniteDifferences) {
  test::expect_gradients_are_finite_differences(
      "flip_average", {{"of", of_the_convolution}, {"scales", std::vector<double>{0.9, 1}}}, "torch.tanh(x)");
}

}  // namespace
}  // namespace attune
