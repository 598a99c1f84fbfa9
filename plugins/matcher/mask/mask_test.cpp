#include <algorithm>
#include <gtest/gtest.h>

#include "matchers.h"

namespace attune {
namespace {

using test::FakeMatchContext;
using test::Given;
using test::seeded;

const std::vector<MapInfo> infos = {{"cam", false}, {"source", true}};

// The masked input for one source, "recomputing" being to hand it back.
struct Masked {
  at::Tensor mask;
  at::Tensor input;
  at::Tensor saturated;
  MatchedPairs pairs;
};

Masked masked(const at::Tensor& source, const at::Tensor& input, Given given) {
  given["source"] = std::string("source");
  FakeMatchContext context(infos, input, [](size_t, const at::Tensor& x) { return AttentionMap{x, false}; });
  const auto matcher = test::own_plugins().make_matcher("mask", given);
  const MatchedPairs pairs = matcher->match(context, {{input * 2, false}, {source, true}});
  EXPECT_EQ(context.recomputed, std::vector<size_t>{0});
  return {context.shown.at({"mask", Shown::mask}), context.shown.at({"masked input", Shown::input}),
          context.saturations.empty() ? at::Tensor() : context.saturations[0], pairs};
}

// P of one sample, cell by cell.
at::Tensor expected_mask(const at::Tensor& sample, bool half_std, const std::string& scale) {
  const at::Tensor cells = sample.flatten();
  double mean = 0, square = 0;
  for (int64_t i = 0; i < cells.size(0); ++i) mean += cells[i].item<double>() / double(cells.size(0));
  for (int64_t i = 0; i < cells.size(0); ++i) square += std::pow(cells[i].item<double>() - mean, 2);
  const double variance = square / double(cells.size(0) - 1);
  const double centre = mean + (half_std ? std::sqrt(variance) / 2 : 0);
  const double width = scale == "variance" ? variance : scale == "std" ? std::sqrt(variance) : std::stod(scale);
  return 1 / (1 + (-(sample - centre) / width).exp());
}

TEST(Mask, IsTheLogisticFunctionOfEachSample) {
  for (const std::vector<int64_t>& shape :
       {std::vector<int64_t>{2, 3, 7}, std::vector<int64_t>{2, 3, 5, 4}, std::vector<int64_t>{2, 3, 2, 5, 4}}) {
    const at::Tensor input = seeded(shape, 1);
    for (const int64_t channels : {1, 3}) {
      std::vector<int64_t> of_source = shape;
      of_source[1] = channels;
      const at::Tensor source = seeded(of_source, 2);
      for (const bool half_std : {false, true}) {
        for (const std::string scale : {"variance", "std", "0.125"}) {
          Given given{{"centre", std::string(half_std ? "mean_plus_half_std" : "mean")}};
          given["scale"] = scale[0] == '0' ? ParameterValue(std::stod(scale)) : ParameterValue(scale);
          const Masked found = masked(source, input, given);
          for (int64_t i = 0; i < 2; ++i) {
            const at::Tensor expected = expected_mask(source[i], half_std, scale);
            EXPECT_TRUE(at::allclose(found.mask[i], expected, 1e-9, 1e-12)) << scale << half_std;
            EXPECT_TRUE(at::allclose(found.input[i], expected * input[i], 1e-9, 1e-12)) << scale << half_std;
          }
          EXPECT_TRUE(at::equal(found.pairs[0].first.values, input * 2));
          EXPECT_TRUE(at::equal(found.pairs[0].second.values, found.input));
        }
      }
    }
  }
}

TEST(Mask, ResizesASmallerMapBeforeTheLogisticFunction) {
  const at::Tensor input = seeded({1, 3, 6, 8}, 3), source = seeded({1, 1, 3, 4}, 4);
  for (const bool align : {false, true}) {
    const Masked found = masked(source, input, {{"align_corners", align}, {"scale", 0.5}});
    const at::Tensor large = at::upsample_bilinear2d(source, {6, 8}, align);
    EXPECT_TRUE(at::allclose(found.mask, at::sigmoid((large - large.mean()) / 0.5)));
  }
}

// Of an even number of cells the lower one of the two in the middle.
TEST(Mask, HalfOfTheCellsLieAboveTheirMedian) {
  const at::Tensor input = seeded({2, 3, 5, 4}, 3), source = seeded({2, 1, 5, 4}, 4);
  const at::Tensor hard =
      masked(source, input, {{"centre", std::string("median")}, {"shape", std::string("hard")}}).mask;
  const at::Tensor soft = masked(source, input, {{"centre", std::string("median")}, {"scale", 0.5}}).mask;
  for (int64_t i = 0; i < 2; ++i) {
    EXPECT_EQ(hard[i].sum().item<double>(), 10);
    const at::Tensor middle = std::get<0>(source[i].flatten().sort())[9];
    EXPECT_TRUE(at::equal(hard[i], (source[i] > middle).to(at::kDouble)));
    EXPECT_TRUE(at::allclose(soft[i], 1 / (1 + ((middle - source[i]) / 0.5).exp()), 1e-9, 1e-12));
  }
}

// One sample at a time, as equations say it.
at::Tensor kept_cells(const at::Tensor& sample, const std::string& shape, const std::string& centre) {
  const at::Tensor cells = sample.flatten();
  if (shape == "linear") return (sample - cells.min()) / (cells.max() - cells.min());
  const at::Tensor positive = cells.index({cells > 0});
  const at::Tensor middle = centre == "mean"                ? cells.mean()
                            : centre == "mean_plus_two_std" ? positive.mean() + 2 * positive.std(/*unbiased=*/false)
                                                            : at::tensor(std::stod(centre), at::kDouble);
  return shape == "hard" ? sample.gt(middle).to(at::kDouble) : 1 / (1 + ((middle - sample) / 0.1).exp());
}

TEST(Mask, OfOtherShapes) {
  const at::Tensor input = seeded({2, 3, 5, 4}, 1), source = seeded({2, 1, 5, 4}, 2);
  for (const std::string shape : {"soft", "hard", "linear"}) {
    for (const std::string centre : {"mean", "mean_plus_two_std", "0.5"}) {
      for (const bool minmax : {false, true}) {
        Given given{{"shape", shape}, {"scale", 0.1}, {"minmax", minmax}};
        given["centre"] = centre[0] == '0' ? ParameterValue(std::stod(centre)) : ParameterValue(centre);
        const at::Tensor mask = masked(source, input, given).mask;
        given["invert"] = true;
        const Masked inverted = masked(source, input, given);
        EXPECT_TRUE(at::allclose(inverted.mask, 1 - mask, 1e-9, 1e-12)) << shape << centre;
        EXPECT_TRUE(at::allclose(inverted.input, input * (1 - mask), 1e-9, 1e-12)) << shape << centre;
        for (int64_t i = 0; i < 2; ++i) {
          at::Tensor sample = source[i];
          if (minmax) sample = (sample - sample.min()) / (sample.max() - sample.min());
          EXPECT_TRUE(at::allclose(mask[i], kept_cells(sample, shape, centre), 1e-9, 1e-12)) << shape << centre;
        }
      }
    }
  }
}

TEST(Mask, DropsCellsOfTheSource) {
  const at::Tensor input = at::ones({2, 3, 8, 8}, at::kDouble), source = seeded({2, 1, 8, 8}, 3);
  const Given whole{{"shape", std::string("linear")}};
  Given holes = whole;
  holes["dropout"] = 0.5;
  const at::Tensor all = masked(source, input, whole).mask, some = masked(source, input, holes).mask;
  const at::Tensor dropped = some.eq(0) & all.gt(0);
  EXPECT_GT(dropped.sum().item<int64_t>(), 30);
  EXPECT_LT(dropped.sum().item<int64_t>(), 98);
  EXPECT_TRUE(at::equal(at::where(dropped, at::zeros_like(all), all), some));
  EXPECT_TRUE(at::equal(some[0].eq(0) | all[0].eq(0) | all[1].eq(0), some[1].eq(0) | all[0].eq(0) | all[1].eq(0)));
}

TEST(Mask, HandsOverTheInputAlsoOfASourceAlone) {
  const at::Tensor input = seeded({2, 3, 4, 4}, 4), source = seeded({2, 1, 4, 4}, 5);
  FakeMatchContext context({{"source", true}}, input);
  const auto matcher = test::own_plugins().make_matcher("mask", {{"source", std::string("source")}});
  EXPECT_TRUE(matcher->match(context, {{source, true}}).empty());
  ASSERT_EQ(context.inputs.size(), 1U);
  EXPECT_TRUE(at::equal(context.inputs[0], context.shown.at({"masked input", Shown::input})));
}

TEST(Mask, DerivativesAreFiniteDifferences) {
  for (const std::vector<int64_t>& shape : {std::vector<int64_t>{2, 3, 5, 4}, std::vector<int64_t>{2, 3, 2, 3, 4}}) {
    std::vector<int64_t> of_source = shape;
    of_source[1] = 1;
    for (const ParameterValue& scale :
         {ParameterValue(std::string("variance")), ParameterValue(std::string("std")), ParameterValue(0.7)}) {
      const Given given{{"centre", std::string("mean_plus_half_std")}, {"scale", scale}};
      const test::Function function = [&](const test::Tensors& of) {
        return test::Tensors{masked(of[0], of[1], given).input};
      };
      test::expect_derivatives_are_finite_differences(function, {seeded(of_source, 5), seeded(shape, 6)},
                                                      "mask, scale " + to_string(scale), 1e-5);
    }
    const Given linear{{"shape", std::string("linear")}, {"invert", true}};
    const Given high{{"centre", std::string("mean_plus_two_std")}, {"scale", 0.3}, {"minmax", true}};
    for (const Given& given : {linear, high}) {
      const test::Function function = [&](const test::Tensors& of) {
        return test::Tensors{masked(of[0], of[1], given).input};
      };
      test::expect_derivatives_are_finite_differences(function, {seeded(of_source, 5), seeded(shape, 6)}, "other masks",
                                                      1e-5);
    }
  }
}

TEST(Mask, TinyHugeAndConstantMapsAreFinite) {
  const at::Tensor input = seeded({1, 3, 8, 8}, 7).to(at::kFloat);
  for (const std::string scale : {"variance", "std"}) {
    for (const double size : {0.0, 1e-30, 1e-20, 1e-12, 1e-6, 1e10, 1e25}) {
      at::Tensor source = (seeded({1, 1, 8, 8}, 8) * size).to(at::kFloat).requires_grad_();
      const Masked found = masked(source, input, {{"scale", scale}});
      const at::Tensor gradient = torch::autograd::grad({found.input.square().sum()}, {source})[0];
      EXPECT_TRUE(at::isfinite(found.input).all().item<bool>()) << scale << size;
      EXPECT_TRUE(at::isfinite(gradient).all().item<bool>()) << scale << size;
    }
  }
}

TEST(Mask, ReportsSaturatedSamples) {
  const at::Tensor source = at::stack({seeded({1, 8, 8}, 9), seeded({1, 8, 8}, 9) * 1e-9});
  const at::Tensor input = seeded({2, 3, 8, 8}, 10);
  EXPECT_TRUE(at::equal(masked(source, input, {}).saturated, at::tensor({0, 1}).to(at::kBool)));
  EXPECT_FALSE(masked(source, input, {{"scale", std::string("std")}}).saturated.any().item<bool>());
}

TEST(Mask, DeclaresWhatItRecomputes) {
  const auto matcher = test::own_plugins().make_matcher("mask", {{"source", std::string("b")}});
  const Reruns reruns = matcher->reruns({{"a", false}, {"b", true}, {"c", true}});
  EXPECT_EQ(reruns.maps, (std::vector<size_t>{0, 2}));
  EXPECT_EQ(reruns.sources, std::vector<size_t>{1});
  EXPECT_EQ(test::message_of(Fault::spec,
                             [&] {
                               matcher->reruns({{"cam", false}, {"bb", true}});
                             }),
            "the mask's source \"b\" is none of the maps that are matched (did you mean \"bb\"?)");
}

TEST(Mask, RefusesMapsThatDoNotFitTheInput) {
  const std::string said = test::message_of(Fault::run, [] {
    masked(seeded({1, 2, 4, 4}, 1), seeded({1, 3, 4, 4}, 2), {});
  });
  EXPECT_TRUE(test::contains(said, "has 2 channels of 2 dimensions, the input 3 of 2")) << said;
  test::message_of(Fault::run, [] { masked(seeded({1, 1, 4}, 1), seeded({1, 3, 4, 4}, 2), {}); });
}

}  // namespace
}  // namespace attune
