// Many pictures on few pages, and several as one.
#pragma once

#include <string>
#include <utility>

#include "image/image.h"

namespace attune {

// A line under a picture: where both do not fit, `text` is cut off.
struct SheetLine {
  std::string text;      // "golden retriever"
  std::string end = "";  // "98.3 %"
  bool bold = false;     // the text
};

struct SheetCell {
  SheetCell(Image shown = {}, std::vector<SheetLine> under = {}) : picture(std::move(shown)), lines(std::move(under)) {}

  Image picture;  // undefined: the cell stays empty
  std::vector<SheetLine> lines;
  bool centred = false;  // lines without an end stand under the middle of the picture
};

struct SheetRow {
  std::string title;             // "beagle.jpg"; empty: no line for it
  std::vector<SheetCell> cells;  // in the order of the headings
  bool begins = false;           // what the rows up to the next such one are about: its title is bold
};

struct SheetOptions {
  int64_t cell = 224;  // greatest side of a picture, in pixels; smaller when there are many columns
  int64_t rows_per_page = 12;
};

// One row per input, one column per heading ("input", a method, a target), in cells of one size; as many pages as it
// takes. No rows give no pages. Throws Error(Fault::run) for a row with more cells than headings.
std::vector<Image> contact_sheets(const std::vector<std::string>& headings, const std::vector<SheetRow>& rows,
                                  const SheetOptions& options = {});

// Cells side by side, up to six in a row; as many pages as it takes.
std::vector<Image> contact_grid(const std::vector<SheetCell>& cells, const SheetOptions& options = {});

// A picture of several that show one input, beside and below each other.
struct Tile {
  Image picture;
  std::string caption;
  bool bold = false;  // the caption
};

// In rows of as many columns, on white, with the captions under the pictures.
Image tiled(const std::vector<Tile>& tiles, int64_t columns);

// Columns of rows that are about as long as each other, at most `most` a row: 12 tiles are two rows of 6.
int64_t even_columns(int64_t tiles, int64_t most);

// A number for each pair of some things.
struct PairTable {
  std::string title;
  std::string note;  // what the numbers mean
  std::vector<std::string> names;
  at::Tensor values;  // [M,M], symmetric, from -1 to 1; what is not finite is left out
};

// As a triangle of coloured numbers: each name stands at the end of its row and at the head of its column.
Image pair_picture(const PairTable& table);

// The second picture under the first one, on white.
Image below(const Image& first, const Image& second);

struct Section {
  std::string heading;
  Image picture;
};

// One below the other.
Image stacked(const std::vector<Section>& sections);

}  // namespace attune
