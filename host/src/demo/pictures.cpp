#include "demo/pictures.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>

#include <attune/sdk/error.h>

#include "demo/backdrop.h"
#include "demo/canvas.h"
#include "demo/random.h"
#include "demo/shapes.h"

namespace attune {
namespace {

using namespace demo;

constexpr double clearance = 0.02;

Palette pick_palette(const std::vector<Colour>& backdrop, Random& random) {
  const auto nearest_to = [&](Colour colour) {
    double least = 1;
    for (const Colour& other : backdrop) least = std::min(least, contrast(colour, other));
    return least;
  };
  double hue = 0, best = -1;
  Palette palette;
  for (int i = 0; i < 6; ++i) {
    const double tried_hue = random.uniform(), saturation = random.uniform(0.45, 0.95);
    const Colour tried = hsv(tried_hue, saturation, random.uniform(0.55, 1));
    const double apart = nearest_to(tried);
    if (apart <= best) continue;
    best = apart;
    hue = tried_hue;
    palette.main = tried;
  }
  const double turn = random.uniform(0.2, 0.8), saturation = random.uniform(0.4, 0.9);
  palette.accent = hsv(hue + turn, saturation, random.uniform(0.45, 0.95));
  palette.pale = mixed(palette.main, {1, 0.98, 0.92}, 0.75);
  palette.dark = mixed(palette.main, {0.1, 0.08, 0.12}, 0.72);
  return palette;
}

struct Object {
  int label;
  Place place;
};

// Large when alone, smaller in company; nullopt when there is no room left.
std::optional<Place> pick_place(size_t count, double turn, const std::vector<Object>& others, Random& random) {
  constexpr double smallest[] = {0.20, 0.15, 0.13}, largest[] = {0.32, 0.25, 0.21};
  for (int i = 0; i < 60; ++i) {
    const double size = random.uniform(smallest[count - 1], largest[count - 1]);
    const double x = random.uniform(1.05 * size, 1 - 1.05 * size), y = random.uniform(1.05 * size, 1 - 1.05 * size);
    const double angle = random.uniform(-turn, turn), stretch = random.uniform(-0.1, 0.1);
    const double mirror = random.chance(0.5) ? -1 : 1;
    const Place place = {{x, y}, angle, {mirror * size * (1 + stretch), size * (1 - stretch)}};
    const bool free = std::all_of(others.begin(), others.end(), [&](const Object& other) {
      const double radius = std::max(std::abs(other.place.scale.x), other.place.scale.y);
      return length(other.place.centre - place.centre) > 0.95 * (size + radius) + clearance;
    });
    if (free) return place;
  }
  return std::nullopt;
}

std::vector<Object> pick_objects(Random& random) {
  std::vector<int> labels(shapes().size());
  std::iota(labels.begin(), labels.end(), 0);
  random.shuffle(labels);
  const double draw = random.uniform();
  labels.resize(draw < 0.25 ? 1 : draw < 0.7 ? 2 : 3);
  std::vector<Object> objects;
  for (const int label : labels) {
    const double turn = shapes()[static_cast<size_t>(label)].turn;
    if (const auto place = pick_place(labels.size(), turn, objects, random)) objects.push_back({label, *place});
  }
  return objects;
}

}  // namespace

const std::vector<std::string>& demo_labels() {
  static const std::vector<std::string> labels = [] {
    std::vector<std::string> names;
    for (const Shape& shape : shapes()) names.push_back(shape.label);
    return names;
  }();
  return labels;
}

DemoPicture demo_picture(uint64_t seed, int size) {
  if (size < 32 || size > 2048) {
    throw Error(Fault::usage, "a demo picture of " + std::to_string(size) + " pixels: 32 to 2048 are possible");
  }
  Random random(seed);
  Canvas canvas(size);
  const std::vector<Colour> backdrop = paint_backdrop(canvas, random);
  DemoPicture picture;
  for (const Object& object : pick_objects(random)) {
    const Palette palette = pick_palette(backdrop, random);
    const std::vector<Part> parts = shapes()[static_cast<size_t>(object.label)].make(palette, random);
    canvas.shadow(object.place, parts);
    for (const Part& part : parts) canvas.draw(object.place, part);
    const Extent extent = canvas.extent(object.place, parts);
    picture.boxes.push_back({object.label, extent.x, extent.y, extent.width, extent.height});
  }
  picture.image = canvas.image();
  return picture;
}

}  // namespace attune
