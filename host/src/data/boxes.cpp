#include "data/boxes.h"

#include <algorithm>
#include <sstream>

namespace attune {

std::optional<Region> clipped(const Region& region, int64_t height, int64_t width) {
  const double left = std::max(region.x, 0.0), top = std::max(region.y, 0.0);
  const double right = std::min(region.x + region.width, static_cast<double>(width));
  const double bottom = std::min(region.y + region.height, static_cast<double>(height));
  if (right <= left || bottom <= top) return {};
  return Region{left, top, right - left, bottom - top};
}

std::string outside_of(const Region& region, int64_t height, int64_t width) {
  const double right = region.x + region.width, bottom = region.y + region.height;
  const bool near = region.x >= -1 && region.y >= -1 && right <= static_cast<double>(width) + 1 &&
                    bottom <= static_cast<double>(height) + 1;
  if (near && clipped(region, height, width)) return "";
  std::ostringstream text;
  text << "has a box outside of the picture: pixels " << region.x << " to " << right << " of " << width << ", rows "
       << region.y << " to " << bottom << " of " << height;
  return text.str();
}

}  // namespace attune
