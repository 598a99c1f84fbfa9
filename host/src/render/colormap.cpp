#include "render/colormap.h"

#include <ATen/ops/empty.h>
#include <opencv2/imgproc.hpp>

#include <attune/sdk/error.h>

#include "base/numbers.h"
#include "image/mat.h"
#include "render/heat.h"

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

// Linear between colours that are equally far from each other.
Colormap between(const std::string& name, bool diverging, const std::vector<Colour>& points) {
  Colormap result{name, diverging, {}};
  const size_t last = points.size() - 1;
  for (size_t i = 0; i < 256; ++i) {
    const double position = static_cast<double>(i) / 255 * static_cast<double>(last);
    const size_t below = std::min(static_cast<size_t>(position), last - 1);
    result.colours[i] = mixed(points[below], points[below + 1], position - static_cast<double>(below));
  }
  return result;
}

// ColorBrewer's RdBu with eleven classes (Harrower and Brewer 2003), blue first.
Colormap blue_red() {
  return between("blue_red", true,
                 {rgb(0x053061), rgb(0x2166ac), rgb(0x4393c3), rgb(0x92c5de), rgb(0xd1e5f0), rgb(0xf7f7f7),
                  rgb(0xfddbc7), rgb(0xf4a582), rgb(0xd6604d), rgb(0xb2182b), rgb(0x67001f)});
}

const std::vector<Colormap>& colormaps() {
  static const std::vector<Colormap> all = [] {
    prepare_opencv();
    return std::vector<Colormap>{
        from_opencv("viridis", cv::COLORMAP_VIRIDIS),           from_opencv("magma", cv::COLORMAP_MAGMA),
        from_opencv("inferno", cv::COLORMAP_INFERNO),           from_opencv("plasma", cv::COLORMAP_PLASMA),
        from_opencv("cividis", cv::COLORMAP_CIVIDIS),           from_opencv("turbo", cv::COLORMAP_TURBO),
        between("grey", false, {rgb(0x000000), rgb(0xffffff)}), blue_red()};
  }();
  return all;
}

constexpr double kTail = 0.001;  // share of the values at either end that may be black or white without distinction
constexpr int64_t kSampled = 1 << 20;  // values that percentiles are taken of, evenly chosen when there are more

// A share of either side of zero from which the other side is drawn as far.
constexpr double kBothSigns = 0.5;

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
  throw Error(Fault::usage,
              "unknown colormap \"" + name + "\"; colormaps are " + listed(names) + did_you_mean(name, names));
}

Image apply(const Colormap& colormap, const at::Tensor& values) {
  if (values.dim() != 2) throw Error(Fault::run, "a colormap is applied to a tensor [H,W]");
  const at::Tensor input = values.detach().to(at::kCPU, at::kFloat).contiguous();
  Image result = at::empty({input.size(0), input.size(1), 3}, at::kByte);
  const float* in = input.data_ptr<float>();
  uint8_t* out = result.data_ptr<uint8_t>();
  for (int64_t i = 0; i < input.numel(); ++i) {
    for (const uint8_t channel : colormap.at(in[i])) *out++ = channel;
  }
  return result;
}

Tones tones_of(const at::Tensor& given) {
  if (given.numel() == 0) return {};
  const at::Tensor values = given.detach().to(at::kCPU, at::kFloat).flatten();
  const int64_t step = values.numel() / kSampled | 1;  // odd: not always the same columns
  const at::Tensor sampled = values.slice(0, 0, values.numel(), step);
  Tones tones{value_at(sampled, kTail), value_at(sampled, 1 - kTail, true)};
  // Nearly all is background.
  if (tones.black == tones.white) tones = {values.min().item<double>(), values.max().item<double>()};
  const double below = -tones.black, above = tones.white;
  if (std::min(below, above) >= kBothSigns * std::max(below, above)) {
    tones.white = std::max(below, above);
    tones.black = -tones.white;
  }
  if (tones.black == tones.white) tones.white += 1;
  return tones;
}

at::Tensor grey_levels(const at::Tensor& given, const Tones& tones) {
  const at::Tensor values = given.detach().to(at::kCPU, at::kFloat).to(at::kDouble);
  return bytes_of((values - tones.black).mul_(255 / (tones.white - tones.black)));
}

Image tensor_picture(const at::Tensor& values, const Tones& tones) {
  if (values.dim() != 3 || values.numel() == 0) throw Error(Fault::run, "a picture is made of a tensor [C,H,W]");
  const at::Tensor shown = values.size(0) == 3 ? values : values.mean(0, true);
  return in_rgb(grey_levels(shown, tones));
}

}  // namespace attune
