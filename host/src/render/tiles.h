// Pictures of one input beside and below each other.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "image/image.h"

namespace attune {

struct Tile {
  Image picture;
  std::string caption;
  bool bold = false;  // the caption
};

// In rows of as many columns, on white, with the captions under the pictures.
Image tiled(const std::vector<Tile>& tiles, int64_t columns);

// Columns of rows that are about as long as each other, at most `most` a row: 12 tiles are two rows of 6.
int64_t even_columns(int64_t tiles, int64_t most);

struct Section {
  std::string heading;
  Image picture;
};

// One below the other.
Image stacked(const std::vector<Section>& sections);

}  // namespace attune
