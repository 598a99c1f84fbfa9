#include <algorithm>
#include <cmath>
#include <optional>

#include <attune/sdk/error.h>

#include "render/heat.h"
#include "render/overlay.h"
#include "render/slices.h"
#include "render/tiles.h"

namespace attune {
namespace {

constexpr int64_t kSmallestFrame = 96;  // its longer side, in pixels: room for its time

// A frame at the size that it is shown at, and where the input lies in it.
struct ShownFrame {
  Image picture;
  Region region;
};

ShownFrame fitted(const Image& frame, const Region& region, int64_t largest) {
  require_image(frame);
  const auto height = static_cast<double>(frame.size(0)), width = static_cast<double>(frame.size(1));
  const double longer = std::max(height, width);
  const double scale =
      std::clamp(longer, static_cast<double>(std::min(kSmallestFrame, largest)), static_cast<double>(largest)) / longer;
  const auto side = [&](double length) { return std::max<int64_t>(std::lround(length * scale), 1); };
  const Image picture = resize(frame, side(height), side(width));
  const double x = static_cast<double>(picture.size(1)) / width, y = static_cast<double>(picture.size(0)) / height;
  return {picture, {region.x * x, region.y * y, region.width * x, region.height * y}};
}

}  // namespace

Image clip_strip(const std::vector<Image>& frames, const at::Tensor& map, const Region& region,
                 const OverlayOptions& options, const StripOptions& strip) {
  if (frames.empty() || strip.shown < 1) throw Error(Fault::run, "a strip needs at least one frame");
  const auto count = static_cast<int64_t>(frames.size());
  OverlayOptions common = options;
  std::optional<Slices> heat;
  if (map.defined()) {
    heat.emplace(drawable(map, 3), count);
    if (common.full_heat == 0) common.full_heat = heat_range(map, options.signed_);
  }
  std::vector<Tile> tiles;
  for (const int64_t place : even_places(count, std::min(strip.shown, count))) {
    const auto index = static_cast<size_t>(place);
    const ShownFrame frame = fitted(frames[index], region, strip.largest);
    tiles.push_back({heat ? overlay(frame.picture, heat->slice(place), frame.region, common) : frame.picture,
                     index < strip.captions.size() ? strip.captions[index] : ""});
  }
  return tiled(tiles, even_columns(static_cast<int64_t>(tiles.size()), strip.columns));
}

}  // namespace attune
