#include "render/tones.h"

#include <ATen/ops/empty.h>
#include <algorithm>
#include <cmath>
#include <vector>

#include <attune/sdk/error.h>

namespace attune {
namespace {

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
