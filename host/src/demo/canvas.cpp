#include "demo/canvas.h"

#include <ATen/Functions.h>
#include <algorithm>
#include <cmath>

namespace attune::demo {
namespace {

constexpr Vec shadow_offset = {0.016, 0.024};
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

}  // namespace

Colour operator*(Colour a, double factor) { return {a.r * factor, a.g * factor, a.b * factor}; }

Colour mixed(Colour a, Colour b, double share) {
  return {a.r + (b.r - a.r) * share, a.g + (b.g - a.g) * share, a.b + (b.b - a.b) * share};
}

Colour hsv(double hue, double saturation, double value) {
  const auto channel = [&](double shift) {
    const double k = std::fmod(shift + hue * 6, 6);
    return value - value * saturation * std::clamp(std::min(k, 4 - k), 0.0, 1.0);
  };
  return {channel(5), channel(3), channel(1)};
}

double contrast(Colour a, Colour b) {
  const double red = a.r - b.r, green = a.g - b.g, blue = a.b - b.b;
  return std::sqrt(0.30 * red * red + 0.55 * green * green + 0.15 * blue * blue);
}

double smooth_step(double from, double to, double value) {
  const double t = std::clamp((value - from) / (to - from), 0.0, 1.0);
  return t * t * (3 - 2 * t);
}

Vec Place::local(Vec point) const {
  const Vec upright = turned(point - centre, -angle);
  return {upright.x / scale.x, upright.y / scale.y};
}

double Place::reach() const { return 1.3 * std::max(std::abs(scale.x), std::abs(scale.y)); }

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
  const double reach = place.reach() + margin;
  const auto first = [&](double at) { return std::max<int64_t>(0, static_cast<int64_t>((at - reach) / pixel_)); };
  const auto last = [&](double at) {
    return std::min<int64_t>(size_, static_cast<int64_t>((at + reach) / pixel_) + 1);
  };
  for (int64_t y = first(place.centre.y); y < last(place.centre.y); ++y) {
    for (int64_t x = first(place.centre.x); x < last(place.centre.x); ++x) {
      each(Vec{(static_cast<double>(x) + 0.5) * pixel_, (static_cast<double>(y) + 0.5) * pixel_}, y * size_ + x);
    }
  }
}

Extent Canvas::extent(const Place& place, const std::vector<Part>& parts) const {
  const auto size = static_cast<double>(size_);
  double left = size, top = size, right = 0, bottom = 0;
  visit(place, 0, [&](Vec point, int64_t index) {
    const Vec at = place.local(point);
    const auto covers = [&](const Part& part) { return !part.detail && part.outline(at) <= 0; };
    if (std::none_of(parts.begin(), parts.end(), covers)) return;
    const auto x = static_cast<double>(index % size_), y = static_cast<double>(index / size_);
    left = std::min(left, x), right = std::max(right, x + 1);
    top = std::min(top, y), bottom = std::max(bottom, y + 1);
  });
  return {left, top, std::max(0.0, right - left), std::max(0.0, bottom - top)};
}

void Canvas::shadow(const Place& place, const std::vector<Part>& parts) {
  const double scale = std::min(std::abs(place.scale.x), std::abs(place.scale.y));
  visit(place, shadow_blur + shadow_offset.y, [&](Vec point, int64_t index) {
    const Vec at = place.local(point - shadow_offset);
    double distance = 1e9;
    for (const Part& part : parts) {
      if (!part.detail) distance = std::min(distance, part.outline(at) * scale);
    }
    pixels_[index] = pixels_[index] * (1 - 0.5 * (1 - smooth_step(-shadow_blur, shadow_blur, distance)));
  });
}

void Canvas::draw(const Place& place, const Part& part) {
  const double scale = std::min(std::abs(place.scale.x), std::abs(place.scale.y));
  const double step = pixel_ / 4;
  visit(place, 0, [&](Vec point, int64_t index) {
    const auto distance = [&](Vec at) { return part.outline(place.local(at)); };
    const double value = distance(point);
    if (value * scale > 2 * pixel_) return;
    const Vec slope = {(distance(point + Vec{step, 0}) - value) / step,
                       (distance(point + Vec{0, step}) - value) / step};
    const double steepness = std::max(length(slope), 0.3 / scale);
    const double outside = value / steepness;  // in the picture's units, whatever the stretch
    const double coverage = part.opacity * std::clamp(0.5 - outside / pixel_, 0.0, 1.0);
    if (coverage <= 0) return;
    const double lean = 0.85 * (1 - smooth_step(0, part.bevel * scale, -outside));
    const Vec out = slope * (1 / steepness);
    Colour colour = mixed(part.colour * diffuse(out, lean), {1, 1, 1}, std::max(0.0, 0.35 * gloss(out, lean)));
    if (!part.detail) colour = colour * (0.62 + 0.38 * smooth_step(rim / 3, rim, -outside));
    pixels_[index] = mixed(pixels_[index], colour, coverage);
  });
}

at::Tensor Canvas::image() const {
  at::Tensor image = at::empty({size_, size_, 3}, at::kByte);
  auto* out = image.data_ptr<uint8_t>();
  for (const Colour& pixel : pixels_) {
    for (const double value : {pixel.r, pixel.g, pixel.b}) {
      *out++ = static_cast<uint8_t>(std::clamp(value, 0.0, 1.0) * 255 + 0.5);
    }
  }
  return image;
}

}  // namespace attune::demo
