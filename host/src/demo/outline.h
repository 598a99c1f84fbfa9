// Outlines as signed distances: negative inside, growing by one per unit outwards. Sharp at any size, and the distance
// gives smooth edges, bevels and shadows for nothing.
#pragma once

#include <functional>
#include <vector>

namespace attune::demo {

struct Vec {
  double x = 0;
  double y = 0;
};

constexpr Vec operator+(Vec a, Vec b) { return {a.x + b.x, a.y + b.y}; }
constexpr Vec operator-(Vec a, Vec b) { return {a.x - b.x, a.y - b.y}; }
constexpr Vec operator*(Vec a, double factor) { return {a.x * factor, a.y * factor}; }
constexpr double dot(Vec a, Vec b) { return a.x * b.x + a.y * b.y; }
double length(Vec a);
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

}  // namespace attune::demo
