// What is drawn of a signal and its map.
#pragma once

#include <ATen/core/Tensor.h>
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "render/signal_picture.h"

namespace attune {

struct SignalCurve {
  int64_t channel = 0;
  std::vector<float> values;
  std::vector<float> heat;  // as many, -1..1; none without a map
};

// Of `signal` [C,L] and `map` (as signal_picture takes them), the channels to draw, in order.
std::vector<SignalCurve> curves_of(const at::Tensor& signal, const at::Tensor& map, const SignalOptions& options);

inline float strength(float heat, bool signed_) { return signed_ ? std::abs(heat) : std::max(heat, 0.0F); }

struct CurvePoint {
  double sample = 0;
  float value = 0;
  float heat = 0;
};

// All samples, or of a long signal the least and the greatest of each of `bins` equal parts, with its strongest heat.
std::vector<CurvePoint> points_of(const SignalCurve& curve, int64_t bins, bool signed_);

// The curve's heat in each of `count` columns from its first sample to its last: between samples linear, and of several
// samples in a column the strongest.
std::vector<float> heat_columns(const SignalCurve& curve, int64_t count, bool signed_);

}  // namespace attune
