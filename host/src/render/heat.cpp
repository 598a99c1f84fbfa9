#include "render/heat.h"

#include <ATen/ATen.h>
#include <map>
#include <numeric>

#include <attune/sdk/error.h>

#include "base/numbers.h"
#include "base/text.h"
#include "render/overlay.h"

namespace attune {
namespace {

// Up to this many cells every peak of a map is meant; finer ones have isolated pixels that would leave nothing for the
// rest.
constexpr int64_t kCoarse = 64 * 64;

// Taps over `count` pixels of a picture for a map of `size` cells that covers `begin`..`begin + extent` of it.
std::vector<Taps> taps_over(int64_t size, double begin, double extent, int64_t count) {
  const double cells = static_cast<double>(size) / extent;
  return filter_taps(size, -begin * cells, (static_cast<double>(count) - begin) * cells, count, Filter::cubic);
}

// The nearest place that is not taken; there is one.
int64_t free_place(const std::map<int64_t, bool>& taken, int64_t count, int64_t wanted) {
  for (int64_t distance = 0;; ++distance) {
    for (const int64_t place : {wanted + distance, wanted - distance}) {
      if (place >= 0 && place < count && taken.count(place) == 0) return place;
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
  if (!at::isfinite(values).all().item<bool>()) {
    throw Error(Fault::run, "the map " + shape_text(map.sizes().vec()) + " has values that are not finite");
  }
  return values;
}

double value_at(const at::Tensor& values, double share, bool upwards) {
  const double place = share * static_cast<double>(values.numel() - 1);
  const auto nth = static_cast<int64_t>(upwards ? std::ceil(place) : std::floor(place));
  return std::get<0>(values.flatten().kthvalue(nth + 1)).item<double>();
}

double usual_peak(const at::Tensor& heat) {
  const double high = value_at(heat, 0.99);
  return high > 0 ? high : heat.max().item<double>();
}

double heat_range(const at::Tensor& map, bool signed_) {
  const at::Tensor values = drawable(map, map.defined() ? map.dim() : 0);
  const at::Tensor heat = heat_in(values, signed_);
  const int64_t cells = values.dim() < 2 ? values.numel() : values.size(-1) * values.size(-2);
  return cells > kCoarse ? usual_peak(heat) : heat.max().item<double>();
}

at::Tensor heat_in(const at::Tensor& map, bool signed_) { return signed_ ? map.abs() : map.clamp_min(0); }

at::Tensor bytes_of(const at::Tensor& levels) { return levels.nan_to_num(0).clamp_(0, 255).add_(0.5).to(at::kByte); }

Image in_rgb(const at::Tensor& channels) { return channels.expand({3, -1, -1}).permute({1, 2, 0}).contiguous(); }

at::Tensor spread(const at::Tensor& values, const Region& region, int64_t height, int64_t width) {
  const bool fine = std::isfinite(region.x) && std::isfinite(region.y) && region.width > 0 && region.height > 0 &&
                    std::isfinite(region.width) && std::isfinite(region.height);
  if (!fine) throw Error(Fault::run, "a map cannot be drawn over an empty region of a picture");
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
  // Divided in float64: neither the greatest nor the smallest numbers overflow or vanish.
  const at::Tensor scaled = range > 0 ? (values / range).clamp_(-1, 1) : at::zeros_like(values);
  const Inside part = inside(region, height, width);
  at::Tensor result = at::zeros({height, width}, at::kFloat);
  part.of(result).copy_(part.of(spread(scaled, region, height, width)).clamp_(-1, 1));
  return result;
}

Slices::Slices(at::Tensor map, int64_t count)
    : map_(std::move(map)),
      taps_(filter_taps(map_.size(0), 0, static_cast<double>(map_.size(0)), count, Filter::linear)) {}

at::Tensor Slices::sum_of(const Taps& tap, const at::Tensor& steps) {
  at::Tensor result = at::zeros_like(steps[0]);
  for (size_t i = 0; i < tap.weights.size(); ++i) {
    result += tap.weights[i] * steps[tap.first + static_cast<int64_t>(i)];
  }
  return result;
}

at::Tensor Slices::slice(int64_t place) const { return sum_of(taps_[static_cast<size_t>(place)], map_); }

std::vector<double> Slices::strengths(bool signed_) const {
  const at::Tensor of_steps = heat_in(map_, signed_).sum({1, 2});
  std::vector<double> result;
  for (const Taps& tap : taps_) result.push_back(sum_of(tap, of_steps).item<double>());
  return result;
}

std::vector<ChosenSlice> choose_slices(const std::vector<double>& strengths, int64_t shown) {
  const auto count = static_cast<int64_t>(strengths.size());
  std::map<int64_t, bool> chosen;  // for its heat or not, by place
  if (shown < count) {
    const int64_t distance = std::max<int64_t>(count / (2 * shown), 1);
    for (const int64_t place : hottest(strengths, (shown + 1) / 2, distance)) chosen[place] = true;
  }
  for (const int64_t place : even_places(count, std::min(shown, count) - std::ssize(chosen))) {
    chosen[free_place(chosen, count, place)] = false;
  }
  std::vector<ChosenSlice> slices;
  for (const auto& [place, hot] : chosen) slices.push_back({place, hot});
  return slices;
}

}  // namespace attune
