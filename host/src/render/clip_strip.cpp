#include <ATen/ops/zeros.h>
#include <algorithm>
#include <cmath>

#include <attune/sdk/error.h>

#include "image/mat.h"
#include "image/resample.h"
#include "render/heat.h"
#include "render/overlay.h"

namespace attune {
namespace {

constexpr int64_t kHighest = 360;  // of a frame in a strip, in pixels
constexpr int64_t kGap = 4;

// `map` float64 [T,S1,S2] at the moment of each of `frames` frames, [frames,S1,S2].
at::Tensor at_frames(const at::Tensor& map, int64_t frames) {
  const int64_t steps = map.size(0), cells = map.size(1) * map.size(2);
  at::Tensor result = at::zeros({frames, map.size(1), map.size(2)}, at::kDouble);
  const auto taps = filter_taps(steps, 0, static_cast<double>(steps), frames, Filter::linear);
  for (int64_t t = 0; t < frames; ++t) {
    double* out = result.data_ptr<double>() + t * cells;
    const Taps& tap = taps[static_cast<size_t>(t)];
    for (size_t i = 0; i < tap.weights.size(); ++i) {
      const double* in = map.data_ptr<double>() + (tap.first + static_cast<int64_t>(i)) * cells;
      for (int64_t cell = 0; cell < cells; ++cell) out[cell] += tap.weights[i] * in[cell];
    }
  }
  return result;
}

Image side_by_side(const std::vector<Image>& pictures) {
  int64_t height = 0, width = -kGap;
  for (const Image& picture : pictures) {
    height = std::max(height, picture.size(0));
    width += picture.size(1) + kGap;
  }
  Image strip = filled(height, width, {255, 255, 255});
  int64_t left = 0;
  for (const Image& picture : pictures) {
    strip.narrow(0, 0, picture.size(0)).narrow(1, left, picture.size(1)).copy_(picture);
    left += picture.size(1) + kGap;
  }
  return strip;
}

}  // namespace

Image clip_strip(const std::vector<Image>& frames, const at::Tensor& map, const Region& region,
                 const OverlayOptions& options, int64_t shown) {
  if (frames.empty() || shown < 1) throw Error(Fault::run, "a strip needs at least one frame");
  const auto count = static_cast<int64_t>(frames.size());
  const at::Tensor values = at_frames(drawable(map, 3), count);
  OverlayOptions common = options;
  if (common.full_heat == 0) common.full_heat = heat_range(values, options.signed_);
  const int64_t columns = std::min(shown, count);
  std::vector<Image> pictures;
  for (int64_t i = 0; i < columns; ++i) {
    const int64_t frame = (2 * i + 1) * count / (2 * columns);
    Image picture = overlay(frames[static_cast<size_t>(frame)], values[frame], region, common);
    if (picture.size(0) > kHighest) {
      const double scale = static_cast<double>(kHighest) / static_cast<double>(picture.size(0));
      const auto width = static_cast<int64_t>(std::lround(static_cast<double>(picture.size(1)) * scale));
      picture = resize(picture, kHighest, std::max<int64_t>(width, 1));
    }
    pictures.push_back(picture);
  }
  return side_by_side(pictures);
}

}  // namespace attune
