#include <gtest/gtest.h>

#include "cams.h"

namespace attune {
namespace {

// The map of a pass whose draws are known.
at::Tensor drawn_map(TorchScriptModel& model, const at::Tensor& x, const std::string& of, uint64_t seed) {
  const auto made = test::own_plugins().make_method("random", {{"layer", std::string("conv")}, {"of", of}});
  const auto pass = model.forward(x, made->needs(model), false, at::detail::createCPUGenerator(seed));
  return made->attend(*pass, Target(at::ones({x.size(0)}, at::kLong))).values;
}

TEST(Random, IsWhatTheGeneratorDraws) {
  for (int64_t rank = 1; rank <= 3; ++rank) {
    const auto module = test::model_of_rank(rank, "torch.tanh(x)");
    TorchScriptModel model(module);
    const at::Tensor x = test::input_of_rank(rank, 2, 1);
    const at::Tensor features = test::features_of(module, x, 0).values;
    const at::Tensor cells =
        at::rand(x.sizes().slice(2), at::detail::createCPUGenerator(5), at::kFloat).to(at::kDouble);
    const at::Tensor noise = drawn_map(model, x, "noise", 5);
    const at::Tensor r = at::rand({3}, at::detail::createCPUGenerator(5), at::kFloat).to(at::kDouble) * 2 - 1;
    const at::Tensor weighted = drawn_map(model, x, "features", 5);
    for (int64_t n = 0; n < 2; ++n) {
      EXPECT_TRUE(at::equal(noise[n][0], cells)) << rank;
      const at::Tensor expected = r[0] * features[n][0] + r[1] * features[n][1] + r[2] * features[n][2];
      EXPECT_TRUE(at::allclose(weighted[n][0], expected, 1e-9, 1e-12)) << rank;
    }
    EXPECT_FALSE(at::equal(noise, drawn_map(model, x, "noise", 6)));
  }
}

TEST(Random, MapsOfTwoNamesAreIndependent) {
  TorchScriptModel model(test::small_model());
  const auto random = [](const std::string& name) {
    return MapRequest{name, test::own_plugins().make_method("random")};
  };
  const auto maps = compute_maps(model, test::seeded({1, 3, 16, 16}, 2), {random("a"), random("b")},
                                 {TargetChoice::parse("0", {}), TargetChoice::parse("1", {})})
                        .maps;
  EXPECT_FALSE(at::equal(maps[0][0].values, maps[1][0].values));
  EXPECT_TRUE(at::equal(maps[0][0].values, maps[0][1].values)) << "targets share the draw";
}

TEST(Random, BatchEqualsSamples) {
  for (const std::string of : {"noise", "features"}) test::expect_batch_equals_samples("random", {{"of", of}});
}

}  // namespace
}  // namespace attune
