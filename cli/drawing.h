// The picture of one map of one sample.
#pragma once

#include <ATen/core/Tensor.h>
#include <cstdint>
#include <optional>
#include <string>

#include "data/sample_stream.h"
#include "render/legend.h"
#include "render/overlay.h"
#include "render/tones.h"

namespace attune::cli {

struct Drawing {
  Image image;          // without legend; undefined when there is none
  Image cell;           // the same for a contact sheet
  std::string colours;  // the colour map of the legend's bar; empty: no bar
};

// False when nothing can be drawn of the input (it has no axes but its channels).
bool has_picture(const Sample& sample);

// The input without a map: its own pictures, or a rendering of the tensor, with `tones` or those of its values.
// `shown`: frames of a clip, slices of a volume along each axis, or channels of a signal, here and below.
Drawing draw_input(const Sample& sample, std::optional<int64_t> shown = {}, std::optional<Tones> tones = {});

// `map` [C,S1..Sd] of `sample`, on the CPU: a gradient of a picture as papers draw it, anything else as heat over the
// pictures, slices or curves of the input. Nothing when the map has other axes than the input.
Drawing draw(const Sample& sample, const at::Tensor& map, bool at_input_resolution, const OverlayOptions& options,
             std::optional<int64_t> shown = {});

}  // namespace attune::cli
