#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "demo/canvas.h"

namespace attune::demo {

Vec turned(Vec a, double angle) {
  const double c = std::cos(angle), s = std::sin(angle);
  return {c * a.x - s * a.y, s * a.x + c * a.y};
}

Outline disc(Vec centre, double radius) {
  return [=](Vec p) { return cv::norm(p - centre) - radius; };
}

Outline ring(Vec centre, double radius, double half_width) {
  return [=](Vec p) { return std::abs(cv::norm(p - centre) - radius) - half_width; };
}

Outline ellipse(Vec centre, double radius_x, double radius_y) {
  // First order: exact on the edge, which is where it is needed.
  return [=](Vec p) {
    const Vec q = p - centre;
    const double near = cv::norm(Vec{q.x / radius_x, q.y / radius_y});
    const double slope = cv::norm(Vec{q.x / (radius_x * radius_x), q.y / (radius_y * radius_y)});
    return slope < 1e-9 ? -std::min(radius_x, radius_y) : near * (near - 1) / slope;
  };
}

Outline box(Vec centre, double half_width, double half_height, double rounding) {
  return [=](Vec p) {
    const Vec q = {std::abs(p.x - centre.x) - half_width + rounding, std::abs(p.y - centre.y) - half_height + rounding};
    return cv::norm(Vec{std::max(q.x, 0.0), std::max(q.y, 0.0)}) + std::min(std::max(q.x, q.y), 0.0) - rounding;
  };
}

Outline stroke(Vec from, Vec to, double half_width) {
  const Vec line = to - from;
  const double squared = std::max(line.dot(line), 1e-12);
  return [=](Vec p) {
    const double along = std::clamp((p - from).dot(line) / squared, 0.0, 1.0);
    return cv::norm(p - from - line * along) - half_width;
  };
}

Outline polygon(std::vector<Vec> corners, double rounding) {
  return [corners = std::move(corners), rounding](Vec p) {
    double squared = (p - corners[0]).dot(p - corners[0]);
    bool inside = false;
    for (size_t i = 0, j = corners.size() - 1; i < corners.size(); j = i++) {
      const Vec edge = corners[j] - corners[i], to = p - corners[i];
      const Vec off = to - edge * std::clamp(to.dot(edge) / edge.dot(edge), 0.0, 1.0);
      squared = std::min(squared, off.dot(off));
      const bool crosses = (corners[i].y > p.y) != (corners[j].y > p.y);
      if (crosses && to.x < edge.x * to.y / edge.y) inside = !inside;
    }
    return (inside ? -1 : 1) * std::sqrt(squared) - rounding;
  };
}

Outline lens(double half_height, double half_width) {
  const double shift = (half_height * half_height - half_width * half_width) / (2 * half_width);
  const double radius = shift + half_width;
  return [=](Vec p) {
    const Vec q = {std::abs(p.x), std::abs(p.y)};
    const bool at_tip = (q.y - half_height) * shift > q.x * half_height;
    return at_tip ? cv::norm(q - Vec{0, half_height}) : cv::norm(q - Vec{-shift, 0}) - radius;
  };
}

Outline heart() {
  // After Inigo Quilez: two quarter discs over a square that stands on its corner; upright, tip at the origin.
  constexpr double scale = 1.7;
  return [](Vec p) {
    const Vec q = {std::abs(p.x) / scale, (1 - p.y) / scale};
    if (q.x + q.y > 1) return scale * (cv::norm(q - Vec{0.25, 0.75}) - std::numbers::sqrt2 / 4);
    const double diagonal = 0.5 * std::max(q.x + q.y, 0.0);
    const double distance = std::min(cv::norm(q - Vec{0, 1}), cv::norm(q - Vec{diagonal, diagonal}));
    return scale * std::copysign(distance, q.x - q.y);
  };
}

Outline star(int points, double radius, double inner_radius, double rounding) {
  std::vector<Vec> corners;
  for (int i = 0; i < 2 * points; ++i) {
    corners.push_back(turned({0, -(i % 2 == 0 ? radius : inner_radius)}, std::numbers::pi * i / points));
  }
  return polygon(std::move(corners), rounding);
}

Outline unite(Outline a, Outline b) {
  return [a = std::move(a), b = std::move(b)](Vec p) { return std::min(a(p), b(p)); };
}

Outline meet(Outline a, Outline b) {
  return [a = std::move(a), b = std::move(b)](Vec p) { return std::max(a(p), b(p)); };
}

Outline cut(Outline a, Outline hole) {
  return [a = std::move(a), hole = std::move(hole)](Vec p) { return std::max(a(p), -hole(p)); };
}

Outline melt(Outline a, Outline b, double radius) {
  return [a = std::move(a), b = std::move(b), radius](Vec p) {
    const double first = a(p), second = b(p);
    const double near = std::max(radius - std::abs(first - second), 0.0) / radius;
    return std::min(first, second) - near * near * radius / 4;
  };
}

Outline moved(Outline a, Vec offset) {
  return [a = std::move(a), offset](Vec p) { return a(p - offset); };
}

Outline rotated(Outline a, double angle) {
  return [a = std::move(a), across = turned({1, 0}, angle), down = turned({0, 1}, angle)](Vec p) {
    return a({p.dot(across), p.dot(down)});
  };
}

}  // namespace attune::demo
