// Raw maps brought to the size and scale of a picture.
#pragma once

#include "image/image.h"

namespace attune {

// The map as float64 on the CPU. Throws Error(Fault::run) unless it has `rank` axes, values, and only finite ones.
at::Tensor drawable(const at::Tensor& map, int64_t rank);

// float64 [S1,S2] -> float32 [height,width]: values/range in -1..1 over `region` of a picture of that size, 0 outside
// of it; all 0 when `range` is 0.
at::Tensor heat(const at::Tensor& values, double range, const Region& region, int64_t height, int64_t width);

// [S1,S2] -> float32 [height,width], the map smoothly enlarged (or shrunk) over `region`; continued outside of it.
at::Tensor spread(const at::Tensor& values, const Region& region, int64_t height, int64_t width);

// Rows and columns of the picture whose middle lies in the region, each as first and one past the last.
struct Inside {
  int64_t top, bottom, left, right;

  bool contains(int64_t y, int64_t x) const { return y >= top && y < bottom && x >= left && x < right; }
  // That part of a picture [H,W,...].
  at::Tensor of(const at::Tensor& picture) const { return picture.slice(0, top, bottom).slice(1, left, right); }
};
Inside inside(const Region& region, int64_t height, int64_t width);

// What of a map is heat: its positive values, or signed: their size.
at::Tensor heat_in(const at::Tensor& map, bool signed_);

// The value below which that share of all lie.
double value_at(const at::Tensor& values, double share, bool upwards = false);

// A high quantile of heat of many cells, among which there are isolated peaks; the greatest when hardly any is hot.
double usual_peak(const at::Tensor& heat);

// Floating-point levels of 0..255, rounded; NaN is 0.
at::Tensor bytes_of(const at::Tensor& levels);

// uint8 [3,H,W] or, of grey, [1,H,W] -> a picture.
Image in_rgb(const at::Tensor& channels);

// A map [T,S1,S2] seen at `count` places along its first axis, between which it is linear.
class Slices {
 public:
  // `map` is float64, as drawable() gives it.
  Slices(at::Tensor map, int64_t count);

  at::Tensor slice(int64_t place) const;  // [S1,S2]
  // How much heat there is in each, positive (or signed: absolute) values summed.
  std::vector<double> strengths(bool signed_) const;

 private:
  // What a tap makes of the steps along the first axis.
  static at::Tensor sum_of(const Taps& tap, const at::Tensor& steps);

  at::Tensor map_;
  std::vector<Taps> taps_;  // of each place
};

struct ChosenSlice {
  int64_t index = 0;
  bool hot = false;  // chosen for its heat
};

// `shown` of the slices, in order: up to half of them are those with the most heat that do not lie close to each other,
// the others are evenly spaced. All, when there are no more.
std::vector<ChosenSlice> choose_slices(const std::vector<double>& strengths, int64_t shown);

}  // namespace attune
