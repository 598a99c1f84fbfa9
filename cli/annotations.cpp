#include "annotations.h"

#include <ATen/ATen.h>

#include <attune/sdk/error.h>

#include "data/draft.h"
#include "image/input_file.h"
#include "metrics/measures.h"

namespace attune::cli {
namespace {

namespace fs = std::filesystem;

void require_size(const fs::path& file, int64_t height, int64_t width, const Image& picture) {
  if (height == picture.size(0) && width == picture.size(1)) return;
  refuse_input(file, "is of a picture of " + std::to_string(width) + " x " + std::to_string(height) +
                         " pixels, but it has " + std::to_string(picture.size(1)) + " x " +
                         std::to_string(picture.size(0)));
}

// [H,W] of the input.
at::Tensor of_boxes(const fs::path& file, const Sample& sample, const Preprocess& preprocess) {
  const Draft draft = read_voc_annotation(file);
  const Image& picture = sample.pictures[0];
  if (draft.height > 0 && draft.width > 0) require_size(file, draft.height, draft.width, picture);
  const auto [height, width] = preprocess.size;
  const double by_x = static_cast<double>(width) / sample.region.width;
  const double by_y = static_cast<double>(height) / sample.region.height;
  std::vector<double> numbers;
  for (const NamedBox& box : draft.boxes) {
    if (box.difficult) continue;
    const Region at =
        Region{box.region.x - sample.region.x, box.region.y - sample.region.y, box.region.width, box.region.height}
            .scaled(by_x, by_y);
    numbers.insert(numbers.end(), {at.x, at.y, at.width, at.height});
  }
  return union_of_boxes(at::tensor(numbers, at::kDouble).view({-1, 4}), height, width);
}

at::Tensor of_mask(const fs::path& file, const Sample& sample, const Preprocess& preprocess) {
  const Image mask = read_image(file);
  require_size(file, mask.size(0), mask.size(1), sample.pictures[0]);
  const at::Tensor inside = mask.ne(0).any(2, /*keepdim=*/true).to(at::kByte).mul(255).expand({-1, -1, 3});
  Preprocess alike = preprocess;
  alike.mean = {0, 0, 0};
  alike.std = {1, 1, 1};
  return attune::preprocess(inside.contiguous(), alike)[0].gt(0.5);
}

at::Tensor annotation(const fs::path& folder, const Sample& sample, const Preprocess& preprocess) {
  const fs::path input = sample.path, stem = folder / input.stem();
  if (sample.pictures.size() != 1) throw Error(Fault::input, "only pictures have boxes, not arrays or clips");
  const fs::path boxes = fs::path(stem) += ".xml", mask = fs::path(stem) += ".png";
  std::error_code ignored;
  if (fs::exists(boxes, ignored)) return of_boxes(boxes, sample, preprocess);
  if (fs::exists(mask, ignored)) return of_mask(mask, sample, preprocess);
  throw Error(Fault::input, "nothing says what is annotated: " + folder.string() + " has neither " +
                                boxes.filename().string() + " nor " + mask.filename().string());
}

}  // namespace

at::Tensor annotations(const fs::path& folder, const std::vector<const Sample*>& samples,
                       const Preprocess& preprocess) {
  std::vector<at::Tensor> all;
  for (const Sample* sample : samples) all.push_back(annotation(folder, *sample, preprocess).to(at::kFloat));
  return at::stack(all).unsqueeze(1);
}

}  // namespace attune::cli
