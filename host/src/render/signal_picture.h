// Signals: curves whose colour says what a map says.
#pragma once

#include "image/image.h"
#include "render/overlay.h"

namespace attune {

struct SignalOptions {
  OverlayOptions heat;  // its colormap, sign and range
  int64_t shown = 12;   // channels at most: the first ones, or, with heat of their own, those with the most
  int64_t width = 960;  // in pixels, at least 200
  int64_t height = 0;   // of the plot of one channel; 0: by their number
};

// The channels of `signal` [C,L] below each other over one axis of time, in samples. `map`, [1,M] for all channels or
// [C,M], is resized linearly to the signal's length: its heat is the colour of the curves, and of a band below them.
// Without a map there are the curves alone. Throws Error(Fault::run) for other shapes.
Image signal_picture(const at::Tensor& signal, const at::Tensor& map, const SignalOptions& options = {});

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
