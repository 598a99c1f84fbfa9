#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "demo/shapes.h"

namespace attune::demo {
namespace {

constexpr double turn = 2 * std::numbers::pi;

// Smooth noise in [0,1] with knots at whole numbers.
double noise(Vec at, uint64_t seed) {
  // Away from zero, so that the cast rounds down.
  const double column = at.x + 4096, row = at.y + 4096;
  const auto left = static_cast<uint64_t>(column), top = static_cast<uint64_t>(row);
  const auto knot = [&](uint64_t dx, uint64_t dy) {
    const uint64_t cell = (left + dx) * 0x9e3779b97f4a7c15U + (top + dy) * 0xc2b2ae3d27d4eb4fU;
    return static_cast<double>(scramble(seed + cell) >> 11) * 0x1p-53;
  };
  const double x = smooth_step(0, 1, column - static_cast<double>(left));
  const double y = smooth_step(0, 1, row - static_cast<double>(top));
  const double upper = knot(0, 0) * (1 - x) + knot(1, 0) * x, lower = knot(0, 1) * (1 - x) + knot(1, 1) * x;
  return upper * (1 - y) + lower * y;
}

double octaves(Vec at, uint64_t seed, int count) {
  double sum = 0, weight = 1, total = 0;
  for (int i = 0; i < count; ++i, weight *= 0.55, at = at * 2) {
    sum += weight * noise(at, seed + static_cast<uint64_t>(i));
    total += weight;
  }
  return sum / total;
}

// Stripes, tiles, dots, a net or nothing, in [0,1].
class Weave {
 public:
  explicit Weave(Random& random) : kind_(random.index(5)) {
    const double angle = random.uniform(0, turn), frequency = random.uniform(5, 16);
    along_ = turned({frequency, 0}, angle);
    across_ = turned({0, frequency}, angle);
    strength_ = random.uniform(0.15, 0.5);
  }

  double at(Vec point) const {
    const double x = point.dot(along_), y = point.dot(across_);
    const auto wave = [](double value) { return 0.5 + 0.5 * std::sin(turn * value); };
    switch (kind_) {
      case 0:
        return strength_ * smooth_step(0.35, 0.65, wave(x));
      case 1:
        return strength_ * smooth_step(-0.05, 0.05, (wave(x / 2) - 0.5) * (wave(y / 2) - 0.5));
      case 2:
        return strength_ * smooth_step(0.68, 0.78, wave(x) * wave(y));
      case 3:
        return strength_ * std::max(smooth_step(0.86, 0.97, wave(x)), smooth_step(0.86, 0.97, wave(y)));
      default:
        return 0;
    }
  }

