// Anti-aliased text. Letters that the font lacks are replaced: accents are dropped, the rest becomes "?".
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "image/image.h"

namespace attune {

struct TextStyle {
  double height = 10;  // of a capital letter, in pixels
  std::array<uint8_t, 3> colour = {0, 0, 0};
  bool bold = false;
};

// In pixels.
double text_width(const std::string& text, const TextStyle& style);

// `text`, or as much of it as fits with "..." at its end; "" when not even that fits.
std::string elide(const std::string& text, double width, const TextStyle& style);

// `x` is the left end and `baseline` the foot of capital letters, in pixels; what lies outside of the image is cut off.
void draw_text(Image& image, const std::string& text, double x, double baseline, const TextStyle& style);

}  // namespace attune
