#include <ATen/ops/zeros.h>

#include <attune/report.h>

#include "report/report.h"

namespace attune {
namespace {

PictureStyle style_of(const OverlayStyle& given) {
  const Opacity opacity = given.uniform ? Opacity::uniform : Opacity::heat;
  return {{given.colormap, given.alpha, given.signed_values, given.full_heat, opacity}, {}};
}

at::Tensor row_of(const AttentionMap& map, int64_t row) {
  if (!map.values.defined() || map.values.dim() < 3 || row < 0 || row >= map.values.size(0)) {
    throw Error(Fault::run, "there is no row " + std::to_string(row) + " [C,S1..Sd] in a map " +
                                (map.values.defined() ? shape_text(map.values.sizes().vec()) : "without values"));
  }
  return map.values[row].detach().to(at::kCPU, at::kFloat);
}

Image drawn(const Sample& sample, const AttentionMap& map, int64_t row, const OverlayStyle& style) {
  const at::Tensor values = row_of(map, row);
  const MapPicture picture = map_picture(sample, values, map.at_input_resolution, style_of(style));
  if (!picture.image.defined()) {
    throw Error(Fault::run, "a map " + shape_text(values.sizes().vec()) + " cannot be drawn over an input " +
                                shape_text(sample.input.sizes().vec()));
  }
  if (style.method.empty() && style.label.empty() && style.score.empty()) return picture.image;
  return add_legend(picture.image,
                    legend_of(picture, style.signed_values, {style.method, style.label, style.score, {}, {}, {}}));
}

}  // namespace

Photo make_photo(const Image& picture, const PhotoOptions& options) {
  require_image(picture);
  Preprocess how;
  how.size = options.size;
  how.crop = options.crop;
  how.mean = options.mean;
  how.std = options.deviation;
  check(how);
  const Region seen = covered(picture.size(0), picture.size(1), how);
  return {picture, preprocess(picture, how), {seen.x, seen.y, seen.width, seen.height}};
}

Photo read_photo(const std::filesystem::path& path, const PhotoOptions& options) {
  return make_photo(read_image(path), options);
}

Image overlay(const Photo& photo, const AttentionMap& map, int64_t row, const OverlayStyle& style) {
  require_image(photo.picture);
  if (!photo.input.defined() || photo.input.dim() != 3) throw Error(Fault::run, "a photo has an input [C,H,W]");
  Sample sample;
  sample.input = photo.input;
  sample.pictures = {photo.picture};
  sample.region = {photo.seen[0], photo.seen[1], photo.seen[2], photo.seen[3]};
  return drawn(sample, map, row, style);
}

Image overlay(const at::Tensor& input, const AttentionMap& map, int64_t row, const OverlayStyle& style) {
  if (input.defined() && input.scalar_type() == at::kByte) {
    require_image(input);
    const Region all = whole(input);
    return overlay(Photo{input, at::zeros({3, 1, 1}), {0, 0, all.width, all.height}}, map, row, style);
  }
  if (!input.defined() || !input.is_floating_point() || input.dim() < 2 || input.dim() > 4 || input.numel() == 0) {
    throw Error(Fault::run,
                "a map is drawn over a picture, uint8 [H,W,3], or over an input [C,S1..Sd] of floating type");
  }
  Sample sample;
  sample.input = input.detach().to(at::kCPU, at::kFloat);
  return drawn(sample, map, row, style);
}

}  // namespace attune
