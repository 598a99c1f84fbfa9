#include "render/colormap.h"

#include <ATen/ops/empty.h>
#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>
#include <vector>

#include <attune/sdk/error.h>

#include "image/mat.h"

namespace attune {
namespace {

Colormap from_opencv(const std::string& name, cv::ColormapTypes type) {
  cv::Mat ramp(1, 256, CV_8U), colours;
  for (int i = 0; i < 256; ++i) ramp.at<uint8_t>(0, i) = static_cast<uint8_t>(i);
  cv::applyColorMap(ramp, colours, type);
  Colormap result{name, false, {}};
  for (int i = 0; i < 256; ++i) {
    const auto& bgr = colours.at<cv::Vec3b>(0, i);
    result.colours[static_cast<size_t>(i)] = {bgr[2], bgr[1], bgr[0]};
  }
  return result;
}

Colormap grey() {
  Colormap result{"grey", false, {}};
  for (size_t i = 0; i < 256; ++i) result.colours[i].fill(static_cast<uint8_t>(i));
  return result;
}

// ColorBrewer's RdBu with eleven classes (Harrower and Brewer 2003), blue first.
Colormap blue_red() {
  constexpr std::array<std::array<int, 3>, 11> points = {{{5, 48, 97},
                                                          {33, 102, 172},
                                                          {67, 147, 195},
                                                          {146, 197, 222},
                                                          {209, 229, 240},
                                                          {247, 247, 247},
                                                          {253, 219, 199},
                                                          {244, 165, 130},
                                                          {214, 96, 77},
                                                          {178, 24, 43},
                                                          {103, 0, 31}}};
  Colormap result{"blue_red", true, {}};
  for (size_t i = 0; i < 256; ++i) {
    const double position = static_cast<double>(i) / 255 * 10;
    const size_t below = std::min<size_t>(static_cast<size_t>(position), 9);
    const double share = position - static_cast<double>(below);
    for (size_t c = 0; c < 3; ++c) {
      const double value = (1 - share) * points[below][c] + share * points[below + 1][c];
      result.colours[i][c] = static_cast<uint8_t>(std::lround(value));
    }
  }
  return result;
}

const std::vector<Colormap>& colormaps() {
  static const std::vector<Colormap> all = [] {
    prepare_opencv();
    return std::vector<Colormap>{from_opencv("viridis", cv::COLORMAP_VIRIDIS),
                                 from_opencv("magma", cv::COLORMAP_MAGMA),
                                 from_opencv("inferno", cv::COLORMAP_INFERNO),
                                 from_opencv("plasma", cv::COLORMAP_PLASMA),
                                 from_opencv("cividis", cv::COLORMAP_CIVIDIS),
                                 from_opencv("turbo", cv::COLORMAP_TURBO),
                                 grey(),
                                 blue_red()};
  }();
  return all;
}

constexpr double kTail = 0.001;  // share of the values at either end that may be black or white without distinction
constexpr int64_t kSampled = 1 << 20;  // values that percentiles are taken of, evenly chosen when there are more

// A share of either side of zero from which the other side is drawn as far.
constexpr double kBothSigns = 0.5;

float quantile(std::vector<float>& values, double share, bool upwards) {
  const double place = share * static_cast<double>(values.size() - 1);
  const auto nth = values.begin() + static_cast<std::ptrdiff_t>(upwards ? std::ceil(place) : std::floor(place));
  std::nth_element(values.begin(), nth, values.end());
  return *nth;
}

}  // namespace

std::vector<std::string> colormap_names() {
  std::vector<std::string> names;
  for (const Colormap& entry : colormaps()) names.push_back(entry.name);
  return names;
}

const Colormap& colormap(const std::string& name) {
  for (const Colormap& entry : colormaps()) {
    if (entry.name == name) return entry;
  }
  const std::vector<std::string> names = colormap_names();
  std::string list;
  for (const std::string& known : names) list += (list.empty() ? "" : ", ") + known;
  throw Error(Fault::usage, "unknown colormap \"" + name + "\"; colormaps are " + list + did_you_mean(name, names));
}

Image apply(const Colormap& colormap, const at::Tensor& values) {
  if (values.dim() != 2) throw Error(Fault::run, "a colormap is applied to a tensor [H,W]");
  const at::Tensor input = values.detach().to(at::kCPU, at::kFloat).contiguous();
  Image result = at::empty({input.size(0), input.size(1), 3}, at::kByte);
  const float* in = input.data_ptr<float>();
  uint8_t* out = result.data_ptr<uint8_t>();
  for (int64_t i = 0; i < input.numel(); ++i) {
    // Written so that NaN becomes 0.
    const float value = in[i] > 0 ? std::min(in[i], 1.0F) : 0.0F;
    for (uint8_t channel : colormap.colours[static_cast<size_t>(std::lround(value * 255))]) *out++ = channel;
  }
  return result;
}

Tones tones_of(const at::Tensor& given) {
  const at::Tensor values = given.detach().to(at::kCPU, at::kFloat).contiguous();
  if (values.numel() == 0) return {};
  const float* first = values.data_ptr<float>();
  const int64_t step = values.numel() / kSampled | 1;  // odd: not always the same columns
  std::vector<float> sorted;
  for (int64_t i = 0; i < values.numel(); i += step) sorted.push_back(first[i]);
  Tones tones{quantile(sorted, kTail, false), quantile(sorted, 1 - kTail, true)};
  if (tones.black == tones.white) {  // nearly all is background
    const auto [least, greatest] = std::minmax_element(first, first + values.numel());
    tones = {*least, *greatest};
  }
  const double below = -tones.black, above = tones.white;
  if (std::min(below, above) >= kBothSigns * std::max(below, above)) {
    tones.white = std::max(below, above);
    tones.black = -tones.white;
  }
  if (tones.black == tones.white) tones.white += 1;
  return tones;
}

at::Tensor grey_levels(const at::Tensor& given, const Tones& tones) {
  const at::Tensor values = given.detach().to(at::kCPU, at::kFloat).contiguous();
  at::Tensor result = at::empty(values.sizes(), at::kByte);
  const float* in = values.data_ptr<float>();
  uint8_t* out = result.data_ptr<uint8_t>();
  const double scale = 255 / (tones.white - tones.black);
  for (int64_t i = 0; i < values.numel(); ++i) {
    // Written so that NaN is black.
    const double level = (static_cast<double>(in[i]) - tones.black) * scale;
    out[i] = level > 0 ? static_cast<uint8_t>(std::lround(std::min(level, 255.0))) : 0;
  }
  return result;
}

Image tensor_picture(const at::Tensor& values, const Tones& tones) {
  if (values.dim() != 3 || values.numel() == 0) throw Error(Fault::run, "a picture is made of a tensor [C,H,W]");
  const at::Tensor shown = values.size(0) == 3 ? values : values.mean(0, true);
  return grey_levels(shown, tones).expand({3, -1, -1}).permute({1, 2, 0}).contiguous();
}

}  // namespace attune
