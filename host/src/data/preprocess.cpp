#include "data/preprocess.h"

#include <ATen/ops/empty.h>
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
  if (values.size() != 1 && values.size() != 3) {
    fail(name + " needs one number, or three (red, green, blue), not " + std::to_string(values.size()));
  }
  for (double value : values) {
    if (!std::isfinite(value)) fail(name + " must be finite");
    if (name == "std" && value <= 0) fail("std must be greater than 0");
  }
}

// Of as many channels as the model has.
std::vector<double> of_channels(const std::vector<double>& values, size_t channels) {
  if (values.size() == 1) return std::vector<double>(channels, values[0]);
  if (values.size() == 3 && channels == 1) return {0.299 * values[0] + 0.587 * values[1] + 0.114 * values[2]};
  return values;
}

uint8_t luminance(const uint8_t* rgb) {
  return static_cast<uint8_t>((rgb[0] * 19595 + rgb[1] * 38470 + rgb[2] * 7471 + 0x8000) >> 16);
}

}  // namespace

Preprocess Preprocess::imagenet() { return {.mean = {0.485, 0.456, 0.406}, .std = {0.229, 0.224, 0.225}}; }

Preprocess Preprocess::unit() { return {}; }

Preprocess preprocess_of(const std::vector<PreprocessText>& said, const std::vector<int64_t>& model_input) {
  Preprocess result = Preprocess::imagenet();
  if (model_input.size() == 4) result.size = {model_input[2], model_input[3]};  // clips are far smaller than pictures
  for (auto text = said.rbegin(); text != said.rend(); ++text) {
    if (text->size) result.size = *text->size;
    if (text->crop) result.crop = *text->crop;
    if (text->mean) result.mean = *text->mean;
    if (text->std) result.std = *text->std;
  }
  const size_t channels = !model_input.empty() && model_input[0] == 1 ? 1 : 3;
  result.mean = of_channels(result.mean, channels);
  result.std = of_channels(result.std, channels);
  check(result);
  return result;
}

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
  if (preprocess.mean.size() != preprocess.std.size()) fail("mean and std need as many numbers as each other");
}

at::Tensor preprocess(const Image& image, const Preprocess& preprocess) {
  check(preprocess);
  require_image(image);
  const Layout layout = lay_out(image.size(0), image.size(1), preprocess);
  const auto [height, width] = preprocess.size;
  const Image resized = resize(image, layout.height, layout.width, {layout.top, layout.left, height, width});
  const size_t channels = preprocess.mean.size();
  at::Tensor result = at::empty({static_cast<int64_t>(channels), height, width}, at::kFloat);
  float* out = result.data_ptr<float>();
  for (size_t c = 0; c < channels; ++c) {
    const auto mean = static_cast<float>(preprocess.mean[c]), std = static_cast<float>(preprocess.std[c]);
    const uint8_t* in = resized.data_ptr<uint8_t>();
    for (int64_t i = 0; i < height * width; ++i, in += 3) {
      // Float arithmetic in torchvision's order: ToTensor, then Normalize.
      *out++ = (static_cast<float>(channels == 1 ? luminance(in) : in[c]) / 255.0F - mean) / std;
    }
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
