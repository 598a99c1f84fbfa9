// The picture of a map, or of what a matcher shows, as the flags ask for it.
#pragma once

#include "drawing.h"
#include "heatmap_maps.h"

namespace attune::cli {

struct MapPicture {
  Drawing drawing;      // nothing where the map has other axes than the input
  double full = 0;      // the value drawn as the greatest heat
  double greatest = 0;  // that there is
};

// A map lies over what it was computed on: a matcher's input may be turned, shifted or mirrored. Throws
// Error(Fault::run) for what cannot be drawn.
MapPicture map_picture(const Sample& sample, const ShownMap& map, const HeatmapOptions& options,
                       const Preprocess& preprocess);

}  // namespace attune::cli
