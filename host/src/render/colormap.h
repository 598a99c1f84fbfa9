// Colours for numbers.
#pragma once

#include <algorithm>

#include "image/image.h"
#include "render/text.h"

namespace attune {

struct Colormap {
  std::string name;
  bool diverging = false;  // zero lies in the middle
  std::array<Colour, 256> colours{};

  // For 0..1; what lies below, and NaN, is 0, and what lies above is 1.
  const Colour& at(float share) const {
    return colours[static_cast<size_t>(std::lround((share > 0 ? std::min(share, 1.0F) : 0.0F) * 255))];
  }
};

// viridis, magma, inferno, plasma, cividis, turbo, grey and, diverging, blue_red.
std::vector<std::string> colormap_names();

// Throws Error(Fault::usage) with the nearest name.
const Colormap& colormap(const std::string& name);

// `values` [H,W] in 0..1 (clamped) -> [H,W,3].
Image apply(const Colormap& colormap, const at::Tensor& values);

// The values that are drawn black and white.
struct Tones {
  double black = 0;
  double white = 1;
};

// Of everything that is drawn side by side, so that one value has one grey: from the 0.1st to the 99.9th percentile (of
// few values, from the least to the greatest), and as far below zero as above it when both sides are of a like size, so
// that zero is the grey in the middle.
Tones tones_of(const at::Tensor& values);

// uint8 of the same shape.
at::Tensor grey_levels(const at::Tensor& values, const Tones& tones);

// [C,H,W] -> a picture: three channels as red, green and blue, any other number as grey by their mean.
Image tensor_picture(const at::Tensor& values, const Tones& tones);

}  // namespace attune
