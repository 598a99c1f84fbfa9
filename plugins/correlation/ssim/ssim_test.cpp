#include <algorithm>
#include <cmath>
#include <gtest/gtest.h>

#include "correlations.h"
#include "errors.h"

namespace attune {
namespace {

using test::Given;

const Given zero{{"padding", "zero"}};

// Outer product of normalised Gaussians, one per axis.
at::Tensor gaussian(const std::vector<int64_t>& windows, double sigma) {
  at::Tensor kernel = at::ones(std::vector<int64_t>(windows.size(), 1), at::kDouble);
  for (size_t axis = 0; axis < windows.size(); ++axis) {
    std::vector<double> weights;
    double total = 0;
    for (int64_t i = 0; i < windows[axis]; ++i) {
      weights.push_back(std::exp(-std::pow(double(i) - double(windows[axis] - 1) / 2, 2) / (2 * sigma * sigma)));
      total += weights.back();
    }
    std::vector<int64_t> shape(windows.size(), 1);
    shape[axis] = windows[axis];
    kernel = kernel * at::tensor(weights, at::kDouble).view(shape) / total;
  }
  return kernel;
}

at::Tensor index(const at::Tensor& ma, const at::Tensor& mb, const at::Tensor& va, const at::Tensor& vb,
                 const at::Tensor& vab, double c1, double c2) {
  const at::Tensor map = ((2 * ma * mb + c1) * (2 * vab + c2)) / ((ma * ma + mb * mb + c1) * (va + vb + c2));
  return map.flatten(1).mean(1);
}

// Every window cut out; weighted means, and variances about them.
at::Tensor valid(const at::Tensor& a, const at::Tensor& b, int64_t window, double sigma, double c1, double c2) {
  std::vector<int64_t> windows;
  for (const int64_t extent : a.sizes().slice(2)) windows.push_back(std::min(window, extent));
  const auto cut = [&](at::Tensor x) {
    for (size_t axis = 0; axis < windows.size(); ++axis) x = x.unfold(static_cast<int64_t>(axis) + 2, windows[axis], 1);
    return x.flatten(static_cast<int64_t>(windows.size()) + 2);
  };
  const at::Tensor weights = gaussian(windows, sigma).flatten(), x = cut(a), y = cut(b);
  const auto mean = [&](const at::Tensor& cells) { return (cells * weights).sum(-1, true); };
  const at::Tensor ma = mean(x), mb = mean(y);
  return index(ma, mb, mean((x - ma).square()), mean((y - mb).square()), mean((x - ma) * (y - mb)), c1, c2);
}

// The usual implementation: convolutions by channel with a whole 11-cell kernel and padding 5.
at::Tensor padded(const at::Tensor& a, const at::Tensor& b) {
  const size_t rank = static_cast<size_t>(a.dim() - 2);
  std::vector<int64_t> shape{a.size(1), 1};
  shape.resize(rank + 2, 11);
  const at::Tensor kernel = gaussian(std::vector<int64_t>(rank, 11), 1.5).expand(shape).contiguous();
  const auto filtered = [&](const at::Tensor& x) {
    if (rank == 1) return at::conv1d(x, kernel, {}, 1, 5, 1, x.size(1));
    if (rank == 2) return at::conv2d(x, kernel, {}, 1, 5, 1, x.size(1));
    return at::conv3d(x, kernel, {}, 1, 5, 1, x.size(1));
  };
  const at::Tensor ma = filtered(a), mb = filtered(b);
  return index(ma, mb, filtered(a * a) - ma * ma, filtered(b * b) - mb * mb, filtered(a * b) - ma * mb, 1e-4, 9e-4);
}

TEST(Ssim, OfWindowsInsideTheMap) {
  test::expect_values("ssim", {},
                      [](const at::Tensor& a, const at::Tensor& b) { return valid(a, b, 11, 1.5, 1e-4, 9e-4); });
  const Given other{{"window", int64_t{3}}, {"sigma", 0.8}, {"c1", 0.02}, {"c2", 0.3}};
  test::expect_values("ssim", other,
                      [](const at::Tensor& a, const at::Tensor& b) { return valid(a, b, 3, 0.8, 0.02, 0.3); });
}

TEST(Ssim, WithZerosAroundTheMap) {
  test::expect_values("ssim", zero, padded);
  const at::Tensor a = test::seeded({2, 3, 24, 19}, 1), b = 0.5 * a + test::seeded({2, 3, 24, 19}, 2);
  EXPECT_TRUE(at::allclose(test::correlate("ssim", zero, a, b), padded(a, b), 1e-10, 1e-12));
  EXPECT_FALSE(at::allclose(test::correlate("ssim", {}, a, b), padded(a, b), 1e-3, 1e-3));
}

TEST(Ssim, OfAMapWithItself) {
  for (const auto& [a, b] : test::map_pairs()) {
    for (const Given& given : {Given{}, zero}) {
      EXPECT_TRUE(at::allclose(test::correlate("ssim", given, a, a), at::ones({3}, at::kDouble)));
      EXPECT_TRUE(at::allclose(test::correlate("ssim", given, 1e25 * a, 1e25 * a), at::ones({3}, at::kDouble)));
    }
  }
}

TEST(Ssim, BatchRangeAndDerivatives) {
  const Given steady{{"c1", 0.05}, {"c2", 0.05}, {"window", int64_t{5}}};
  Given steady_zero = steady;
  steady_zero["padding"] = "zero";
  test::expect_properties("ssim", steady);
  test::expect_properties("ssim", steady_zero);
}

// Above 1 maps are divided before they are squared; the value must not notice.
TEST(Ssim, DividesNothingThatMatters) {
  for (const auto& [a, b] : test::map_pairs()) {
    const at::Tensor expected = valid(400 * a, 400 * b, 11, 1.5, 1e-4, 9e-4);
    EXPECT_TRUE(at::allclose(test::correlate("ssim", {}, 400 * a, 400 * b), expected, 1e-8, 1e-10));
  }
}

TEST(Ssim, TinyAndHugeMaps) {
  for (const test::MapPair& pair : test::map_pairs()) {
    for (const Given& given : {Given{}, zero}) {
      EXPECT_TRUE(at::allclose(test::at_scale("ssim", given, pair, 1e-20)[0], at::ones({3})));
      const at::Tensor huge = test::at_scale("ssim", given, pair, 1e25)[0];
      EXPECT_LE(huge.abs().max().item<double>(), 1 + 1e-6);
      EXPECT_TRUE(at::allclose(huge, test::at_scale("ssim", given, pair, 1e6)[0], 1e-3, 1e-4));
    }
  }
}

// Flat areas of large maps, where rounding is all that is left of a variance.
TEST(Ssim, FlatAreasOfLargeMaps) {
  const auto banded = [](uint64_t seed) {
    return (1e24 * test::seeded({64, 1, 3, 1}, seed)).repeat_interleave(16, 2).expand({64, 1, 48, 13}).to(at::kFloat);
  };
  const at::Tensor a = banded(1), b = banded(2);
  for (const Given& given : {Given{}, zero}) {
    EXPECT_LE(test::correlate("ssim", given, a, b).abs().max().item<double>(), 1 + 1e-6);
    EXPECT_TRUE(at::allclose(test::correlate("ssim", given, a, a), at::ones({64})));
  }
}

TEST(Ssim, NearlyConstantMaps) {
  test::expect_constant_rows_are_finite("ssim", {});
  test::expect_constant_rows_are_finite("ssim", zero);
}

TEST(Ssim, RefusesAnEvenWindow) {
  const std::string message = test::message_of(Fault::spec, [] {
    test::own_plugins().make_correlation("ssim", {{"window", int64_t{8}}});
  });
  EXPECT_TRUE(test::contains(message, "\"window\" must be odd, not 8")) << message;
}

}  // namespace
}  // namespace attune
