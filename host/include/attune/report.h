// Pictures of maps: a photo becomes a model's input, and a map of it a picture. In libattune_media.so, which loads
// OpenCV, Pango and Cairo; CMake's attune::media links it.
#pragma once

#include <ATen/core/Tensor.h>
#include <array>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <attune/sdk/error.h>
#include <attune/sdk/map.h>

namespace attune {

// uint8 RGB [H,W,3], contiguous, on the CPU.
using Image = at::Tensor;

// A picture file of any usual format, the right way up, at its own size. Throws Error(Fault::input) for a file that is
// missing, damaged, too large or no picture.
Image read_image(const std::filesystem::path& path);
// The file appears when it is complete. Throws Error(Fault::output).
void write_png(const std::filesystem::path& path, const Image& image);

// How a photo becomes what a model takes; the defaults are ImageNet's.
struct PhotoOptions {
  std::array<int64_t, 2> size{{224, 224}};  // height and width of the model's input
  bool crop = false;  // true: the shorter side is resized to size * 256 / 224 and the centre cut out; false: squashed
  // Per channel, of values of 0 to 1: (x - mean) / deviation. One entry each: the model takes the luminance.
  std::vector<double> mean{0.485, 0.456, 0.406};
  std::vector<double> deviation{0.229, 0.224, 0.225};
};

struct Photo {
  Image picture;                 // at its own size
  at::Tensor input;              // float32 [C,H,W], to be stacked to the model's [N,C,H,W]
  std::array<double, 4> seen{};  // x, y, width and height of the part of `picture` that `input` shows, in its pixels
};

// Throws Error(Fault::usage) for options that make no sense, Error(Fault::run) for what is no Image.
Photo make_photo(const Image& picture, const PhotoOptions& options = {});
// make_photo(read_image(path))
Photo read_photo(const std::filesystem::path& path, const PhotoOptions& options = {});

struct OverlayStyle {
  std::string colormap;        // "inferno", "turbo", ...; empty: inferno, of signed maps blue_red
  double alpha = 0.6;          // opacity where the heat is greatest, 0 to 1
  bool uniform = false;        // that opacity everywhere; else none where there is no heat, growing with it
  bool signed_values = false;  // negative values too, symmetrically about zero; else the positive ones only
  double full_heat = 0;  // the value drawn as the greatest heat, in the map's unit, so that several pictures share
                         // a scale; 0: the greatest of the map, of fine maps a high quantile
  // Of a strip of text below the picture with the bar of colours; empty ones are left out, and the strip without any.
  std::string method;  // "Grad-CAM (layer4)"
  std::string label;   // "golden retriever"
  std::string score;   // "98.3 %"
};

// Row `row` of a map [N,C,H,W] over the photo that the model saw there: heat, or, for a gradient of several channels at
// the input's resolution, the gradient as papers draw it. Of a map that has a value for each number of the input the
// size counts, unless signs are asked for. As large as the photo, and a little higher with text. The map may be on any
// device, in any floating type and with a graph. Throws Error(Fault::run) for a map that is not finite or has other
// axes, Error(Fault::usage) for an unknown colormap.
Image overlay(const Photo& photo, const AttentionMap& map, int64_t row = 0, const OverlayStyle& style = {});

// The same over `input`, all of which the model saw: an Image; or what the model was given itself, [C,S1..Sd] of
// floating type and any scale, drawn as curves of a signal (d = 1), a picture (d = 2), frames of a clip (d = 3 and C =
// 3) or slices of any other volume.
Image overlay(const at::Tensor& input, const AttentionMap& map, int64_t row = 0, const OverlayStyle& style = {});

}  // namespace attune
