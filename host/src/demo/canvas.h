// A square picture of side 1, drawn at any number of pixels from outlines.
#pragma once

#include <ATen/core/Tensor.h>
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <functional>
#include <opencv2/core/matx.hpp>
#include <opencv2/core/types.hpp>
#include <vector>

namespace attune::demo {

// Outlines are signed distances: negative inside, growing by one per unit outwards. Sharp at any size, and the distance
// gives smooth edges, bevels and shadows for nothing.
using Vec = cv::Point2d;

// `a` turned by `angle` radians, from the x axis towards the y axis.
Vec turned(Vec a, double angle);

using Outline = std::function<double(Vec)>;

Outline disc(Vec centre, double radius);
Outline ring(Vec centre, double radius, double half_width);
Outline ellipse(Vec centre, double radius_x, double radius_y);
// `rounding` is taken from the given size, which stays.
Outline box(Vec centre, double half_width, double half_height, double rounding = 0);
// A line with round ends.
Outline stroke(Vec from, Vec to, double half_width);
// A filled polygon, grown by `rounding`.
Outline polygon(std::vector<Vec> corners, double rounding = 0);
// The lens between two equal circular arcs, upright: tips at (0, +-half_height).
Outline lens(double half_height, double half_width);
// Tip at (0,1), lobes up to -0.9.
Outline heart();
Outline star(int points, double radius, double inner_radius, double rounding);

Outline unite(Outline a, Outline b);
Outline meet(Outline a, Outline b);
Outline cut(Outline a, Outline hole);
// Union with a fillet of about `radius` where the two meet.
Outline melt(Outline a, Outline b, double radius);
Outline moved(Outline a, Vec offset);
Outline rotated(Outline a, double angle);

// Red, green, blue in [0,1].
using Colour = cv::Vec3d;

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
    return {from.dot(across_) / scale_.x, from.dot(down_) / scale_.y};
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

class Canvas {
 public:
  explicit Canvas(int64_t size);

  // Sets every pixel from the position of its centre.
  void fill(const std::function<Colour(Vec)>& colour);
  void shadow(const Place& place, const std::vector<Part>& parts);
  void draw(const Place& place, const Part& part);

  // What draw() covers at least half, in pixels.
  cv::Rect extent(const Place& place, const std::vector<Part>& parts) const;

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
