#include "render/heat.h"

#include <ATen/ops/zeros.h>
#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

#include <attune/sdk/error.h>

#include "base/text.h"
#include "image/image.h"
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

std::vector<Taps> slice_taps(int64_t steps, int64_t count) {
  return filter_taps(steps, 0, static_cast<double>(steps), count, Filter::linear);
}

// The nearest place that is not taken; there is one.
int64_t free_place(const std::vector<bool>& taken, int64_t wanted) {
  const auto count = static_cast<int64_t>(taken.size());
  for (int64_t distance = 0;; ++distance) {
    for (const int64_t place : {wanted + distance, wanted - distance}) {
      if (place >= 0 && place < count && !taken[static_cast<size_t>(place)]) return place;
    }
  }
}

// The hottest first, none nearer to another than `distance`.
std::vector<int64_t> hottest(const std::vector<double>& strengths, int64_t most, int64_t distance) {
  std::vector<int64_t> order(strengths.size()), found;
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](int64_t a, int64_t b) {
    return strengths[static_cast<size_t>(a)] > strengths[static_cast<size_t>(b)];
  });
  for (const int64_t place : order) {
    if (static_cast<int64_t>(found.size()) == most || !(strengths[static_cast<size_t>(place)] > 0)) break;
    const auto near = [&](int64_t other) { return std::abs(other - place) < distance; };
    if (std::none_of(found.begin(), found.end(), near)) found.push_back(place);
  }
  return found;
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

Slices::Slices(at::Tensor map, int64_t count) : map_(map.contiguous()), count_(count) {}

at::Tensor Slices::slice(int64_t place) const {
  const Taps tap = slice_taps(map_.size(0), count_)[static_cast<size_t>(place)];
  const int64_t cells = map_.size(1) * map_.size(2);
  at::Tensor result = at::zeros({map_.size(1), map_.size(2)}, at::kDouble);
  double* out = result.data_ptr<double>();
  for (size_t i = 0; i < tap.weights.size(); ++i) {
    const double* in = map_.data_ptr<double>() + (tap.first + static_cast<int64_t>(i)) * cells;
    for (int64_t cell = 0; cell < cells; ++cell) out[cell] += tap.weights[i] * in[cell];
  }
  return result;
}

std::vector<double> Slices::strengths(bool signed_) const {
  const int64_t cells = map_.size(1) * map_.size(2);
  std::vector<double> of_steps, result;
  for (int64_t step = 0; step < map_.size(0); ++step) {
    const double* in = map_.data_ptr<double>() + step * cells;
    of_steps.push_back(std::accumulate(in, in + cells, 0.0, [&](double sum, double value) {
      return sum + (signed_ ? std::abs(value) : std::max(value, 0.0));
    }));
  }
  for (const Taps& tap : slice_taps(map_.size(0), count_)) {
    result.push_back(std::inner_product(tap.weights.begin(), tap.weights.end(), of_steps.begin() + tap.first, 0.0));
  }
  return result;
}

std::vector<int64_t> even_places(int64_t count, int64_t shown) {
  std::vector<int64_t> places;
  for (int64_t i = 0; i < shown; ++i) places.push_back((2 * i + 1) * count / (2 * shown));
  return places;
}

std::vector<ChosenSlice> choose_slices(const std::vector<double>& strengths, int64_t shown) {
  const auto count = static_cast<int64_t>(strengths.size());
  std::vector<bool> taken(strengths.size(), shown >= count), hot(strengths.size(), false);
  if (shown < count) {
    const std::vector<int64_t> found = hottest(strengths, (shown + 1) / 2, std::max<int64_t>(count / (2 * shown), 1));
    for (const int64_t place : found) taken[static_cast<size_t>(place)] = hot[static_cast<size_t>(place)] = true;
    for (const int64_t place : even_places(count, shown - static_cast<int64_t>(found.size()))) {
      taken[static_cast<size_t>(free_place(taken, place))] = true;
    }
  }
  std::vector<ChosenSlice> chosen;
  for (int64_t place = 0; place < count; ++place) {
    if (taken[static_cast<size_t>(place)]) chosen.push_back({place, hot[static_cast<size_t>(place)]});
  }
  return chosen;
}

}  // namespace attune
