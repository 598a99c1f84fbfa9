#include "demo/pictures.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>

#include <attune/sdk/error.h>

#include "base/random.h"
#include "demo/canvas.h"
#include "demo/shapes.h"

namespace attune {
namespace {

using namespace demo;

// Colours that stand out from all others in the picture so far.
Palette pick_palette(std::vector<Colour>& taken, Random& random) {
  Palette palette;
  double hue = 0, best = -1;
  for (int i = 0; i < 8; ++i) {
    const double tried_hue = random.uniform(), lightness = random.uniform(0.38, 0.88);
    const Colour tried = tint(lightness, random.uniform(0.07, 0.19), tried_hue);
    double least = 1;
    for (const Colour& other : taken) least = std::min(least, contrast(tried, other));
    if (least <= best) continue;
    best = least;
    hue = tried_hue;
    palette.main = tried;
  }
  taken.push_back(palette.main);
  do {
    const double turn = random.uniform(0.15, 0.85), lightness = random.uniform(0.4, 0.9);
    palette.accent = tint(lightness, random.uniform(0.05, 0.18), hue + turn);
  } while (contrast(palette.accent, palette.main) < 0.18);
  palette.pale = mixed(palette.main, {1, 0.98, 0.92}, 0.75);
  palette.dark = mixed(palette.main, {0.1, 0.08, 0.12}, 0.72);
  return palette;
}

struct Object {
  int label;
  Place place;
};

// Large when alone, smaller in company; nullopt when there is no room left. Now and then one object hides a part of
// another.
std::optional<Place> pick_place(size_t count, double turn, const std::vector<Object>& others, Random& random) {
  constexpr double smallest[] = {0.20, 0.16, 0.14}, largest[] = {0.34, 0.27, 0.22};
  const double spacing = random.chance(0.3) ? 0.72 : 1;
  for (int i = 0; i < 60; ++i) {
    const double size = random.uniform(smallest[count - 1], largest[count - 1]);
    const double x = random.uniform(1.05 * size, 1 - 1.05 * size), y = random.uniform(1.05 * size, 1 - 1.05 * size);
    const double angle = random.uniform(-turn, turn), stretch = random.uniform(-0.1, 0.1);
    const double mirror = random.chance(0.5) ? -1 : 1;
    const Place place({x, y}, angle, {mirror * size * (1 + stretch), size * (1 - stretch)});
    const bool free = std::all_of(others.begin(), others.end(), [&](const Object& other) {
      return cv::norm(other.place.centre() - place.centre()) > spacing * (size + other.place.most());
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
  std::vector<Colour> taken = paint_backdrop(canvas, random);
  DemoPicture picture;
  for (const Object& object : pick_objects(random)) {
    const Palette palette = pick_palette(taken, random);
    const std::vector<Part> parts = shapes()[static_cast<size_t>(object.label)].make(palette, random);
    canvas.shadow(object.place, parts);
    for (const Part& part : parts) canvas.draw(object.place, part);
    const cv::Rect2d extent = canvas.extent(object.place, parts);
    picture.boxes.push_back({object.label, extent.x, extent.y, extent.width, extent.height});
  }
  picture.image = canvas.image();
  return picture;
}

}  // namespace attune
