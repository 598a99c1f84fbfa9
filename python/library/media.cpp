// torch.ops.attune_media: pictures of maps. A library of its own, which Python loads when it first draws, as it loads
// OpenCV, Pango and Cairo.

#include <torch/library.h>

#include <attune/maps.h>
#include <attune/report.h>

#include "image/npy.h"
#include "objects.h"

namespace attune::python {
namespace {

// colormap, alpha, uniform, signed, full heat
using Style = std::tuple<std::string, double, bool, bool, double>;

OverlayStyle style_of(const Style& style, const std::vector<std::string>& texts) {
  OverlayStyle result;
  std::tie(result.colormap, result.alpha, result.uniform, result.signed_values, result.full_heat) = style;
  result.method = texts.at(0);
  result.label = texts.at(1);
  result.score = texts.at(2);
  return result;
}

// `picture`: uint8 [H,W,3], all of which the model saw, or an input [C,S1..Sd]. `map`: [1,C,S1..Sd].
at::Tensor drawn(const at::Tensor& picture, const at::Tensor& map, bool at_input_resolution, const Style& style,
                 const std::vector<std::string>& texts) {
  return told([&] {
    const PlainMode mode;
    const AttentionMap whole{mode.usable(map), at_input_resolution};
    return overlay(mode.usable(picture).contiguous(), whole, 0, style_of(style, texts));
  });
}

// What a model is given for a picture, uint8 [H,W,3]: float32 [C,H,W].
at::Tensor input_of(const at::Tensor& picture, const std::vector<int64_t>& size, bool crop,
                    const std::vector<double>& mean, const std::vector<double>& deviation) {
  return told([&] {
    PhotoOptions options;
    options.size = {size.at(0), size.at(1)};
    options.crop = crop;
    options.mean = mean;
    options.deviation = deviation;
    return make_photo(picture.contiguous(), options).input;
  });
}

at::Tensor picture_of(const std::string& path) {
  return told([&] { return read_image(path); });
}

// What targets name: a vector, or a picture of a region.
at::Tensor read_target(const std::string& path) {
  return std::filesystem::path(path).extension() == ".npy" ? read_npy(path) : read_image(path);
}

}  // namespace

TORCH_LIBRARY(attune_media, library) {
  library.def("overlay", &drawn);
  library.def("input_of", &input_of);
  library.def("read_image", &picture_of);
  read_target_files(read_target);
}

}  // namespace attune::python
