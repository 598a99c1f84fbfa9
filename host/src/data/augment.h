// Random changes of pictures and clips, with their boxes.
#pragma once

#include <cstdint>
#include <variant>
#include <vector>

#include "data/dataset.h"
#include "image/image.h"

namespace attune {

// About the centre, by an angle from -degrees to degrees. The picture keeps its size; what comes in is black. Boxes
// become the upright rectangles around the turned ones.
struct Rotate {
  double degrees = 10;  // 0 to 180
};

// With these probabilities.
struct Flip {
  double horizontal = 0.5;  // left becomes right
  double vertical = 0;
};

// A part of the picture, anywhere in it.
struct Crop {
  double share = 0.9;  // of the height and of the width that is kept; above 0, at most 1
};

// Each of the four by a random amount, in random order; what it does equals torchvision's ColorJitter.
struct ColourJitter {
  double brightness = 0.8;  // factor from 1 - brightness (at least 0) to 1 + brightness
  double contrast = 0.8;    // likewise
  double saturation = 0.8;  // likewise
  double hue = 0.4;         // share of the colour circle, 0 to 0.5: shift from -hue to hue
};

using Augmentation = std::variant<Rotate, Flip, Crop, ColourJitter>;

// Throws Error(Fault::spec) for parameters outside of the ranges above.
void check(const Augmentation& augmentation);

// Changes the frames of a clip, all alike and all of one size, or the one picture in `pictures`, one augmentation after
// the other; what is drawn is a function of the seed. Boxes are in pixels of the pictures and follow: they are cut off
// at the borders, and dropped when nothing of them remains.
void augment(std::vector<Image>& pictures, std::vector<Box>& boxes, const std::vector<Augmentation>& augmentations,
             uint64_t seed);

// The changes themselves. A picture with what an angle, a window or factors make of it:

// Counter-clockwise.
Image rotated(const Image& image, double degrees);
// The upright rectangle around a region of a picture that is turned so.
Region rotated(const Region& region, int64_t height, int64_t width, double degrees);

Image flipped(const Image& image, bool horizontal, bool vertical);
Region flipped(const Region& region, int64_t height, int64_t width, bool horizontal, bool vertical);

Image cut_out(const Image& image, const Window& window);
Region cut_out(const Region& region, const Window& window);

// One adjustment of colours, as torchvision's functional.adjust_* of a picture with values from 0 to 1.
enum class ColourChange { brightness, contrast, saturation, hue };
struct ColourStep {
  ColourChange change;
  double amount;  // factor, or the shift of the hue as a share of the circle
};
Image recoloured(const Image& image, const std::vector<ColourStep>& steps);

}  // namespace attune
