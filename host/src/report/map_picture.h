// How a map of a sample is drawn, whatever the sample is.
#pragma once

#include "data/preprocess.h"
#include "data/sample_stream.h"
#include "render/colormap.h"
#include "render/legend.h"
#include "render/overlay.h"

namespace attune {

struct ReportedMap;

struct MapPicture {
  Image image = {};          // without legend; undefined when there is none
  Image cell = {};           // the same for a small place
  std::string colours = {};  // the colour map of the legend's bar; empty: no bar
  double full = 0;           // the value drawn as the greatest heat
  double greatest = 0;       // that there is
};

struct PictureStyle {
  OverlayOptions heat;
  std::optional<int64_t> shown;  // frames of a clip, slices of a volume along each axis, channels of a signal; a few
  bool heat_only = false;        // over black
  bool plain = false;            // without a legend
};

// False when nothing can be drawn of the input (it has no axes but its channels).
bool has_picture(const Sample& sample);

// The input without a map: its own pictures, or a rendering of the tensor, with `tones` or those of its values.
MapPicture input_picture(const Sample& sample, std::optional<int64_t> shown = {}, std::optional<Tones> tones = {});

// `map` [C,S1..Sd] of `sample`, on the CPU, as heat over the pictures, slices or curves of the input; a gradient of a
// picture that has a value for each of its channels as papers draw it. Nothing when the map has other axes than the
// input.
MapPicture map_picture(const Sample& sample, const at::Tensor& map, bool at_input_resolution,
                       const PictureStyle& style = {});

// A map lies over what it was computed on: a matcher's input may be turned, shifted or mirrored. What matchers show is
// drawn as inputs are. Throws Error(Fault::run) for what cannot be drawn.
MapPicture map_picture(const Sample& sample, const ReportedMap& map, const PictureStyle& style,
                       const Preprocess& preprocess);

// [C,S1..Sd] -> [C,S1'..Sd'] of the input [C',S1'..Sd']. Undefined when the map has other axes.
at::Tensor at_size_of(const at::Tensor& input, const at::Tensor& map);

// `words` with the bar of colours and the values at its ends.
Legend legend_of(const MapPicture& picture, bool is_signed, Legend words);

}  // namespace attune
