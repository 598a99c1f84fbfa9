// Many pictures on few pages.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "image/image.h"

namespace attune {

// A line under a picture: where both do not fit, `text` is cut off.
struct SheetLine {
  std::string text;  // "golden retriever"
  std::string end;   // "98.3 %"
};

struct SheetCell {
  SheetCell(Image shown = {}, std::vector<SheetLine> under = {}) : picture(std::move(shown)), lines(std::move(under)) {}

  Image picture;  // undefined: the cell stays empty
  std::vector<SheetLine> lines;
};

struct SheetRow {
  std::string title;             // "beagle.jpg"; empty: no line for it
  std::vector<SheetCell> cells;  // in the order of the headings
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

}  // namespace attune
