// Colours for numbers.
#pragma once

#include <ATen/core/Tensor.h>
#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "image/image.h"

namespace attune {

struct Colormap {
  std::string name;
  bool diverging = false;  // zero lies in the middle
  std::array<std::array<uint8_t, 3>, 256> colours{};
};

// viridis, magma, inferno, plasma, cividis, turbo, grey and, diverging, blue_red.
std::vector<std::string> colormap_names();

// Throws Error(Fault::usage) with the nearest name.
const Colormap& colormap(const std::string& name);

// `values` [H,W] in 0..1 (clamped) -> [H,W,3].
Image apply(const Colormap& colormap, const at::Tensor& values);

}  // namespace attune
