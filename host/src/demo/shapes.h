// What the demo pictures show: objects, and cluttered backgrounds.
#pragma once

#include <string>
#include <vector>

#include "base/random.h"
#include "demo/canvas.h"

namespace attune::demo {

// The colours of one object; drawn without regard to its class, so that colour does not give the class away.
struct Palette {
  Colour main;
  Colour accent;
  Colour pale;
  Colour dark;
};

using MakeShape = std::vector<Part> (*)(const Palette& palette, Random& random);

struct Shape {
  std::string label;
  MakeShape make;  // within [-1,1], upright, parts from back to front
  double turn;     // the most it is turned to either side, in radians
};

const std::vector<Shape>& shapes();

// Fills the canvas with a texture and strews it with things that are none of the objects. Returns the colours it is
// made of, for the objects to stand out from.
std::vector<Colour> paint_backdrop(Canvas& canvas, Random& random);

}  // namespace attune::demo
