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

// One tone for all frames.
std::vector<Image> frames_of(const Sample& sample) {
  if (!sample.pictures.empty()) return sample.pictures;
  const Tones tones = tones_of(sample.input);
  std::vector<Image> frames;
  for (const at::Tensor& frame : sample.input.unbind(1)) frames.push_back(tensor_picture(frame, tones));
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

Image clip_cell(const Sample& sample, const std::vector<Image>& frames, const at::Tensor& heat, const Region& region,
                const OverlayOptions& options) {
  StripOptions strip = strip_of(sample, frames.size());
  strip.shown = 4;
  strip.columns = 2;
  strip.largest = cell_width / 2 - 2;
  return clip_strip(frames, heat, region, options, strip);
}

Region clip_region(const Sample& sample, const std::vector<Image>& frames) {
  return sample.pictures.empty() ? whole(frames[0]) : sample.region;
}

VolumeView view_of(const Sample& sample) { return sample.volume ? upright(*sample.volume) : VolumeView(); }

Volume volume_of(const Sample& sample, const VolumeView& view) {
  const at::Tensor values = sample.input.size(0) == 1 ? sample.input[0] : sample.input.mean(0);
  return {view.turned(grey_levels(values, tones_of(values))), view.axes};
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

void draw_signal(const Sample& sample, const at::Tensor& map, bool is_gradient, const OverlayOptions& options,
                 std::optional<int64_t> shown, Drawing& drawing) {
  const bool by_channel = is_gradient && map.size(0) == sample.input.size(0);
  const at::Tensor of_channels = options.signed_ ? map : map.abs();
  const at::Tensor heat = by_channel ? of_channels : heat_of(map, is_gradient, options);
  SignalOptions large;
  large.heat = options;
  if (shown) large.shown = *shown;
  drawing.image = signal_picture(sample.input, heat, large);
  drawing.cell = signal_cell(sample, heat, options);
}

void draw_clip(const Sample& sample, const at::Tensor& heat, const OverlayOptions& options,
               std::optional<int64_t> shown, Drawing& drawing) {
  const std::vector<Image> frames = frames_of(sample);
  const Region region = clip_region(sample, frames);
  StripOptions strip = strip_of(sample, frames.size());
  if (shown) strip.shown = *shown;
  drawing.image = clip_strip(frames, heat, region, options, strip);
  drawing.cell = clip_cell(sample, frames, heat, region, options);
}

void draw_picture(const Sample& sample, const at::Tensor& map, bool is_gradient, const OverlayOptions& options,
                  Drawing& drawing) {
  const Image picture = base_picture(sample);
  const Region region = sample.pictures.empty() ? whole(picture) : sample.region;
  const bool absolute = map.min().item<double>() >= 0;
  if (is_gradient && (!options.signed_ || absolute || map.size(0) > 1)) {
    drawing.image = gradient_picture(absolute ? map.sum(0, true) : map, region, picture.size(0), picture.size(1));
    drawing.colours.clear();
  } else {
    drawing.image = overlay(picture, heat_of(map, false, options)[0], region, options);
  }
  drawing.cell = drawing.image;
}

}  // namespace

bool has_picture(const Sample& sample) { return form_of(sample) != InputForm::none; }

Image base_picture(const Sample& sample) {
  switch (form_of(sample)) {
    case InputForm::signal:
      return signal_cell(sample, {}, {});
    case InputForm::volume:
      return volume_cell(volume_of(sample, view_of(sample)), {});
    case InputForm::clip: {
      const std::vector<Image> frames = frames_of(sample);
      return clip_cell(sample, frames, {}, clip_region(sample, frames), {});
    }
    default:
      return sample.pictures.empty() ? tensor_picture(sample.input, tones_of(sample.input)) : sample.pictures[0];
  }
}

Drawing draw(const Sample& sample, const at::Tensor& map, bool at_input_resolution, const OverlayOptions& given,
             std::optional<int64_t> shown) {
  Drawing drawing;
  if (!has_picture(sample) || map.dim() != sample.input.dim()) return drawing;
  OverlayOptions options = given;
  if (options.colormap.empty()) options.colormap = default_colormap(options.signed_);
  drawing.colours = options.colormap;
  switch (form_of(sample)) {
    case InputForm::signal:
      draw_signal(sample, map, at_input_resolution, options, shown, drawing);
      break;
    case InputForm::clip:
      draw_clip(sample, heat_of(map, at_input_resolution, options)[0], options, shown, drawing);
      break;
    case InputForm::volume: {
      const VolumeView view = view_of(sample);
      const Volume volume = volume_of(sample, view);
      const at::Tensor heat = view.turned(heat_of(map, at_input_resolution, options)[0]);
      drawing.image = volume_picture(volume, heat, options, shown.value_or(8));
      drawing.cell = volume_cell(volume, heat, options);
      break;
    }
    default:
      draw_picture(sample, map, at_input_resolution, options, drawing);
  }
  return drawing;
}

}  // namespace attune::cli
