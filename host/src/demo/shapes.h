// What the objects of the demo pictures look like.
#pragma once

#include <string>
#include <vector>

#include "demo/canvas.h"
#include "base/random.h"

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

}  // namespace attune::demo
