// The picture of one map of one sample.
#pragma once

#include <ATen/core/Tensor.h>
#include <string>

#include "data/sample_stream.h"
#include "render/legend.h"
#include "render/overlay.h"

namespace attune::cli {

// What is drawn under a map: the sample's own pictures, or for a .npy a grey rendering of the tensor. False when the
// input cannot be drawn (a signal).
bool has_picture(const Sample& sample);
Image base_picture(const Sample& sample);

// `map` [C,S1..Sd] of `sample`, on the CPU: a gradient of the input as papers draw it, anything else as an overlay.
struct Drawing {
  Image image;          // without legend; undefined when the input cannot be drawn
  Image cell;           // the same for a contact sheet: of a clip, its middle frame
  std::string colours;  // the colour map of the legend's bar; empty: no bar
};
Drawing draw(const Sample& sample, const at::Tensor& map, bool at_input_resolution, const OverlayOptions& options);

}  // namespace attune::cli
