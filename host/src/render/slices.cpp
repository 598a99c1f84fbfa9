#include "render/slices.h"

#include <ATen/ops/zeros.h>
#include <algorithm>
#include <cmath>
#include <numeric>

#include "image/resample.h"

namespace attune {
namespace {

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
