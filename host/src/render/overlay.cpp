#include "render/overlay.h"

#include <ATen/ATen.h>
#include <optional>

#include <attune/sdk/error.h>

#include "base/numbers.h"
#include "image/mat.h"
#include "render/contact_sheet.h"
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

constexpr int64_t kSmallestFrame = 96;  // its longer side, in pixels: room for its time

// A frame at the size that it is shown at.
Image fitted(const Image& frame, int64_t largest) {
  require_image(frame);
  const int64_t longer = std::max(frame.size(0), frame.size(1));
  const int64_t shown = std::clamp(longer, std::min(kSmallestFrame, largest), largest);
  return scaled(frame, static_cast<double>(shown) / static_cast<double>(longer));
}

// 0.5 + 0.1 (x - mean) / std over all channels, cut to 0..1: "deprocess_image" of guided backpropagation's codes.
at::Tensor about_grey(const at::Tensor& gradient) {
  const double greatest = gradient.abs().max().item<double>();
  const at::Tensor scaled = greatest > 0 ? gradient / greatest : gradient;
  const at::Tensor off = scaled - scaled.mean();
  const double deviation = off.square().mean().sqrt().item<double>();
  // Below this, all there is is rounding.
  return (0.5 + (deviation > 1e-9 ? 0.1 / deviation : 0) * off).clamp_(0, 1);
}

// [C,H,W] -> [1,H,W], absolute values summed over channels, in 0..1.
at::Tensor as_grey(const at::Tensor& gradient) {
  const at::Tensor sums = gradient.abs().div_(gradient.size(0)).sum(0, true);
  const double range = usual_peak(sums);
  return range > 0 ? (sums / range).clamp_max_(1) : sums;
}

}  // namespace

std::string default_colormap(bool signed_) { return signed_ ? "blue_red" : "inferno"; }

const Colormap& colormap_of(const OverlayOptions& options) {
  return colormap(options.colormap.empty() ? default_colormap(options.signed_) : options.colormap);
}

OverlayOptions on_scale_of(const at::Tensor& map, OverlayOptions options) {
  if (map.defined() && options.full_heat == 0) options.full_heat = heat_range(map, options.signed_);
  return options;
}

Image overlay(const Image& picture, const at::Tensor& map, const Region& region, const OverlayOptions& options) {
  require_image(picture);
  check_options(options);
  const Colormap& colours = colormap_of(options);
  const at::Tensor values = drawable(map, 2);
  const double range = on_scale_of(values, options).full_heat;
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
      const Colour& colour = colours.at(position);
      for (size_t c = 0; c < 3; ++c) {
        *out++ = static_cast<uint8_t>(
            std::lround(light * static_cast<float>(*in++) + opaque * static_cast<float>(colour[c])));
      }
    }
  }
  return result;
}

Image clip_strip(const std::vector<Image>& frames, const at::Tensor& map, const Region& region,
                 const OverlayOptions& options, const StripOptions& strip) {
  if (frames.empty() || strip.shown < 1) throw Error(Fault::run, "a strip needs at least one frame");
  const auto count = static_cast<int64_t>(frames.size());
  std::optional<Slices> heat;
  if (map.defined()) heat.emplace(drawable(map, 3), count);
  const OverlayOptions common = on_scale_of(map, options);
  std::vector<Tile> tiles;
  for (const int64_t place : even_places(count, std::min(strip.shown, count))) {
    const auto index = static_cast<size_t>(place);
    const Region own = whole(frames[index]);
    const Image frame = fitted(frames[index], strip.largest);
    const Region shown = region.scaled(whole(frame).width / own.width, whole(frame).height / own.height);
    tiles.push_back({heat ? overlay(frame, heat->slice(place), shown, common) : frame,
                     index < strip.captions.size() ? strip.captions[index] : ""});
  }
  return tiled(tiles, even_columns(static_cast<int64_t>(tiles.size()), strip.columns));
}

Image gradient_picture(const at::Tensor& gradient, const Region& region, int64_t height, int64_t width) {
  if (height < 1 || width < 1) throw Error(Fault::run, "a picture has at least one pixel");
  const at::Tensor given = drawable(gradient, 3);
  const bool colour = given.size(0) == 3;
  const at::Tensor values = colour ? about_grey(given) : as_grey(given);
  std::vector<at::Tensor> channels;
  for (const at::Tensor& channel : values.unbind(0)) channels.push_back(spread(channel, region, height, width));
  const Inside part = inside(region, height, width);
  const auto background = static_cast<double>(colour ? 128 : 0);
  Image result = filled(height, width, cv::Scalar::all(background));
  part.of(result).copy_(part.of(in_rgb(bytes_of(at::stack(channels).clamp_(0, 1) * 255))));
  return result;
}

}  // namespace attune
