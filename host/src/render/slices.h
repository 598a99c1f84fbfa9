// A map's steps along its first axis: the moments of a clip, the slices of a volume.
#pragma once

#include <ATen/core/Tensor.h>
#include <cstdint>
#include <vector>

namespace attune {

// A map [T,S1,S2] seen at `count` places along its first axis, between which it is linear.
class Slices {
 public:
  // `map` is float64, as drawable() gives it.
  Slices(at::Tensor map, int64_t count);

  at::Tensor slice(int64_t place) const;  // [S1,S2]
  // How much heat there is in each, positive (or signed: absolute) values summed.
  std::vector<double> strengths(bool signed_) const;

 private:
  at::Tensor map_;
  int64_t count_;
};

struct ChosenSlice {
  int64_t index = 0;
  bool hot = false;  // chosen for its heat
};

// `shown` of the slices, in order: up to half of them are those with the most heat that do not lie close to each other,
// the others are evenly spaced. All, when there are no more.
std::vector<ChosenSlice> choose_slices(const std::vector<double>& strengths, int64_t shown);

// The middles of `shown` equal parts of `count`.
std::vector<int64_t> even_places(int64_t count, int64_t shown);

}  // namespace attune
