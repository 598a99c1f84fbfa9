#include "report/map_picture.h"

#include <ATen/ATen.h>

#include "base/numbers.h"
#include "render/heat.h"
#include "render/signal_picture.h"
#include "render/volume_picture.h"
#include "report/report.h"

namespace attune {
namespace {

constexpr int64_t cell_width = 224;

// An array with four axes and three channels is a clip in colour, unless it says that it is a volume.
bool is_volume(const Sample& sample) {
  return sample.input.dim() == 4 && sample.pictures.empty() && (sample.volume || sample.input.size(0) != 3);
}

std::vector<Image> frames_of(const Sample& sample, std::optional<Tones> tones) {
  if (!sample.pictures.empty()) return sample.pictures;
  if (!tones) tones = tones_of(sample.input);  // the same for all
  std::vector<Image> frames;
  for (const at::Tensor& frame : sample.input.unbind(1)) frames.push_back(tensor_picture(frame, *tones));
  return frames;
}

StripOptions strip_of(const Sample& sample, size_t frames) {
  StripOptions strip;
  for (size_t i = 0; i < frames; ++i) {
    const bool is_timed = i < sample.times.size() && std::isfinite(sample.times[i]);
    strip.captions.push_back(is_timed ? fixed(sample.times[i], 2) + " s" : "frame " + std::to_string(i));
  }
  return strip;
}

MapPicture signal_pictures(const Sample& sample, const at::Tensor& heat, const PictureStyle& style) {
  SignalOptions large{style.heat}, cell{style.heat, 4, cell_width};
  if (style.shown) large.shown = *style.shown;
  cell.height = std::clamp<int64_t>(140 / std::min(sample.input.size(0), cell.shown), 36, 110);
  return {signal_picture(sample.input, heat, large), signal_picture(sample.input, heat, cell)};
}

// Whether a map has a value for each number of the input.
bool is_gradient(const Sample& sample, const at::Tensor& map, bool at_input_resolution) {
  return at_input_resolution && map.size(0) == sample.input.size(0);
}

// What of a map [C,S1..Sd] is heat: [1,S1..Sd], and of a signal's gradient [C,S1]. Of gradients the size counts, unless
// signs are asked for.
at::Tensor heat_of(const Sample& sample, const at::Tensor& map, bool at_input_resolution, bool is_signed) {
  const bool gradient = is_gradient(sample, map, at_input_resolution);
  const at::Tensor values = gradient && !is_signed ? map.abs() : map;
  if (values.size(0) == 1 || (gradient && values.dim() == 2)) return values;
  return values.sum(0, true);
}

// Of the picture that the input is drawn as.
Region region_of(const Sample& sample, const Image& picture) {
  return sample.pictures.empty() ? whole(picture) : sample.region;
}

MapPicture clip_pictures(const Sample& sample, const at::Tensor& heat, const PictureStyle& style,
                         std::optional<Tones> tones) {
  const std::vector<Image> frames = frames_of(sample, tones);
  const Region region = region_of(sample, frames[0]);
  StripOptions strip = strip_of(sample, frames.size()), cell = strip;
  if (style.shown) strip.shown = *style.shown;
  cell.shown = 4;
  cell.columns = 2;
  cell.largest = cell_width / 2 - 2;
  return {clip_strip(frames, heat, region, style.heat, strip), clip_strip(frames, heat, region, style.heat, cell)};
}

MapPicture volume_pictures(const Sample& sample, const at::Tensor& heat, const PictureStyle& style,
                           std::optional<Tones> tones) {
  const VolumeView view = sample.volume ? upright(*sample.volume) : VolumeView();
  const at::Tensor values = sample.input.size(0) == 1 ? sample.input[0] : sample.input.mean(0);
  const Volume volume{view.turned(grey_levels(values, tones ? *tones : tones_of(values))), view.axes};
  const at::Tensor turned = heat.defined() ? view.turned(heat) : heat;
  return {volume_picture(volume, turned, style.heat, style.shown.value_or(8)), volume_cell(volume, turned, style.heat)};
}

Image base_picture(const Sample& sample, std::optional<Tones> tones = {}) {
  if (!sample.pictures.empty()) return sample.pictures[0];
  return tensor_picture(sample.input, tones ? *tones : tones_of(sample.input));
}

// Gradients of several channels are pictures of their own, as papers draw them.
Image gradient_of_picture(const Sample& sample, const at::Tensor& map) {
  const Image picture = base_picture(sample);
  const at::Tensor gradient = map.min().item<double>() >= 0 ? map.sum(0, true) : map;
  return gradient_picture(gradient, region_of(sample, picture), picture.size(0), picture.size(1));
}

// The input, and `heat` over it, when there is one: [1,S1..Sd], or [C,S1] of a signal's gradient.
MapPicture drawn(const Sample& sample, const at::Tensor& heat, const PictureStyle& style,
                 std::optional<Tones> tones = {}) {
  if (sample.input.dim() == 2) return signal_pictures(sample, heat, style);
  const at::Tensor field = heat.defined() ? heat[0] : heat;
  if (is_volume(sample)) return volume_pictures(sample, field, style, tones);
  if (sample.input.dim() == 4) return clip_pictures(sample, field, style, tones);
  Image picture = base_picture(sample, tones);
  if (heat.defined()) picture = overlay(picture, field, region_of(sample, picture), style.heat);
  return {picture, picture};
}

// [C,H,W] of 0..1, cut to that -> a picture.
Image unit_picture(const at::Tensor& values) {
  const at::Tensor colours = values.size(0) == 3 ? values : values.mean(0, true);
  return in_rgb((colours.clamp(0, 1) * 255).round().to(at::kByte));
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
  changed.region = whole(changed.pictures.at(0));
  return changed;
}

Sample with_input(const Sample& sample, const at::Tensor& input, const Preprocess& preprocess) {
  return with_values(sample, input, without_preprocessing(input, preprocess));
}

// An input as inputs are drawn; a mask likewise, in grey from 0 to 1.
MapPicture shown_picture(const Sample& sample, const ReportedMap& map, std::optional<int64_t> parts,
                         const Preprocess& preprocess) {
  const at::Tensor& values = map.values;
  if (!at::isfinite(values).all().item<bool>()) {
    throw Error(Fault::run, "'" + map.name + "' is not finite (NaN or infinity)");
  }
  const bool is_alike = values.dim() == sample.input.dim() && values.size(0) == sample.input.size(0);
  if (*map.shown == Shown::input && is_alike) {
    return input_picture(with_input(sample, values, preprocess), parts);
  }
  const bool of_clip = values.dim() == 4 && sample.input.dim() == 4;  // which its number of channels tells
  const at::Tensor mask = of_clip ? values.mean(0, true).expand({sample.input.size(0), -1, -1, -1}) : values;
  return input_picture(with_values(sample, mask, values), parts, Tones{0, 1});
}

}  // namespace

bool has_picture(const Sample& sample) { return sample.input.dim() >= 2 && sample.input.dim() <= 4; }

MapPicture input_picture(const Sample& sample, std::optional<int64_t> shown, std::optional<Tones> tones) {
  return has_picture(sample) ? drawn(sample, {}, {{}, shown}, tones) : MapPicture();
}

MapPicture map_picture(const Sample& sample, const at::Tensor& map, bool at_input_resolution,
                       const PictureStyle& given) {
  if (!has_picture(sample) || map.dim() != sample.input.dim()) return {};  // such as of a sequence behind a picture
  PictureStyle style = given;
  OverlayOptions& options = style.heat;
  if (options.colormap.empty()) options.colormap = default_colormap(options.signed_);
  const at::Tensor heat = heat_of(sample, map, at_input_resolution, options.signed_);
  if (options.full_heat == 0) options.full_heat = heat_range(heat.size(0) == 1 ? heat[0] : heat, options.signed_);
  MapPicture picture;
  if (map.dim() == 3 && at_input_resolution && map.size(0) > 1) {
    picture.image = picture.cell = gradient_of_picture(sample, map);
  } else {
    picture = drawn(sample, heat, style);
    picture.colours = options.colormap;
  }
  picture.full = options.full_heat;
  picture.greatest = (options.signed_ ? heat.abs() : heat).max().item<double>();
  return picture;
}

MapPicture map_picture(const Sample& sample, const ReportedMap& map, const PictureStyle& style,
                       const Preprocess& preprocess) {
  if (map.shown) return shown_picture(sample, map, style.shown, preprocess);
  Sample under = map.input.defined() ? with_input(sample, map.input, preprocess) : sample;
  if (!style.heat_only) return map_picture(under, map.values, map.at_input_resolution, style);
  for (Image& image : under.pictures) image = at::zeros_like(image);
  PictureStyle alone = style;
  alone.heat.alpha = 1;
  alone.heat.opacity = Opacity::uniform;
  return map_picture(under, map.values, map.at_input_resolution, alone);
}

at::Tensor at_size_of(const at::Tensor& input, const at::Tensor& map) {
  if (map.dim() != input.dim()) return {};
  const at::Tensor batch = map.unsqueeze(0);
  const at::IntArrayRef size = input.sizes().slice(1);
  if (size.size() == 1) return at::upsample_linear1d(batch, size, false).squeeze(0);
  if (size.size() == 2) return at::upsample_bilinear2d(batch, size, false).squeeze(0);
  if (size.size() == 3) return at::upsample_trilinear3d(batch, size, false).squeeze(0);
  return {};
}

Legend legend_of(const MapPicture& picture, bool is_signed, Legend words) {
  words.colormap = picture.colours;
  words.low = is_signed ? significant(-picture.full, 3) : "0";
  words.high = significant(picture.full, 3);
  // Of fine maps the highest values are all drawn alike.
  const std::string greatest = significant(picture.greatest, 3);
  if (picture.greatest > picture.full && greatest != words.high) words.high += " (max " + greatest + ")";
  return words;
}

}  // namespace attune
