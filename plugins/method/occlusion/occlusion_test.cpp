#include <gtest/gtest.h>

#include <attune/sdk/error.h>

#include "methods.h"

namespace attune {
namespace {

using test::Given;
using Extents = std::vector<int64_t>;
using List = std::vector<double>;

// Where windows begin along one axis.
Extents starts(int64_t extent, int64_t window, int64_t stride) {
  Extents found;
  for (int64_t start = 0; start < extent - window; start += stride) found.push_back(start);
  found.push_back(extent - window);
  return found;
}

// One window after the other, each in a pass of its own.
at::Tensor reference(TorchScriptModel& model, const at::Tensor& x, const Extents& window, const Extents& stride,
                     std::optional<double> fill, int64_t target) {
  const auto score = [&](const at::Tensor& input) { return model.module_output(input, false).select(1, target); };
  std::vector<std::vector<Extents>> corners{{{}}};  // begun, by axes
  for (size_t axis = 0; axis < window.size(); ++axis) {
    corners.emplace_back();
    for (const Extents& corner : corners[axis]) {
      for (const int64_t start : starts(x.size(static_cast<int64_t>(axis) + 2), window[axis], stride[axis])) {
        corners.back().push_back(corner);
        corners.back().back().push_back(start);
      }
    }
  }
  at::Tensor sum = at::zeros_like(x.narrow(1, 0, 1)), count = at::zeros_like(sum);
  for (const Extents& corner : corners.back()) {
    at::Tensor mask = at::zeros_like(sum);
    at::Tensor inside = mask;
    for (size_t axis = 0; axis < corner.size(); ++axis) {
      inside = inside.narrow(static_cast<int64_t>(axis) + 2, corner[axis], window[axis]);
    }
    inside.fill_(1);
    at::Tensor filling = at::zeros_like(x) + x.flatten(2).mean(2).view(inside.dim() == 3   ? Extents{-1, 2, 1}
                                                                       : inside.dim() == 4 ? Extents{-1, 2, 1, 1}
                                                                                           : Extents{-1, 2, 1, 1, 1});
    if (fill) filling = at::full_like(x, *fill);
    Extents rows(static_cast<size_t>(x.dim()), 1);
    rows[0] = -1;
    sum += mask * (score(x) - score(x * (1 - mask) + filling * mask)).view(rows);
    count += mask;
  }
  EXPECT_GT(count.min().item<double>(), 0) << "every cell is hidden once at least";
  return sum / count;
}

TEST(Occlusion, IsTheMeanDropOverTheWindowsAtEachPlace) {
  const Extents windows{3, 2, 4}, strides{2, 1, 3};
  for (int64_t rank = 1; rank <= 3; ++rank) {
    TorchScriptModel model(test::model_of_rank(rank, "torch.relu(x)"));
    const at::Tensor x = test::input_of_rank(rank, 2, 1);
    const auto axes = static_cast<size_t>(rank);
    const Extents window(windows.begin(), windows.begin() + rank), stride(strides.begin(), strides.begin() + rank);
    const Given given{{"window", List(window.begin(), window.end())}, {"stride", List(stride.begin(), stride.end())}};
    const auto map = [&](Given more) {
      more.insert(given.begin(), given.end());
      return test::map_of(model, x, "occlusion", more, 2);
    };
    ASSERT_EQ(window.size(), axes);
    EXPECT_TRUE(at::allclose(map({}), reference(model, x, window, stride, 0.0, 2), 1e-9, 1e-12)) << rank;
    EXPECT_TRUE(at::allclose(map({{"fill", 0.7}}), reference(model, x, window, stride, 0.7, 2), 1e-9, 1e-12)) << rank;
    EXPECT_TRUE(at::allclose(map({{"fill", std::string("mean")}}), reference(model, x, window, stride, {}, 2), 1e-9,
                             1e-12))
        << rank;
  }
}

TEST(Occlusion, OneNumberIsForAllAxesAndHalfAWindowIsTheStep) {
  TorchScriptModel model(test::model_of_rank(2, "torch.relu(x)"));
  const at::Tensor x = test::input_of_rank(2, 2, 3);
  EXPECT_TRUE(at::allclose(test::map_of(model, x, "occlusion", {{"window", List{3}}}, 1),
                           reference(model, x, {3, 3}, {1, 1}, 0.0, 1), 1e-9, 1e-12));
  EXPECT_TRUE(at::allclose(test::map_of(model, x, "occlusion", {{"window", List{1000, 2}}}, 1),
                           reference(model, x, {4, 2}, {4, 1}, 0.0, 1), 1e-9, 1e-12))
      << "a window is as long as the input at most";
}

// A seventh, a quarter of three axes, and one cell at least.
TEST(Occlusion, WithoutAWindowItIsAShareOfEachAxis) {
  const std::vector<std::pair<Extents, Extents>> windows_of{
      {{30}, {4}}, {{14, 5}, {2, 1}}, {{8, 4, 1}, {2, 1, 1}}};
  for (const auto& [extents, window] : windows_of) {
    const auto rank = static_cast<int64_t>(extents.size());
    TorchScriptModel model(test::model_of_rank(rank, "torch.relu(x)"));
    Extents shape{2, 2};
    shape.insert(shape.end(), extents.begin(), extents.end());
    const at::Tensor x = test::seeded(shape, 5);
    Extents stride;
    for (const int64_t length : window) stride.push_back(std::max<int64_t>(1, length / 2));
    EXPECT_TRUE(at::allclose(test::map_of(model, x, "occlusion", {}, 1),
                             reference(model, x, window, stride, 0.0, 1), 1e-9, 1e-12))
        << rank;
  }
}

TEST(Occlusion, BatchEqualsSamples) { test::expect_batch_equals_samples("occlusion", {{"window", List{2}}}); }

TEST(Occlusion, RefusesWindowsThatDoNotFit) {
  const auto refusal = [](const Given& given, const Extents& shape = {1, 2, 4, 5}) -> std::string {
    TorchScriptModel model(test::model_of_rank(2, "torch.relu(x)"));
    try {
      test::map_of(model, at::ones(shape, at::kDouble), "occlusion", given, 0);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  const std::string made = "method \"occlusion\": ", run = "the method of map 'occlusion': ";
  EXPECT_EQ(refusal({{"window", List{2.5}}}), made + "parameter \"window\" must hold whole numbers, not 2.5");
  EXPECT_EQ(refusal({{"window", List{2}}, {"stride", List{3}}}),
            made + "parameter \"stride\" must not be larger than the window, 2, or no window would hide what lies "
                   "between; it is 3");
  EXPECT_EQ(refusal({{"stride", List{2}}}),
            run + "parameter \"stride\" must not be larger than the window, 1, or no window would hide what lies "
                  "between; it is 2");
  EXPECT_EQ(refusal({{"window", List{2, 3}}, {"stride", List{1, 1, 1}}}),
            made + "parameters \"window\" and \"stride\" must hold as many numbers, or one for all");
  EXPECT_EQ(refusal({{"window", List{2, 3, 4}}}),
            run + "parameter \"window\" holds 3 numbers, but the input has 2 axes");
  EXPECT_EQ(refusal({{"window", List{9000}}}),
            run + "a window of 4 x 5 hides the whole input of 4 x 5, so that every place looks alike; \"window\" must "
                  "be less than 5, or left out for a share of each axis");
  EXPECT_EQ(refusal({}, {1, 2, 1, 1}),
            run + "a window of 1 x 1 hides the whole input of 1 x 1, so that every place looks alike; an input of one "
                  "cell has no other");
}

}  // namespace
}  // namespace attune
