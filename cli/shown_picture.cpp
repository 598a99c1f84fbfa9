#include "shown_picture.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/tensor.h>
#include <algorithm>
#include <cmath>

#include "drawing.h"

namespace attune::cli {
namespace {

// [C,H,W] of 0..1, cut to that -> a picture.
Image unit_picture(const at::Tensor& values) {
  const at::Tensor colours = values.size(0) == 3 ? values : values.mean(0, true).expand({3, -1, -1});
  return (colours.clamp(0, 1) * 255).round().to(at::kByte).permute({1, 2, 0}).contiguous();
}

// In the proportions of the part of the photo that the model was given.
Image as_seen(const Image& picture, const Sample& sample) {
  if (sample.pictures.empty()) return picture;
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

}  // namespace

Sample with_input(const Sample& sample, const at::Tensor& input, const Preprocess& preprocess) {
  Sample changed = sample;
  changed.input = input;
  if (sample.pictures.empty()) return changed;
  const at::Tensor values = without_preprocessing(input, preprocess);
  changed.pictures.clear();
  if (values.dim() == 3) changed.pictures.push_back(as_seen(unit_picture(values), sample));
  if (values.dim() == 4) {
    for (const at::Tensor& frame : values.unbind(1)) changed.pictures.push_back(as_seen(unit_picture(frame), sample));
  }
  const Image& first = changed.pictures.at(0);
  changed.region = {0, 0, static_cast<double>(first.size(1)), static_cast<double>(first.size(0))};
  return changed;
}

Image shown_picture(const Sample& sample, const at::Tensor& values, Shown shown, const Preprocess& preprocess) {
  if (shown == Shown::input && values.sizes() == sample.input.sizes()) {
    const Sample changed = with_input(sample, values, preprocess);
    return has_picture(changed) ? base_picture(changed) : Image();
  }
  if (values.dim() < 3) return {};
  return as_seen(unit_picture(values.dim() == 4 ? values.select(1, values.size(1) / 2) : values), sample);
}

}  // namespace attune::cli
