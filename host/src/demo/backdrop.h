// Cluttered backgrounds.
#pragma once

#include <vector>

#include "demo/canvas.h"
#include "base/random.h"

namespace attune::demo {

// Fills the canvas with a texture and strews it with things that are none of the objects. Returns the colours it is
// made of, for the objects to stand out from.
std::vector<Colour> paint_backdrop(Canvas& canvas, Random& random);

}  // namespace attune::demo
