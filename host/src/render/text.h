// Text in any script, shaped and put in order by Pango. A letter that no font has is a box with its number in it; what
// is not UTF-8 becomes U+FFFD, and control characters become spaces.
#pragma once

#include <array>
#include <cmath>
#include <limits>
#include <string>

#include "image/image.h"

struct _cairo;  // Cairo's cairo_t

namespace attune {

using Colour = std::array<uint8_t, 3>;  // RGB

// rgb(0xff8000) is orange.
constexpr Colour rgb(uint32_t code) {
  return {static_cast<uint8_t>(code >> 16), static_cast<uint8_t>(code >> 8), static_cast<uint8_t>(code)};
}

// So much of the other colour.
template <typename Share>
Colour mixed(const Colour& colour, const Colour& other, Share share) {
  Colour result{};
  for (size_t c = 0; c < 3; ++c) {
    const auto from = static_cast<Share>(colour[c]), to = static_cast<Share>(other[c]);
    result[c] = static_cast<uint8_t>(std::lround(from + share * (to - from)));
  }
  return result;
}

struct TextStyle {
  double height = 10;  // of a capital letter, in pixels
  Colour colour = {0, 0, 0};
  bool bold = false;
};

enum class Align { left, centre, right };

// Of one line, in pixels. `x` is its left end, its middle or its right end, and `baseline` the foot of capital letters.
// A text longer than `width` ends in an ellipsis, and is left out when not even that fits.
struct TextPlace {
  double x = 0;
  double baseline = 0;
  double width = std::numeric_limits<double>::infinity();
  Align align = Align::left;

  // Of a line of that width.
  double left(double of_width) const {
    return x - of_width * (align == Align::left ? 0 : align == Align::centre ? 0.5 : 1);
  }
};

// Whether it is UTF-8 and the fonts here have all of its letters.
bool has_letters(const std::string& text);

// The text as it is drawn: valid UTF-8 without control characters.
std::string drawn_text(const std::string& text);

// A name inside a sentence, which goes from left to right then; the name goes as its own script does.
std::string isolated(const std::string& name);

// In pixels.
double text_width(const std::string& text, const TextStyle& style);

// The whole text in lines, the first at most `first` wide and the others `width`: broken between words and behind '.'
// or '/', where there are zero-width spaces then, and anywhere in what is longer than a line.
std::vector<std::string> wrap(const std::string& text, double first, double width, const TextStyle& style);

// What lies outside of the image is cut off.
void draw_text(Image& image, const std::string& text, const TextPlace& place, const TextStyle& style);
void draw_text(_cairo* canvas, const std::string& text, const TextPlace& place, const TextStyle& style);

void set_colour(_cairo* canvas, const Colour& colour);

}  // namespace attune
