#include "data/preprocess.h"

#include <ATen/ops/empty.h>
#include <algorithm>
#include <cmath>

#include <attune/sdk/error.h>

namespace attune {
namespace {

constexpr int64_t kLargestSide = 1 << 15;

// Where the model's input lies in the resized picture.
struct Layout {
  int64_t height, width;  // of the resized picture
  int64_t top, left;
};

Layout lay_out(int64_t height, int64_t width, const Preprocess& preprocess) {
  const auto [target_height, target_width] = preprocess.size;
  if (!preprocess.crop) return {target_height, target_width, 0, 0};
  // The factor that brings the shorter side (of an oblong target: the side that is shorter for it) to its size. Longer
  // sides are cut off to whole pixels and offsets rounded half to even, as torchvision does.
  double factor = 0;
  if (preprocess.crop_resize > 0) {
    factor = static_cast<double>(preprocess.crop_resize) / static_cast<double>(std::min(height, width));
  }
  const double around = preprocess.crop_resize > 0 ? 1.0 : 256.0 / 224.0;
  factor = std::max({factor, std::floor(static_cast<double>(target_height) * around) / static_cast<double>(height),
                     std::floor(static_cast<double>(target_width) * around) / static_cast<double>(width)});
  const auto scaled = [&](int64_t side, int64_t target) {
    return std::max(static_cast<int64_t>(static_cast<double>(side) * factor + 1e-6), target);
  };
  Layout layout{scaled(height, target_height), scaled(width, target_width), 0, 0};
  layout.top = std::lrint(static_cast<double>(layout.height - target_height) / 2);
  layout.left = std::lrint(static_cast<double>(layout.width - target_width) / 2);
  return layout;
}

[[noreturn]] void fail(const std::string& what) { throw Error(Fault::usage, "preprocessing: " + what); }

void check_channels(const std::vector<double>& values, const std::string& name) {
  if (values.size() != 3) fail(name + " needs three numbers (red, green, blue), not " + std::to_string(values.size()));
  for (double value : values) {
    if (!std::isfinite(value)) fail(name + " must be finite");
    if (name == "std" && value <= 0) fail("std must be greater than 0");
  }
}

}  // namespace

Preprocess Preprocess::imagenet() {
  Preprocess preprocess;
  preprocess.mean = {0.485, 0.456, 0.406};
  preprocess.std = {0.229, 0.224, 0.225};
  return preprocess;
}

Preprocess Preprocess::unit() { return {}; }

void check(const Preprocess& preprocess) {
  for (int64_t side : preprocess.size) {
    if (side < 1 || side > kLargestSide) {
      fail("the size must be 1 to " + std::to_string(kLargestSide) + " pixels, not " + std::to_string(side));
    }
  }
  const int64_t shortest = std::max(preprocess.size[0], preprocess.size[1]);
  if (preprocess.crop && preprocess.crop_resize != 0 &&
      (preprocess.crop_resize < shortest || preprocess.crop_resize > kLargestSide)) {
    fail("the shorter side is resized to " + std::to_string(preprocess.crop_resize) + " before the crop of " +
         std::to_string(preprocess.size[0]) + " x " + std::to_string(preprocess.size[1]) + "; it must be " +
         std::to_string(shortest) + " to " + std::to_string(kLargestSide));
  }
  check_channels(preprocess.mean, "mean");
  check_channels(preprocess.std, "std");
}

at::Tensor preprocess(const Image& image, const Preprocess& preprocess) {
  check(preprocess);
  require_image(image);
  const Layout layout = lay_out(image.size(0), image.size(1), preprocess);
  const auto [height, width] = preprocess.size;
  const Image resized = resize(image, layout.height, layout.width, {layout.top, layout.left, height, width});
  at::Tensor result = at::empty({3, height, width}, at::kFloat);
  float* out = result.data_ptr<float>();
  for (int64_t c = 0; c < 3; ++c) {
    // Float arithmetic in torchvision's order: ToTensor, then Normalize.
    const auto mean = static_cast<float>(preprocess.mean[static_cast<size_t>(c)]);
    const auto std = static_cast<float>(preprocess.std[static_cast<size_t>(c)]);
    const uint8_t* in = resized.data_ptr<uint8_t>() + c;
    for (int64_t i = 0; i < height * width; ++i, in += 3) *out++ = (static_cast<float>(*in) / 255.0F - mean) / std;
  }
  return result;
}

Region covered(int64_t height, int64_t width, const Preprocess& preprocess) {
  const Layout layout = lay_out(height, width, preprocess);
  const double x_scale = static_cast<double>(width) / static_cast<double>(layout.width);
  const double y_scale = static_cast<double>(height) / static_cast<double>(layout.height);
  return {static_cast<double>(layout.left) * x_scale, static_cast<double>(layout.top) * y_scale,
          static_cast<double>(preprocess.size[1]) * x_scale, static_cast<double>(preprocess.size[0]) * y_scale};
}

}  // namespace attune
