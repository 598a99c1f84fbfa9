#include "render/overlay.h"

#include <ATen/ops/empty.h>
#include <algorithm>
#include <cmath>

#include <attune/sdk/error.h>

#include "render/colormap.h"
#include "render/heat.h"

namespace attune {
namespace {

constexpr float kDimmed = 0.55F;  // brightness of what the model did not see

// Opacity for a heat of 0..1: nothing below a few per cent, so that the picture keeps its own colours there.
float growing_opacity(float heat, float alpha) {
  const float t = std::clamp((heat - 0.04F) / 0.46F, 0.0F, 1.0F);
  return alpha * t * t * (3 - 2 * t);
}

void check_options(const OverlayOptions& options) {
  if (!(options.alpha >= 0 && options.alpha <= 1)) {
    throw Error(Fault::usage, "the opacity (alpha) of an overlay must be 0 to 1, not " + std::to_string(options.alpha));
  }
  if (!(options.full_heat >= 0) || !std::isfinite(options.full_heat)) {
    throw Error(Fault::run, "the value drawn as the greatest heat must be finite and not negative");
  }
}

}  // namespace

std::string default_colormap(bool signed_) { return signed_ ? "blue_red" : "inferno"; }

Image overlay(const Image& picture, const at::Tensor& map, const Region& region, const OverlayOptions& options) {
  require_image(picture);
  check_options(options);
  const std::string name = options.colormap.empty() ? default_colormap(options.signed_) : options.colormap;
  const Colormap& colours = colormap(name);
  const at::Tensor values = drawable(map, 2);
  const double range = options.full_heat > 0 ? options.full_heat : heat_range(values, options.signed_);
  const int64_t height = picture.size(0), width = picture.size(1);
  const at::Tensor field = heat(values, range, region, height, width);
  const Inside seen = inside(region, height, width);

  const Image source = picture.contiguous();
  Image result = at::empty(source.sizes(), at::kByte);
  const uint8_t* in = source.data_ptr<uint8_t>();
  const float* value = field.data_ptr<float>();
  uint8_t* out = result.data_ptr<uint8_t>();
  const auto alpha = static_cast<float>(options.alpha);
  const bool uniform = options.opacity == Opacity::uniform;
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t x = 0; x < width; ++x, ++value) {
      const float strength = options.signed_ ? std::abs(*value) : std::max(*value, 0.0F);
      const float position = options.signed_ ? 0.5F + *value / 2 : strength;
      const bool is_seen = seen.contains(y, x);
      const float opaque = !uniform ? growing_opacity(strength, alpha) : is_seen ? alpha : 0;
      const float light = is_seen ? 1 - opaque : kDimmed;
      const auto& colour = colours.colours[static_cast<size_t>(std::lround(position * 255))];
      for (size_t c = 0; c < 3; ++c) {
        *out++ = static_cast<uint8_t>(
            std::lround(light * static_cast<float>(*in++) + opaque * static_cast<float>(colour[c])));
      }
    }
  }
  return result;
}

}  // namespace attune
