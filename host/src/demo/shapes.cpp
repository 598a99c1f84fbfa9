#include "demo/shapes.h"

#include <cmath>
#include <numbers>
#include <utility>

namespace attune::demo {
namespace {

constexpr double quarter = std::numbers::pi / 2;

Part solid(Outline outline, Colour colour, double bevel) { return {std::move(outline), colour, bevel, false, 1}; }
Part detail(Outline outline, Colour colour, double bevel = 0.05, double opacity = 1) {
  return {std::move(outline), colour, bevel, true, opacity};
}
// Paint on a rounded surface.
Part painted(Outline outline, Outline surface, Colour colour, double bevel) {
  return {std::move(outline), colour, bevel, true, 1, std::move(surface)};
}

std::vector<Part> make_star(const Palette& palette, Random& random) {
  const double inner = random.uniform(0.40, 0.50);
  std::vector<Part> parts = {solid(star(5, 0.95, inner, 0.05), palette.main, 0.5)};
  if (random.chance(0.5)) parts.push_back(detail(star(5, 0.52, inner * 0.55, 0.03), palette.accent, 0.12));
  return parts;
}

std::vector<Part> make_heart(const Palette& palette, Random& random) {
  const Outline outline = moved(heart(), {0, -0.05});
  const double bevel = random.uniform(0.35, 0.7);
  std::vector<Part> parts = {solid(outline, palette.main, bevel)};
  if (random.chance(0.4)) {
    const Outline band = [outline](Vec p) { return std::abs(outline(p) + 0.2) - 0.04; };
    parts.push_back(painted(band, outline, palette.accent, bevel));
  }
  return parts;
}

std::vector<Part> make_mug(const Palette& palette, Random& random) {
  const double half = random.uniform(0.5, 0.6), left = -0.2, size = random.uniform(0.3, 0.38);
  const Outline body = unite(box({left, 0.12}, half, 0.68, 0.16), ellipse({left, -0.55}, half, 0.2));
  const Outline cylinder = box({left, 0}, half, 4);
  std::vector<Part> parts = {
      solid(ring({left + half + 0.04, 0.1}, size, 0.1), palette.main, 0.1),
      {body, palette.main, 0.5, false, 1, cylinder},
  };
  const auto pattern = random.index(3);
  if (pattern == 1) {
    const Outline band = meet(body, box({left, 0.2}, 1, random.uniform(0.1, 0.2)));
    parts.push_back(painted(band, cylinder, palette.accent, 0.5));
  }
  if (pattern == 2) parts.push_back(painted(disc({left, 0.18}, 0.24), cylinder, palette.accent, 0.5));
  parts.push_back(detail(ellipse({left, -0.55}, half - 0.02, 0.18), palette.pale, 0.05));
  parts.push_back(detail(ellipse({left, -0.52}, half - 0.1, 0.12), palette.dark, 0.02));
  return parts;
}

std::vector<Part> make_key(const Palette& palette, Random& random) {
  Outline outline = ring({-0.58, 0}, 0.28, 0.12);
  outline = unite(outline, box({0.33, 0}, 0.62, 0.1, 0.05));
  const auto teeth = random.integer(2, 3);
  for (int64_t i = 0; i < teeth; ++i) {
    const double depth = random.uniform(0.13, 0.22);
    outline = unite(outline, box({0.86 - 0.23 * static_cast<double>(i), 0.06 + depth}, 0.075, depth, 0.03));
  }
  return {solid(outline, palette.main, 0.12), detail(stroke({-0.1, 0}, {0.86, 0}, 0.025), palette.dark, 0.02, 0.6)};
}

std::vector<Part> make_fish(const Palette& palette, Random& random) {
  const double half = random.uniform(0.38, 0.46);
  const Outline body = moved(rotated(lens(0.78, half), quarter), {-0.2, 0});
  const Outline tail = polygon({{0.34, 0}, {0.88, -0.44}, {0.74, 0}, {0.88, 0.44}}, 0.06);
  const Outline fins = unite(polygon({{-0.45, -half * 0.6}, {-0.1, -half - 0.22}, {0.2, -half * 0.5}}, 0.05),
                             polygon({{-0.25, half * 0.6}, {0.05, half + 0.16}, {0.15, half * 0.5}}, 0.05));
  std::vector<Part> parts = {
      solid(unite(tail, fins), palette.accent, 0.15),
      solid(body, palette.main, 0.4),
  };
  const auto stripes = random.integer(0, 3);
  for (int64_t i = 0; i < stripes; ++i) {
    const double at = -0.25 + 0.26 * static_cast<double>(i);
    parts.push_back(painted(meet(body, ring({at - 0.9, 0}, 0.9, 0.055)), body, palette.accent, 0.4));
  }
  parts.push_back(detail(meet(body, ring({-0.95, 0}, 0.42, 0.022)), palette.dark, 0.02, 0.7));
  parts.push_back(detail(disc({-0.68, -0.07}, 0.095), {0.96, 0.96, 0.94}));
  parts.push_back(detail(disc({-0.695, -0.07}, 0.05), {0.06, 0.06, 0.08}));
  return parts;
}

std::vector<Part> make_umbrella(const Palette& palette, Random& random) {
  const double waist = 0.1;
  Outline canopy = cut(disc({0, waist}, 0.95), box({0, waist + 1.02}, 2, 1));
  for (const double x : {-0.635, 0.0, 0.635}) canopy = cut(canopy, ellipse({x, waist + 0.06}, 0.31, 0.16));
  const Outline hook = meet(ring({0.17, 0.76}, 0.17, 0.055), box({0.17, 1.26}, 1, 0.5));
  const Outline stick = unite(stroke({0, -0.98}, {0, 0.76}, 0.05), hook);
  std::vector<Part> parts = {solid(stick, palette.dark, 0.06), solid(canopy, palette.main, 0.35)};
  if (random.chance(0.7)) {
    parts.push_back(painted(meet(canopy, ellipse({0, waist}, 0.32, 0.95)), canopy, palette.accent, 0.35));
  }
  const Outline rib = [rim = ellipse({0, waist}, 0.32, 0.95)](Vec p) { return std::abs(rim(p)) - 0.014; };
  parts.push_back(detail(meet(canopy, rib), palette.dark, 0.02, 0.7));
  return parts;
}

std::vector<Part> make_house(const Palette& palette, Random& random) {
  const double half = random.uniform(0.58, 0.68);
  const double door = random.chance(0.5) ? -0.28 : 0.28;
  const Outline roof = polygon({{-half - 0.2, -0.12}, {0, -0.86}, {half + 0.2, -0.12}}, 0.05);
  std::vector<Part> parts = {
      solid(box({-door * 1.5, -0.62}, 0.11, 0.28, 0.02), palette.accent, 0.06),
      solid(box({0, 0.4}, half, 0.55, 0.02), palette.main, 0.1),
      solid(roof, palette.accent, 0.14),
      detail(box({door, 0.6}, 0.16, 0.33, 0.04), palette.dark, 0.04),
      detail(disc({door + 0.09, 0.62}, 0.03), palette.pale, 0.02),
  };
  const Vec window = {-door, 0.35};
  parts.push_back(detail(box(window, 0.19, 0.19, 0.02), palette.pale, 0.03));
  for (const Vec arm : {Vec{0.19, 0}, Vec{0, 0.19}}) {
    parts.push_back(detail(stroke(window - arm, window + arm, 0.022), palette.dark, 0.02));
  }
  if (random.chance(0.4)) parts.push_back(detail(disc({0, -0.4}, 0.12), palette.pale, 0.04));
  return parts;
}

std::vector<Part> make_leaf(const Palette& palette, Random& random) {
  const double half = random.uniform(0.42, 0.52), bend = random.uniform(-0.2, 0.2);
  // Every height moved sideways, the tips most.
  const auto bent = [bend](Outline outline) {
    return [outline = std::move(outline), bend](Vec p) { return outline({p.x - bend * (p.y * p.y - 0.3), p.y}); };
  };
  std::vector<Part> parts = {
      solid(bent(stroke({0, 0.5}, {0.03, 0.95}, 0.05)), palette.dark, 0.05),
      solid(bent(moved(lens(0.84, half), {0, -0.14})), palette.main, 0.3),
  };
  Outline veins = stroke({0, -0.85}, {0, 0.65}, 0.03);
  for (int64_t i = 0; i < 4; ++i) {
    const double at = -0.32 + 0.28 * static_cast<double>(i);
    veins = unite(veins, unite(stroke({0, at}, {0.5, at - 0.34}, 0.018), stroke({0, at}, {-0.5, at - 0.34}, 0.018)));
  }
  const Outline inner = moved(lens(0.78, half - 0.06), {0, -0.14});
  parts.push_back(detail(bent(meet(inner, veins)), random.chance(0.5) ? palette.pale : palette.dark, 0.02, 0.85));
  return parts;
}

}  // namespace

const std::vector<Shape>& shapes() {
  static const std::vector<Shape> all = {
      {"star", make_star, 0.6}, {"heart", make_heart, 0.6},       {"mug", make_mug, 0.4},     {"key", make_key, 1.6},
      {"fish", make_fish, 0.6}, {"umbrella", make_umbrella, 0.5}, {"house", make_house, 0.3}, {"leaf", make_leaf, 1.6},
  };
  return all;
}

}  // namespace attune::demo
