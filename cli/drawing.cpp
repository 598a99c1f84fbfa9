#include "drawing.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/stack.h>

namespace attune::cli {
namespace {

// [C,H,W] of any scale -> grey or colour picture from its least to its greatest value.
Image tensor_picture(const at::Tensor& input) {
  const at::Tensor shown = input.size(0) == 3 ? input : input.mean(0, true).expand({3, -1, -1});
  const at::Tensor low = shown.min();
  const at::Tensor range = (shown.max() - low).clamp_min(1e-12);
  return ((shown - low) / range * 255).to(at::kByte).permute({1, 2, 0}).contiguous();
}

Region whole(const Image& image) {
  return {0, 0, static_cast<double>(image.size(1)), static_cast<double>(image.size(0))};
}

std::vector<Image> frames_of(const Sample& sample) {
  if (!sample.pictures.empty()) return sample.pictures;
  std::vector<Image> frames;
  for (const at::Tensor& frame : sample.input.unbind(1)) frames.push_back(tensor_picture(frame));
  return frames;
}

Drawing draw_clip(const Sample& sample, const at::Tensor& map, OverlayOptions options) {
  const auto frames = frames_of(sample);
  const Region region = sample.pictures.empty() ? whole(frames[0]) : sample.region;
  const at::Tensor heat = map.size(0) == 1 ? map[0] : map.abs().sum(0);
  if (options.colormap.empty()) options.colormap = default_colormap(options.signed_);
  return {clip_strip(frames, heat, region, options), clip_strip(frames, heat, region, options, 1), options.colormap};
}

}  // namespace

bool has_picture(const Sample& sample) { return !sample.pictures.empty() || sample.input.dim() >= 3; }

Image base_picture(const Sample& sample) {
  if (sample.input.dim() == 4) {
    const auto frames = frames_of(sample);
    return frames[frames.size() / 2];
  }
  return sample.pictures.empty() ? tensor_picture(sample.input) : sample.pictures[0];
}

Drawing draw(const Sample& sample, const at::Tensor& map, bool at_input_resolution, const OverlayOptions& given) {
  if (!has_picture(sample) || map.dim() != sample.input.dim()) return {};  // such as of a sequence behind a picture
  OverlayOptions options = given;
  if (sample.input.dim() == 4) return draw_clip(sample, map, options);
  const Image picture = base_picture(sample);
  const Region region = sample.pictures.empty() ? whole(picture) : sample.region;
  const bool absolute = map.min().item<double>() >= 0;
  const bool in_colour = map.size(0) > 1;
  if (at_input_resolution && (!given.signed_ || absolute || in_colour)) {
    const Image drawn = gradient_picture(absolute ? map.sum(0, true) : map, region, picture.size(0), picture.size(1));
    return {drawn, drawn, ""};
  }
  if (options.colormap.empty()) options.colormap = default_colormap(options.signed_);
  const at::Tensor heat = map.size(0) == 1 ? map[0] : map.sum(0);
  const Image drawn = overlay(picture, heat, region, options);
  return {drawn, drawn, options.colormap};
}

}  // namespace attune::cli
