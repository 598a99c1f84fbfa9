#include "render/overlay.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/zeros.h>
#include <algorithm>
#include <cmath>
#include <optional>
#include <vector>

#include <attune/sdk/error.h>

#include "render/colormap.h"
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

// 0.5 + 0.1 (x - mean) / std over all channels, cut to 0..1: "deprocess_image" of guided backpropagation's codes.
void about_grey(at::Tensor& gradient) {
  double* values = gradient.data_ptr<double>();
  const int64_t count = gradient.numel();
  double greatest = 0, sum = 0, squares = 0;
  for (int64_t i = 0; i < count; ++i) greatest = std::max(greatest, std::abs(values[i]));
  if (greatest == 0) greatest = 1;
  for (int64_t i = 0; i < count; ++i) sum += values[i] / greatest;
  const double mean = sum / static_cast<double>(count);
  for (int64_t i = 0; i < count; ++i) squares += std::pow(values[i] / greatest - mean, 2);
  const double deviation = std::sqrt(squares / static_cast<double>(count));
  // Below this, all there is is rounding.
  const double scale = deviation > 1e-9 ? 0.1 / deviation : 0;
  for (int64_t i = 0; i < count; ++i) values[i] = std::clamp(0.5 + scale * (values[i] / greatest - mean), 0.0, 1.0);
}

// [C,H,W] -> [1,H,W], absolute values summed over channels, in 0..1.
at::Tensor as_grey(const at::Tensor& gradient) {
  const int64_t cells = gradient.size(1) * gradient.size(2);
  at::Tensor result = at::zeros({1, gradient.size(1), gradient.size(2)}, at::kDouble);
  double* out = result.data_ptr<double>();
  const double channels = static_cast<double>(gradient.size(0));
  for (int64_t i = 0; i < gradient.numel(); ++i) out[i % cells] += std::abs(gradient.data_ptr<double>()[i]) / channels;
  std::vector<double> sorted(out, out + cells);
  const auto nth = sorted.begin() + static_cast<std::ptrdiff_t>(0.99 * static_cast<double>(cells - 1));
  std::nth_element(sorted.begin(), nth, sorted.end());
  // A few lit pixels among zeros: the percentile is 0.
  const double range = *nth > 0 ? *nth : *std::max_element(nth, sorted.end());
  for (int64_t i = 0; i < cells; ++i) out[i] = range > 0 ? std::min(out[i] / range, 1.0) : 0;
  return result;
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

Image gradient_picture(const at::Tensor& gradient, const Region& region, int64_t height, int64_t width) {
  if (height < 1 || width < 1) throw Error(Fault::run, "a picture has at least one pixel");
  at::Tensor values = drawable(gradient, 3).clone();
  const bool colour = values.size(0) == 3;
  if (colour)
    about_grey(values);
  else
    values = as_grey(values);

  const Inside part = inside(region, height, width);
  const auto background = static_cast<uint8_t>(colour ? 128 : 0);
  Image result = at::empty({height, width, 3}, at::kByte);
  for (int64_t c = 0; c < 3; ++c) {
    const at::Tensor channel = spread(values[colour ? c : 0], region, height, width);
    const float* in = channel.data_ptr<float>();
    uint8_t* out = result.data_ptr<uint8_t>() + c;
    for (int64_t y = 0; y < height; ++y) {
      for (int64_t x = 0; x < width; ++x, ++in, out += 3) {
        *out = part.contains(y, x) ? static_cast<uint8_t>(std::lround(std::clamp(*in, 0.0F, 1.0F) * 255)) : background;
      }
    }
  }
  return result;
}

}  // namespace attune
