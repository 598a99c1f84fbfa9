// Anti-aliased text. Of letters that the font lacks accents are dropped; any other is an empty box.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "image/image.h"

namespace attune {

struct TextStyle {
  double height = 10;  // of a capital letter, in pixels
  std::array<uint8_t, 3> colour = {0, 0, 0};
  bool bold = false;
};

// Whether the font has all letters of UTF-8 `text`, but for accents.
bool has_letters(const std::string& text);

// In pixels.
double text_width(const std::string& text, const TextStyle& style);

// `text`, or as much of it as fits with "..." at its end; "" when not even that fits.
std::string elide(const std::string& text, double width, const TextStyle& style);

// The whole text in lines, the first at most `first` wide and the others `width`: broken behind a space, '.' or '/'
// where there is one.
std::vector<std::string> wrap(const std::string& text, double first, double width, const TextStyle& style);

// `x` is the left end and `baseline` the foot of capital letters, in pixels; what lies outside of the image is cut off.
void draw_text(Image& image, const std::string& text, double x, double baseline, const TextStyle& style);

}  // namespace attune
