// Maps drawn over the pictures they belong to. Every function takes any finite map and throws Error(Fault::run) for a
// map with NaN or infinity, or of a shape it cannot draw.
#pragma once

#include "image/image.h"
#include "render/colormap.h"

namespace attune {

enum class Opacity {
  heat,    // none where there is no heat, and growing with it
  uniform  // the same everywhere in the region
};

struct OverlayOptions {
  std::string colormap;  // a name of colormap_names(); empty: default_colormap(signed_)
  double alpha = 0.6;    // opacity where the heat is greatest, 0..1
  bool signed_ = false;  // draw negative values too, symmetrically about zero, instead of the positive part only
  double full_heat = 0;  // the value drawn as the greatest heat; 0: heat_range(map)
  Opacity opacity = Opacity::heat;
};

// The colormap that an overlay takes when none is named.
std::string default_colormap(bool signed_);

// The one that an overlay takes.
const Colormap& colormap_of(const OverlayOptions& options);

// The value drawn as the greatest heat: the largest (signed: largest absolute) value of the map; of fine maps with
// isolated peaks, as gradients have, a high quantile. 0 when nothing is to be drawn.
double heat_range(const at::Tensor& map, bool signed_);

// With the heat_range of what is drawn on one scale, unless a value is said.
OverlayOptions on_scale_of(const at::Tensor& map, OverlayOptions options);

// `map` [S1,S2] raw values that cover `region` of the picture, smoothly enlarged. The picture stays visible where there
// is no heat (unless the opacity is uniform) and is dimmed a little outside of the region. A map without (positive)
// values draws no heat.
Image overlay(const Image& picture, const at::Tensor& map, const Region& region, const OverlayOptions& options = {});

struct StripOptions {
  int64_t shown = 8;                  // frames at most, evenly chosen
  std::vector<std::string> captions;  // one per frame of the clip ("1.25 s"), or none
  int64_t columns = 8;                // frames in a row at most
  int64_t largest = 480;              // a frame's longer side, in pixels
};

// A clip's `map` [T,S1,S2] over its frames, on one scale, side by side. The map may have fewer steps in time than there
// are frames; without a map the frames are as they are.
Image clip_strip(const std::vector<Image>& frames, const at::Tensor& map, const Region& region,
                 const OverlayOptions& options = {}, const StripOptions& strip = {});

// A gradient of the input as papers draw it, in `region` of a picture of the given size: [3,H,W] in colour about grey
// (0.1 standard deviations, as Springenberg et al.'s code), any other [C,H,W] as grey-scale of the absolute values
// summed over channels, up to the 99th percentile.
Image gradient_picture(const at::Tensor& gradient, const Region& region, int64_t height, int64_t width);

}  // namespace attune
