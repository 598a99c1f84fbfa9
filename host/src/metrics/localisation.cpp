#include "metrics/localisation.h"

#include <ATen/ATen.h>
#include <limits>

#include <attune/sdk/error.h>

#include "base/text.h"

namespace attune {
namespace {

void require_maps(const at::Tensor& maps) {
  if (maps.dim() != 3 || maps.size(1) < 1 || maps.size(2) < 1) {
    throw Error(Fault::run, "maps to be compared with boxes must be [N,H,W], not " + shape_text(maps.sizes().vec()));
  }
  if (!maps.isfinite().all().item<bool>()) throw Error(Fault::run, "a map that is not finite finds nothing");
}

void require_fit(const at::Tensor& maps, const at::Tensor& truth) {
  require_maps(maps);
  if (maps.sizes() == truth.sizes() && truth.scalar_type() == at::kBool) return;
  throw Error(Fault::run, "maps of the shape " + shape_text(maps.sizes().vec()) +
                              " need boolean masks of that shape, not " + truth.toString() + " " +
                              shape_text(truth.sizes().vec()));
}

// Whether the centres of `count` pixels lie in the intervals from `begin`, `size` long; boolean [B,count].
at::Tensor inside(const at::Tensor& begin, const at::Tensor& size, int64_t count) {
  const at::Tensor centres = at::arange(count, begin.options()) + 0.5;
  return (centres >= begin.unsqueeze(1)) & (centres < (begin + size).unsqueeze(1));
}

at::Tensor where_there_is_truth(const at::Tensor& values, const at::Tensor& truth) {
  const at::Tensor undefined = at::full({}, std::numeric_limits<double>::quiet_NaN(), values.options());
  return at::where(truth.flatten(1).any(1), values, undefined);
}

}  // namespace

at::Tensor union_of_boxes(const at::Tensor& boxes, int64_t height, int64_t width) {
  if (boxes.dim() != 2 || boxes.size(1) != 4) {
    throw Error(Fault::run, "boxes must be [B,4], not " + shape_text(boxes.sizes().vec()));
  }
  const at::Tensor b = boxes.to(at::kDouble);
  const at::Tensor columns = inside(b.select(1, 0), b.select(1, 2), width);
  const at::Tensor rows = inside(b.select(1, 1), b.select(1, 3), height);
  return (rows.unsqueeze(2) & columns.unsqueeze(1)).any(0);
}

at::Tensor at_size(const at::Tensor& maps, int64_t height, int64_t width) {
  if (maps.dim() != 4 || maps.size(1) != 1) {
    throw Error(Fault::run, "maps to be resized must be [N,1,H,W], not " + shape_text(maps.sizes().vec()));
  }
  return at::upsample_bilinear2d(maps, {height, width}, /*align_corners=*/false).squeeze(1);
}

at::Tensor rescaled(const at::Tensor& maps) {
  require_maps(maps);
  const at::Tensor values = maps.to(at::kDouble);
  const at::Tensor low = values.amin({1, 2}, true), range = values.amax({1, 2}, true) - low;
  return at::where(range > 0, (values - low) / range, values.new_zeros({}));
}

at::Tensor iou(const at::Tensor& maps, const at::Tensor& truth, double threshold) {
  require_fit(maps, truth);
  const at::Tensor found = rescaled(maps) > threshold;
  const auto area = [](const at::Tensor& mask) { return mask.flatten(1).sum(1).to(at::kDouble); };
  return where_there_is_truth(area(found & truth) / area(found | truth), truth);
}

at::Tensor pointing_game(const at::Tensor& maps, const at::Tensor& truth, double tolerance) {
  require_fit(maps, truth);
  const at::Tensor flat = maps.flatten(1);
  const at::Tensor point = flat.argmax(1).view({-1, 1, 1});
  const at::Tensor rows = at::arange(maps.size(1), point.options()).view({-1, 1});
  const at::Tensor columns = at::arange(maps.size(2), point.options());
  const at::Tensor down = rows - point.div(maps.size(2), "floor"), across = columns - point.remainder(maps.size(2));
  const at::Tensor near = (down * down + across * across).to(at::kDouble) <= tolerance * tolerance;
  const at::Tensor hit = (near & truth).flatten(1).any(1) & (flat.amax(1) > flat.amin(1));
  return where_there_is_truth(hit.to(at::kDouble), truth);
}

}  // namespace attune
