// Random changes of pictures and clips, with their boxes.
#pragma once

#include "base/data_choices.h"
#include "data/dataset.h"
#include "image/image.h"

namespace attune {

// Throws Error(Fault::spec) for parameters outside of the ranges of base/data_choices.h.
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
