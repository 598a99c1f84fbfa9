#include "demo/canvas.h"

#include <ATen/Functions.h>
#include <algorithm>
#include <cmath>
#include <numbers>

namespace attune::demo {
namespace {

const Vec shadow_offset = {0.016, 0.024};
constexpr double shadow_blur = 0.022;
constexpr double rim = 0.009;
// Towards the light: from the upper left, in front of the picture.
constexpr double light[3] = {-0.45, -0.60, 0.66};

// Brightness of a surface that leans outwards along the unit vector `out` by `lean` (0 flat, 1 upright).
double diffuse(Vec out, double lean) {
  const double up = std::sqrt(std::max(0.0, 1 - lean * lean));
  return 0.45 + 0.55 * std::max(0.0, lean * (out.x * light[0] + out.y * light[1]) + up * light[2]) / light[2];
}

double gloss(Vec out, double lean) {
  // Halfway between the light and the viewer.
  constexpr double halfway[3] = {-0.247, -0.329, 0.911};
  const double up = std::sqrt(std::max(0.0, 1 - lean * lean));
  const double shine = std::max(0.0, lean * (out.x * halfway[0] + out.y * halfway[1]) + up * halfway[2]);
  return std::pow(shine, 40) - std::pow(halfway[2], 40);
}

// Signed distance to an outline in the picture's units, whatever the stretch, and the direction straight out.
struct Edge {
  double outside;
  Vec out;
};

Edge edge_at(const Place& place, const Outline& outline, Vec point) {
  const double step = place.least() * 1e-3;
  const double here = outline(place.local(point));
  const Vec slope =
      Vec{outline(place.local(point + Vec{step, 0})) - here, outline(place.local(point + Vec{0, step})) - here} *
      (1 / step);
  const double steepness = std::max(cv::norm(slope), 0.3 / place.least());
  return {here / steepness, slope * (1 / steepness)};
}

double silhouette(const std::vector<Part>& parts, Vec at) {
  double distance = 1e9;
  for (const Part& part : parts) {
    if (!part.detail) distance = std::min(distance, part.outline(at));
  }
  return distance;
}

}  // namespace

Colour mixed(Colour a, Colour b, double share) { return a + (b - a) * share; }

Colour tint(double lightness, double chroma, double hue) {
  const Vec ab = turned({chroma, 0}, 2 * std::numbers::pi * (hue + 0.08));
  const auto cube = [](double value) { return value * value * value; };
  const double l = cube(lightness + 0.3963 * ab.x + 0.2158 * ab.y);
  const double m = cube(lightness - 0.1056 * ab.x - 0.0639 * ab.y);
  const double s = cube(lightness - 0.0895 * ab.x - 1.2915 * ab.y);
  const auto encoded = [](double linear) { return std::pow(std::clamp(linear, 0.0, 1.0), 1 / 2.2); };
  return {encoded(4.0767 * l - 3.3077 * m + 0.2310 * s), encoded(-1.2684 * l + 2.6098 * m - 0.3413 * s),
          encoded(-0.0042 * l - 0.7034 * m + 1.7076 * s)};
}

double contrast(Colour a, Colour b) {
  const Colour off = a - b;
  return std::sqrt(0.30 * off[0] * off[0] + 0.55 * off[1] * off[1] + 0.15 * off[2] * off[2]);
}

double smooth_step(double from, double to, double value) {
  const double t = std::clamp((value - from) / (to - from), 0.0, 1.0);
  return t * t * (3 - 2 * t);
}

Place::Place(Vec centre, double angle, Vec scale)
    : centre_(centre), scale_(scale), across_(turned({1, 0}, angle)), down_(turned({0, 1}, angle)) {}

Canvas::Canvas(int64_t size) : size_(size), pixel_(1.0 / static_cast<double>(size)), pixels_(size * size) {}

void Canvas::fill(const std::function<Colour(Vec)>& colour) {
  for (int64_t y = 0; y < size_; ++y) {
    for (int64_t x = 0; x < size_; ++x) {
      const Vec centre = {(static_cast<double>(x) + 0.5) * pixel_, (static_cast<double>(y) + 0.5) * pixel_};
      pixels_[y * size_ + x] = colour(centre);
    }
  }
}

template <typename Visit>
void Canvas::visit(const Place& place, double margin, Visit&& each) const {
  const double reach = 1.3 * place.most() + margin;
  const auto first = [&](double at) { return std::max<int64_t>(0, static_cast<int64_t>((at - reach) / pixel_)); };
  const auto last = [&](double at) {
    return std::min<int64_t>(size_, static_cast<int64_t>((at + reach) / pixel_) + 1);
  };
  const Vec centre = place.centre();
  for (int64_t y = first(centre.y); y < last(centre.y); ++y) {
    for (int64_t x = first(centre.x); x < last(centre.x);) {
      const Vec point = {(static_cast<double>(x) + 0.5) * pixel_, (static_cast<double>(y) + 0.5) * pixel_};
      const double away = each(point, y * size_ + x);
      // Half the way only: some outlines overstate their distance.
      x += std::max<int64_t>(1, static_cast<int64_t>(0.5 * away / pixel_));
    }
  }
}

cv::Rect Canvas::extent(const Place& place, const std::vector<Part>& parts) const {
  cv::Rect extent;
  visit(place, 0, [&](Vec point, int64_t index) {
    const double distance = silhouette(parts, place.local(point)) * place.least();
    if (distance > 0) return distance;
    extent |= cv::Rect(static_cast<int>(index % size_), static_cast<int>(index / size_), 1, 1);
    return 0.0;
  });
  return extent;
}

void Canvas::shadow(const Place& place, const std::vector<Part>& parts) {
  visit(place, shadow_blur + shadow_offset.y, [&](Vec point, int64_t index) {
    const double distance = silhouette(parts, place.local(point - shadow_offset)) * place.least();
    pixels_[index] = pixels_[index] * (1 - 0.5 * (1 - smooth_step(-shadow_blur, shadow_blur, distance)));
    return distance - shadow_blur;
  });
}

void Canvas::draw(const Place& place, const Part& part) {
  visit(place, 0, [&](Vec point, int64_t index) {
    const double near = part.outline(place.local(point)) * place.least();
    if (near > 2 * pixel_) return near - 2 * pixel_;
    const Edge edge = edge_at(place, part.outline, point);
    const double coverage = part.opacity * std::clamp(0.5 - edge.outside / pixel_, 0.0, 1.0);
    if (coverage <= 0) return 0.0;
    const Edge slope = part.surface ? edge_at(place, part.surface, point) : edge;
    const double lean = 0.85 * (1 - smooth_step(0, part.bevel * place.least(), -slope.outside));
    const double shine = std::max(0.0, 0.35 * gloss(slope.out, lean));
    Colour colour = mixed(part.colour * diffuse(slope.out, lean), {1, 1, 1}, shine);
    if (!part.detail) colour = colour * (0.62 + 0.38 * smooth_step(rim / 3, rim, -edge.outside));
    pixels_[index] = mixed(pixels_[index], colour, coverage);
    return 0.0;
  });
}

at::Tensor Canvas::image() const {
  const at::Tensor values = at::from_blob(const_cast<Colour*>(pixels_.data()), {size_, size_, 3}, at::kDouble);
  return (values.clamp(0, 1) * 255 + 0.5).to(at::kByte);
}

}  // namespace attune::demo
