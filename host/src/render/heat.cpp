#include "render/heat.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <attune/sdk/error.h>

#include "base/text.h"
#include "image/resample.h"
#include "render/overlay.h"

namespace attune {
namespace {

// Up to this many cells every peak of a map is meant; finer ones have isolated pixels that would leave nothing for the
// rest.
constexpr int64_t kCoarse = 64 * 64;
constexpr double kQuantile = 0.99;

Region checked(const Region& region) {
  const bool fine = std::isfinite(region.x) && std::isfinite(region.y) && region.width > 0 && region.height > 0 &&
                    std::isfinite(region.width) && std::isfinite(region.height);
  if (!fine) throw Error(Fault::run, "a map cannot be drawn over an empty region of a picture");
  return region;
}

// Taps over `count` pixels of a picture for a map of `size` cells that covers `begin`..`begin + extent` of it.
std::vector<Taps> taps_over(int64_t size, double begin, double extent, int64_t count) {
  const double cells = static_cast<double>(size) / extent;
  return filter_taps(size, -begin * cells, (static_cast<double>(count) - begin) * cells, count, Filter::cubic);
}

}  // namespace

at::Tensor drawable(const at::Tensor& map, int64_t rank) {
  if (!map.defined() || map.dim() != rank || map.numel() == 0) {
    throw Error(Fault::run, "a map with " + std::to_string(rank) + " axes can be drawn, but this one " +
                                (map.defined() ? "has the shape " + shape_text(map.sizes().vec()) : "is undefined"));
  }
  at::Tensor values = map.detach().to(at::kCPU, at::kDouble).contiguous();
  const double* first = values.data_ptr<double>();
  if (!std::all_of(first, first + values.numel(), [](double value) { return std::isfinite(value); })) {
    throw Error(Fault::run, "the map " + shape_text(map.sizes().vec()) + " has values that are not finite");
  }
  return values;
}

double heat_range(const at::Tensor& map, bool signed_) {
  const at::Tensor values = drawable(map, map.defined() ? map.dim() : 0);
  std::vector<double> heat(values.data_ptr<double>(), values.data_ptr<double>() + values.numel());
  for (double& value : heat) value = signed_ ? std::abs(value) : std::max(value, 0.0);
  const double greatest = *std::max_element(heat.begin(), heat.end());
  const int64_t cells = values.dim() < 2 ? values.numel() : values.size(-1) * values.size(-2);
  if (cells <= kCoarse) return greatest;
  const auto nth = heat.begin() + static_cast<std::ptrdiff_t>(kQuantile * static_cast<double>(heat.size() - 1));
  std::nth_element(heat.begin(), nth, heat.end());
  return *nth > 0 ? *nth : greatest;
}

at::Tensor spread(const at::Tensor& values, const Region& region, int64_t height, int64_t width) {
  checked(region);
  return resample(values.to(at::kFloat), taps_over(values.size(0), region.y, region.height, height),
                  taps_over(values.size(1), region.x, region.width, width));
}

Inside inside(const Region& region, int64_t height, int64_t width) {
  const auto pixel = [](double position, int64_t limit) {
    return static_cast<int64_t>(std::clamp(std::ceil(position - 0.5), 0.0, static_cast<double>(limit)));
  };
  return {pixel(region.y, height), pixel(region.y + region.height, height), pixel(region.x, width),
          pixel(region.x + region.width, width)};
}

at::Tensor heat(const at::Tensor& values, double range, const Region& region, int64_t height, int64_t width) {
  at::Tensor scaled = values.clone();
  double* cells = scaled.data_ptr<double>();
  // Divided in float64: neither the greatest nor the smallest numbers overflow or vanish.
  for (int64_t i = 0; i < scaled.numel(); ++i) cells[i] = range > 0 ? std::clamp(cells[i] / range, -1.0, 1.0) : 0;
  at::Tensor result = spread(scaled, region, height, width);
  const Inside part = inside(region, height, width);
  float* out = result.data_ptr<float>();
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t x = 0; x < width; ++x, ++out) *out = part.contains(y, x) ? std::clamp(*out, -1.0F, 1.0F) : 0.0F;
  }
  return result;
}

}  // namespace attune
