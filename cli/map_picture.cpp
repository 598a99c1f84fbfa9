#include "map_picture.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/isfinite.h>
#include <ATen/ops/tensor.h>
#include <ATen/ops/zeros_like.h>
#include <algorithm>
#include <cmath>
#include <optional>

#include <attune/sdk/error.h>

namespace attune::cli {
namespace {

// [C,H,W] of 0..1, cut to that -> a picture.
Image unit_picture(const at::Tensor& values) {
  const at::Tensor colours = values.size(0) == 3 ? values : values.mean(0, true).expand({3, -1, -1});
  return (colours.clamp(0, 1) * 255).round().to(at::kByte).permute({1, 2, 0}).contiguous();
}

// In the proportions of the part of the photo that the model was given.
Image as_seen(const Image& picture, const Sample& sample) {
  const auto side = [](double length) { return std::max<int64_t>(1, std::llround(length)); };
  return resize(picture, side(sample.region.height), side(sample.region.width));
}

at::Tensor without_preprocessing(const at::Tensor& input, const Preprocess& preprocess) {
  if (input.size(0) != static_cast<int64_t>(preprocess.mean.size())) return input;
  std::vector<int64_t> shape(static_cast<size_t>(input.dim()), 1);
  shape[0] = -1;
  const auto by_channel = [&](const std::vector<double>& values) { return at::tensor(values, at::kFloat).view(shape); };
  return input * by_channel(preprocess.std) + by_channel(preprocess.mean);
}

// The sample as if `input` [C,S1..Sd] had been read: of a photo or clip, with the pictures that `values` are, of 0..1.
Sample with_values(const Sample& sample, const at::Tensor& input, const at::Tensor& values) {
  Sample changed = sample;
  changed.input = input;
  changed.pictures.clear();
  if (sample.pictures.empty() || values.dim() < 3) return changed;
  for (const at::Tensor& frame : values.dim() == 4 ? values.unbind(1) : std::vector<at::Tensor>{values}) {
    changed.pictures.push_back(as_seen(unit_picture(frame), sample));
  }
  const Image& first = changed.pictures.at(0);
  changed.region = {0, 0, static_cast<double>(first.size(1)), static_cast<double>(first.size(0))};
  return changed;
}

Sample with_input(const Sample& sample, const at::Tensor& input, const Preprocess& preprocess) {
  return with_values(sample, input, without_preprocessing(input, preprocess));
}

// An input as inputs are drawn; a mask likewise, in grey from 0 to 1.
Drawing shown_drawing(const Sample& sample, const at::Tensor& values, Shown shown, const Preprocess& preprocess,
                      std::optional<int64_t> parts) {
  if (shown == Shown::input && values.sizes() == sample.input.sizes()) {
    return draw_input(with_input(sample, values, preprocess), parts);
  }
  const bool of_clip = values.dim() == 4 && sample.input.dim() == 4;  // which its number of channels tells
  const at::Tensor mask = of_clip ? values.mean(0, true).expand({sample.input.size(0), -1, -1, -1}) : values;
  return draw_input(with_values(sample, mask, values), parts, Tones{0, 1});
}

// What of a map is drawn as heat, for its range: gradients by their size, channels together, but for a signal's own.
at::Tensor heat_of_map(const Sample& sample, const ShownMap& map, bool is_signed) {
  const bool by_size = map.at_input_resolution && !is_signed;
  const at::Tensor values = by_size ? map.values.abs() : map.values;
  if (map.at_input_resolution && values.dim() == 2 && values.sizes() == sample.input.sizes()) return values;
  return values.size(0) == 1 ? values[0] : values.sum(0);
}

MapPicture matcher_picture(const Sample& sample, const ShownMap& map, const HeatmapOptions& options,
                           const Preprocess& preprocess) {
  if (!at::isfinite(map.values).all().item<bool>()) {
    throw Error(Fault::run, "'" + map.name + "' is not finite (NaN or infinity)");
  }
  MapPicture picture;
  picture.drawing = shown_drawing(sample, map.values, *map.shown, preprocess, options.strip);
  return picture;
}

}  // namespace

MapPicture map_picture(const Sample& sample, const ShownMap& map, const HeatmapOptions& options,
                       const Preprocess& preprocess) {
  if (map.shown) return matcher_picture(sample, map, options, preprocess);
  MapPicture picture;
  if (!has_picture(sample) || map.values.dim() != sample.input.dim()) return picture;
  const at::Tensor heat = heat_of_map(sample, map, options.signed_maps);
  picture.full = heat_range(heat, options.signed_maps);
  picture.greatest = (options.signed_maps ? heat.abs() : heat).max().item<double>();
  OverlayOptions style;
  style.colormap = options.colormap;
  style.alpha = options.heat_only ? 1 : options.alpha;
  style.signed_ = options.signed_maps;
  style.full_heat = picture.full;
  style.opacity = options.heat_only || options.opacity == "uniform" ? Opacity::uniform : Opacity::heat;
  Sample under = map.input.defined() ? with_input(sample, map.input, preprocess) : sample;
  if (options.heat_only) {
    for (Image& image : under.pictures) image = at::zeros_like(image);
  }
  picture.drawing = draw(under, map.values, map.at_input_resolution, style, options.strip);
  return picture;
}

}  // namespace attune::cli
