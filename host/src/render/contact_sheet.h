// Many pictures on few pages.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "image/image.h"

namespace attune {

struct SheetRow {
  std::string title;         // "beagle.jpg"
  std::vector<Image> cells;  // in the order of the headings; undefined ones stay empty
};

struct SheetOptions {
  int64_t cell = 224;  // greatest side of a picture, in pixels; smaller when there are many columns
  int64_t rows_per_page = 12;
};

// One row per input, one column per heading ("input", a method, a target), in cells of one size; as many pages as it
// takes. No rows give no pages. Throws Error(Fault::run) for a row with more cells than headings.
std::vector<Image> contact_sheets(const std::vector<std::string>& headings, const std::vector<SheetRow>& rows,
                                  const SheetOptions& options = {});

}  // namespace attune
