#include "drawing.h"

#include <ATen/TensorOperators.h>
#include <algorithm>
#include <cmath>
#include <cstdio>

#include "render/heat.h"
#include "render/signal_picture.h"
#include "render/tones.h"
#include "render/volume_picture.h"
#include "render/volume_view.h"

namespace attune::cli {
namespace {

constexpr int64_t cell_width = 224;

enum class InputForm { none, signal, picture, clip, volume };

// An array with four axes and three channels is a clip in colour, unless it says that it is a volume.
InputForm form_of(const Sample& sample) {
  switch (sample.input.dim()) {
    case 2:
      return InputForm::signal;
    case 3:
      return InputForm::picture;
    case 4:
      return sample.pictures.empty() && (sample.volume || sample.input.size(0) != 3) ? InputForm::volume
                                                                                     : InputForm::clip;
    default:
      return InputForm::none;
  }
}

Region whole(const Image& image) {
  return {0, 0, static_cast<double>(image.size(1)), static_cast<double>(image.size(0))};
}

std::vector<Image> frames_of(const Sample& sample, std::optional<Tones> tones = {}) {
  if (!sample.pictures.empty()) return sample.pictures;
  if (!tones) tones = tones_of(sample.input);  // the same for all
  std::vector<Image> frames;
  for (const at::Tensor& frame : sample.input.unbind(1)) frames.push_back(tensor_picture(frame, *tones));
  return frames;
}

std::string seconds_text(double seconds) {
  char text[32];
  std::snprintf(text, sizeof text, "%.2f s", seconds);
  return text;
}

StripOptions strip_of(const Sample& sample, size_t frames) {
  StripOptions strip;
  for (size_t i = 0; i < frames; ++i) {
    const bool is_timed = i < sample.times.size() && std::isfinite(sample.times[i]);
    strip.captions.push_back(is_timed ? seconds_text(sample.times[i]) : "frame " + std::to_string(i));
  }
  return strip;
}

VolumeView view_of(const Sample& sample) { return sample.volume ? upright(*sample.volume) : VolumeView(); }

Volume volume_of(const Sample& sample, const VolumeView& view, std::optional<Tones> tones = {}) {
  const at::Tensor values = sample.input.size(0) == 1 ? sample.input[0] : sample.input.mean(0);
  return {view.turned(grey_levels(values, tones ? *tones : tones_of(values))), view.axes};
}

Image signal_image(const Sample& sample, const at::Tensor& heat, const OverlayOptions& options,
                   std::optional<int64_t> shown) {
  SignalOptions large;
  large.heat = options;
  if (shown) large.shown = *shown;
  return signal_picture(sample.input, heat, large);
}

Image signal_cell(const Sample& sample, const at::Tensor& heat, const OverlayOptions& options) {
  SignalOptions small;
  small.heat = options;
  small.shown = 4;
  small.width = cell_width;
  small.height = std::clamp<int64_t>(140 / std::min<int64_t>(sample.input.size(0), small.shown), 36, 110);
  return signal_picture(sample.input, heat, small);
}

// [C,S1..Sd] -> [1,S1..Sd]. Of gradients of the input the size counts, unless signs are asked for.
at::Tensor heat_of(const at::Tensor& map, bool is_gradient, const OverlayOptions& options) {
  if (is_gradient && !options.signed_) return map.abs().sum(0, true);
  return map.size(0) == 1 ? map : map.sum(0, true);
}

Drawing clip_drawing(const Sample& sample, const std::vector<Image>& frames, const at::Tensor& heat,
                     const OverlayOptions& options, std::optional<int64_t> shown) {
  const Region region = sample.pictures.empty() ? whole(frames[0]) : sample.region;
  StripOptions strip = strip_of(sample, frames.size()), cell = strip;
  if (shown) strip.shown = *shown;
  cell.shown = 4;
  cell.columns = 2;
  cell.largest = cell_width / 2 - 2;
  return {clip_strip(frames, heat, region, options, strip), clip_strip(frames, heat, region, options, cell), ""};
}

Drawing signal_drawing(const Sample& sample, const at::Tensor& map, bool is_gradient, const OverlayOptions& options,
                       std::optional<int64_t> shown) {
  const bool by_channel = is_gradient && map.size(0) == sample.input.size(0);
  const at::Tensor of_channels = options.signed_ ? map : map.abs();
  const at::Tensor heat = by_channel ? of_channels : heat_of(map, is_gradient, options);
  return {signal_image(sample, heat, options, shown), signal_cell(sample, heat, options), ""};
}

Drawing volume_drawing(const Sample& sample, const at::Tensor& heat, const OverlayOptions& options,
                       std::optional<int64_t> shown) {
  const VolumeView view = view_of(sample);
  const Volume volume = volume_of(sample, view);
  const at::Tensor turned = view.turned(heat);
  return {volume_picture(volume, turned, options, shown.value_or(8)), volume_cell(volume, turned, options), ""};
}

Image base_picture(const Sample& sample, std::optional<Tones> tones = {}) {
  if (!sample.pictures.empty()) return sample.pictures[0];
  return tensor_picture(sample.input, tones ? *tones : tones_of(sample.input));
}

Drawing picture_drawing(const Sample& sample, const at::Tensor& map, bool is_gradient, const OverlayOptions& options) {
  const Image picture = base_picture(sample);
  const Region region = sample.pictures.empty() ? whole(picture) : sample.region;
  const bool absolute = map.min().item<double>() >= 0;
  if (is_gradient && (!options.signed_ || absolute || map.size(0) > 1)) {
    const at::Tensor gradient = absolute ? map.sum(0, true) : map;
    const Image image = gradient_picture(gradient, region, picture.size(0), picture.size(1));
    return {image, image, ""};
  }
  const Image image = overlay(picture, heat_of(map, false, options)[0], region, options);
  return {image, image, options.colormap};
}

}  // namespace

bool has_picture(const Sample& sample) { return form_of(sample) != InputForm::none; }

Drawing draw_input(const Sample& sample, std::optional<int64_t> shown, std::optional<Tones> tones) {
  switch (form_of(sample)) {
    case InputForm::signal:
      return {signal_image(sample, {}, {}, shown), signal_cell(sample, {}, {}), ""};
    case InputForm::clip:
      return clip_drawing(sample, frames_of(sample, tones), {}, {}, shown);
    case InputForm::volume: {
      const Volume volume = volume_of(sample, view_of(sample), tones);
      return {volume_picture(volume, {}, {}, shown.value_or(8)), volume_cell(volume, {}), ""};
    }
    case InputForm::picture: {
      const Image picture = base_picture(sample, tones);
      return {picture, picture, ""};
    }
    default:
      return {};
  }
}

Drawing draw(const Sample& sample, const at::Tensor& map, bool at_input_resolution, const OverlayOptions& given,
             std::optional<int64_t> shown) {
  if (map.dim() != sample.input.dim()) return {};  // such as of a sequence behind a picture
  OverlayOptions options = given;
  if (options.colormap.empty()) options.colormap = default_colormap(options.signed_);
  Drawing drawing;
  switch (form_of(sample)) {
    case InputForm::signal:
      drawing = signal_drawing(sample, map, at_input_resolution, options, shown);
      break;
    case InputForm::clip:
      drawing = clip_drawing(sample, frames_of(sample), heat_of(map, at_input_resolution, options)[0], options, shown);
      break;
    case InputForm::volume:
      drawing = volume_drawing(sample, heat_of(map, at_input_resolution, options)[0], options, shown);
      break;
    case InputForm::picture:
      return picture_drawing(sample, map, at_input_resolution, options);
    default:
      return {};
  }
  drawing.colours = options.colormap;
  return drawing;
}

}  // namespace attune::cli
