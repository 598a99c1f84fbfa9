// Signals: curves whose colour says what a map says.
#pragma once

#include <ATen/core/Tensor.h>
#include <cstdint>

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

}  // namespace attune