 private:
  int64_t kind_;
  Vec along_, across_;
  double strength_;
};

std::vector<Colour> backdrop_colours(Random& random) {
  const double hue = random.uniform(), lightness = random.uniform(0.36, 0.84);
  std::vector<Colour> colours;
  for (int i = 0; i < 3; ++i) {
    const double shift = i == 2 && random.chance(0.4) ? 0.5 : random.uniform(-0.12, 0.12);
    const double chroma = random.uniform(0.01, 0.085), light = lightness + random.uniform(-0.16, 0.16);
    colours.push_back(tint(std::clamp(light, 0.25, 0.93), chroma, hue + shift));
  }
  return colours;
}

void fill_texture(Canvas& canvas, const std::vector<Colour>& colours, Random& random) {
  const uint64_t seed = random.seed();
  const double scale = random.uniform(2, 5), warp = random.uniform(0, 0.4), grain = random.uniform(0.04, 0.16);
  const Vec slope = turned({1, 0}, random.uniform(0, turn));
  const Weave weave(random);
  canvas.fill([&](Vec point) {
    const Vec bend = {octaves(point * scale, seed + 10, 2), octaves(point * scale, seed + 20, 2)};
    const Vec at = point + (bend - Vec{0.5, 0.5}) * warp;
    const double gradient = 0.5 + 0.7 * (point - Vec{0.5, 0.5}).dot(slope);
    const double cloud = smooth_step(0.25, 0.75, octaves(at * scale, seed, 4));
    const Colour ground = mixed(mixed(colours[0], colours[1], std::clamp(0.5 * (gradient + cloud), 0.0, 1.0)),
                                colours[2], weave.at(at) + 0.25 * octaves(at * (2 * scale), seed + 30, 2));
    return ground * (1 + grain * (octaves(point * 30, seed + 40, 2) - 0.5) * 2);
  });
}

// Something that is none of the objects.
Outline scrap(Random& random) {
  switch (random.index(6)) {
    case 0:
      return ellipse({0, 0}, random.uniform(0.4, 0.9), random.uniform(0.3, 0.9));
    case 1:
      return ring({0, 0}, random.uniform(0.5, 0.8), random.uniform(0.05, 0.2));
    case 2:
      return box({0, 0}, random.uniform(0.3, 0.9), random.uniform(0.2, 0.9), 0.1);
    case 3:
      return melt(disc({-0.4, 0.1}, random.uniform(0.3, 0.5)), disc({0.35, -0.2}, random.uniform(0.3, 0.6)), 0.4);
    case 4:
      return meet(ring({0, 0.4}, 0.8, random.uniform(0.05, 0.15)), box({0, -0.4}, 1, 0.7));
    default: {
      std::vector<Vec> corners;
      const auto count = random.integer(3, 6);
      for (int64_t i = 0; i < count; ++i) {
        const double angle = turn * (static_cast<double>(i) + random.uniform(0, 0.6)) / static_cast<double>(count);
        corners.push_back(turned({random.uniform(0.6, 0.95), 0}, angle));
      }
      return polygon(std::move(corners), 0.03);
    }
  }
}

Outline hatching(Random& random) {
  const double pitch = random.uniform(0.2, 0.4), width = random.uniform(0.03, 0.07);
  const Outline patch = ellipse({0, 0}, random.uniform(0.6, 1), random.uniform(0.4, 1));
  const Outline lines = [=](Vec p) { return std::abs(p.y - pitch * std::round(p.y / pitch)) - width; };
  return meet(patch, lines);
}

Colour clutter_colour(const std::vector<Colour>& colours, Random& random) {
  const Colour near = colours[static_cast<size_t>(random.index(3))];
  const Colour loud = tint(random.uniform(0.3, 0.9), random.uniform(0.03, 0.15), random.uniform());
  return mixed(near * random.uniform(0.6, 1.3), loud, random.uniform(0.1, 0.8));
}

void strew(Canvas& canvas, const std::vector<Colour>& colours, Random& random) {
  const auto place = [&](double low, double high) {
    const double size = random.uniform(low, high), x = random.uniform(), y = random.uniform();
    const double angle = random.uniform(0, turn);
    return Place({x, y}, angle, {size, size * random.uniform(0.8, 1)});
  };
  const auto put = [&](const Place& where, Outline outline, double low, double high) {
    const double opacity = random.uniform(low, high), bevel = random.uniform(0.05, 0.3);
    canvas.draw(where, {std::move(outline), clutter_colour(colours, random), bevel, true, opacity});
  };
  // As solid as the objects, so that neither shading nor shadow gives these away.
  const auto drop = [&](const Place& where, Outline outline) {
    const std::vector<Part> parts = {{std::move(outline), clutter_colour(colours, random), random.uniform(0.1, 0.5)}};
    canvas.shadow(where, parts);
    canvas.draw(where, parts[0]);
  };
  const auto count = [&](int64_t low, int64_t high) { return random.integer(low, high); };
  for (int64_t i = count(2, 6); i > 0; --i) put(place(0.08, 0.25), scrap(random), 0.25, 0.6);
  for (int64_t i = count(0, 3); i > 0; --i) put(place(0.1, 0.22), hatching(random), 0.4, 0.8);
  for (int64_t i = count(2, 7); i > 0; --i) put(place(0.025, 0.08), scrap(random), 0.5, 1);
  for (int64_t i = count(2, 6); i > 0; --i) {
    const double width = random.uniform(0.01, 0.05), rise = random.uniform(-0.4, 0.4);
    put(place(0.15, 0.5), stroke({-1, 0}, {1, rise}, width), 0.4, 0.9);
  }
  for (int64_t i = count(1, 4); i > 0; --i) drop(place(0.03, 0.09), scrap(random));
}

}  // namespace

std::vector<Colour> paint_backdrop(Canvas& canvas, Random& random) {
  std::vector<Colour> colours = backdrop_colours(random);
  fill_texture(canvas, colours, random);
  strew(canvas, colours, random);
  return colours;
}

}  // namespace attune::demo
