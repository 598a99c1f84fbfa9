// Pictures to draw on, and what the tests ask of the results.
#pragma once

#include <ATen/ATen.h>
#include <functional>
#include <optional>
#include <utility>

#include <attune/sdk/error.h>

#include "image/image.h"
#include "picture.h"

namespace attune::test {

inline Image grey(int64_t height, int64_t width, int level) { return plain(height, width, level, level, level); }

// Fine structure in all channels, the same on every run.
inline Image textured(int64_t height, int64_t width) {
  return at::arange(height * width * 3, at::kLong).mul(37).remainder(251).to(at::kByte).view({height, width, 3});
}

// [H,W], the summed difference of the channels.
inline at::Tensor difference(const Image& a, const Image& b) {
  return (a.to(at::kDouble) - b.to(at::kDouble)).abs().sum(2);
}

inline double largest_difference(const Image& a, const Image& b) {
  return (a.to(at::kDouble) - b.to(at::kDouble)).abs().max().item<double>();
}

struct Point {
  double x;
  double y;
};

// The centre of mass of [H,W] in pixels, where pixel i covers [i,i+1].
inline Point centre_of_mass(const at::Tensor& weights) {
  const double total = weights.sum().item<double>();
  const at::Tensor x = at::arange(weights.size(1), at::kDouble) + 0.5,
                   y = at::arange(weights.size(0), at::kDouble) + 0.5;
  return {(weights.sum(0) * x).sum().item<double>() / total, (weights.sum(1) * y).sum().item<double>() / total};
}

// First and last row of what is true in [H,W], and columns. There must be something.
struct Extent {
  int64_t top, bottom, left, right;
};

inline Extent extent(const at::Tensor& where) {
  const auto ends = [](const at::Tensor& any) {
    const at::Tensor found = any.nonzero();
    return std::pair(found[0].item<int64_t>(), found[-1].item<int64_t>());
  };
  const auto [top, bottom] = ends(where.any(1));
  const auto [left, right] = ends(where.any(0));
  return {top, bottom, left, right};
}

inline int channel(const Image& image, int64_t y, int64_t x, int64_t c) { return image[y][x][c].item<int>(); }

// The fault of the Error that `action` throws, and nothing when it throws none.
inline std::optional<Fault> fault_of(const std::function<void()>& action, std::string* message = nullptr) {
  try {
    action();
  } catch (const Error& error) {
    if (message) *message = error.what();
    return error.fault();
  }
  return std::nullopt;
}

}  // namespace attune::test
