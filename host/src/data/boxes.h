// Boxes of objects as a picture changes around them.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "data/dataset.h"

namespace attune {

// The part of a region that lies in a picture of that size; nothing when none does.
std::optional<Region> clipped(const Region& region, int64_t height, int64_t width);

// "has a box outside of the picture: ..." for a region that reaches more than one pixel out of a picture of that size,
// or lies there altogether; "" for one that does not.
std::string outside_of(const Region& region, int64_t height, int64_t width);

// Every region replaced by what `change` makes of it, cut off at the borders of a picture of that size; boxes of which
// nothing remains are dropped.
template <typename Change>
void change_boxes(std::vector<Box>& boxes, int64_t height, int64_t width, const Change& change) {
  std::vector<Box> kept;
  for (const Box& box : boxes) {
    if (const auto region = clipped(change(box.region), height, width)) {
      kept.push_back({box.label, *region, box.difficult});
    }
  }
  boxes = std::move(kept);
}

}  // namespace attune
