// A square picture of side 1, drawn at any number of pixels.
#pragma once

#include <ATen/core/Tensor.h>
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <vector>

#include "demo/outline.h"

namespace attune::demo {

// Red, green, blue in [0,1].
struct Colour {
  double r = 0;
  double g = 0;
  double b = 0;
};

Colour operator*(Colour a, double factor);
// `a` where `share` is 0, `b` where it is 1.
Colour mixed(Colour a, Colour b, double share);
// Lightness 0 to 1, chroma 0 (grey) to about 0.3, hue in turns (0 red, 1/3 green, 2/3 blue), evenly spaced to the eye
// (Oklab).
Colour tint(double lightness, double chroma, double hue);
// Perceived distance, roughly: white to black is 1.
double contrast(Colour a, Colour b);

double smooth_step(double from, double to, double value);

// Where an object stands: its own coordinates span about [-1,1], y downwards.
class Place {
 public:
  Place(Vec centre, double angle, Vec scale);  // negative scale.x: mirrored

  Vec centre() const { return centre_; }
  // Of the two scales.
  double least() const { return std::min(std::abs(scale_.x), scale_.y); }
  double most() const { return std::max(std::abs(scale_.x), scale_.y); }
  // A point of the picture in the object's coordinates.
  Vec local(Vec point) const {
    const Vec from = point - centre_;
    return {dot(from, across_) / scale_.x, dot(from, down_) / scale_.y};
  }

 private:
  Vec centre_, scale_, across_, down_;
};

// One layer of an object.
struct Part {
  Outline outline;
  Colour colour;
  double bevel = 0.1;   // width over which the edge is rounded off, in the object's coordinates
  bool detail = false;  // lies on the object: no shadow, no rim, not part of its extent
  double opacity = 1;
  Outline surface = {};  // the outline whose edge is rounded off, where it is another
};

// A rectangle in pixels.
struct Extent {
  double x = 0;
  double y = 0;
  double width = 0;
  double height = 0;
};

class Canvas {
 public:
  explicit Canvas(int64_t size);

  // Sets every pixel from the position of its centre.
  void fill(const std::function<Colour(Vec)>& colour);
  void shadow(const Place& place, const std::vector<Part>& parts);
  void draw(const Place& place, const Part& part);

  // What draw() covers at least half.
  Extent extent(const Place& place, const std::vector<Part>& parts) const;

  // uint8 RGB [size,size,3].
  at::Tensor image() const;

 private:
  // Calls each(position, index) for the pixels near an object; what it returns is a distance to the next point of
  // interest, in the picture's units.
  template <typename Visit>
  void visit(const Place& place, double margin, Visit&& each) const;

  int64_t size_;
  double pixel_;
  std::vector<Colour> pixels_;
};

}  // namespace attune::demo
