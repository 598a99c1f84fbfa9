#include "metrics/measures.h"

#include <ATen/ATen.h>
#include <limits>

#include <attune/sdk/error.h>

namespace attune {
namespace {

constexpr double kUndefined = std::numeric_limits<double>::quiet_NaN();

template <class... Words>
void require(bool is_good, const Words&... words) {
  if (!is_good) throw Error(Fault::run, c10::str(words...));
}

struct Sure {
  at::Tensor yes;    // boolean [N,K]
  at::Tensor known;  // boolean [N,K]
};

Sure sure(const Truth& truth) {
  const at::Tensor yes = truth.labels.ne(0);
  const at::Tensor known = truth.weights.defined() ? truth.weights.ne(0) : at::ones_like(yes);
  return {yes & known, known};
}

void require_fit(const at::Tensor& values, const Truth& truth) {
  const bool weights_fit = !truth.weights.defined() || truth.weights.sizes() == truth.labels.sizes();
  require(values.dim() == 2 && values.sizes() == truth.labels.sizes() && weights_fit,
          "scores or decisions of the shape ", values.sizes(), " cannot be judged by labels of the shape ",
          truth.labels.sizes(), weights_fit ? "" : c10::str(" with weights of the shape ", truth.weights.sizes()),
          "; all must be [N,K]");
}

void require_finite(const at::Tensor& scores) {
  require(scores.isfinite().all().item<bool>(), "a score that is not finite cannot be judged");
}

struct Counts {
  at::Tensor hits, false_alarms, misses;  // double [K]
};

Counts count(const at::Tensor& decisions, const Truth& truth) {
  require_fit(decisions, truth);
  const auto [yes, known] = sure(truth);
  const at::Tensor decided = decisions.ne(0) & known;
  const auto total = [](const at::Tensor& cells) { return cells.sum(0).to(at::kDouble); };
  return {total(decided & yes), total(decided & yes.logical_not()), total(yes & decided.logical_not())};
}

// NaN without positives.
at::Tensor f1_of(const Counts& counts) {
  const at::Tensor wrong = counts.false_alarms + counts.misses;
  const at::Tensor value = 2 * counts.hits / (2 * counts.hits + wrong);
  return at::where(counts.hits + counts.misses > 0, value, at::full({}, kUndefined, value.options()));
}

// One class at every distinct score, from the highest on; double [P].
struct Curve {
  at::Tensor recall;
  at::Tensor precision;
};

Curve curve_of(const at::Tensor& scores, const at::Tensor& yes) {
  const auto [sorted, order] = scores.sort(0, /*descending=*/true);
  const at::Tensor hits = yes.index_select(0, order).to(at::kDouble).cumsum(0);
  const at::Tensor claims = at::arange(1, scores.size(0) + 1, hits.options());
  const at::Tensor end = at::ones_like(order.slice(0, 0, 1)).to(at::kBool);
  const at::Tensor last_of_its_score = at::cat({at::diff(sorted).ne(0), end}).nonzero().squeeze(1);
  return {(hits / hits[-1]).index_select(0, last_of_its_score), (hits / claims).index_select(0, last_of_its_score)};
}

double area(Curve curve, PrecisionCurve kind) {
  if (kind != PrecisionCurve::steps) {  // the highest precision from here on
    curve.precision = std::get<0>(curve.precision.flip(0).cummax(0)).flip(0);
  }
  if (kind != PrecisionCurve::voc2007) {
    const at::Tensor from = at::zeros({1}, curve.recall.options());
    return (at::diff(curve.recall, 1, 0, from) * curve.precision).sum().item<double>();
  }
  // Dividing as the recall does keeps 3 of 10 equal to 0.3.
  const at::Tensor recalls = at::arange(0, 11, curve.recall.options()) / 10;
  const at::Tensor reached = curve.recall.unsqueeze(0) >= recalls.unsqueeze(1);
  return at::where(reached, curve.precision, at::zeros_like(curve.precision)).amax(1).mean().item<double>();
}

void require_maps(const at::Tensor& maps) {
  require(maps.dim() == 3 && maps.size(1) > 0 && maps.size(2) > 0,
          "maps to be compared with boxes must be [N,H,W], not ", maps.sizes());
  require(maps.isfinite().all().item<bool>(), "a map that is not finite finds nothing");
}

void require_masks(const at::Tensor& maps, const at::Tensor& truth) {
  require_maps(maps);
  require(maps.sizes() == truth.sizes() && truth.scalar_type() == at::kBool, "maps of the shape ", maps.sizes(),
          " need boolean masks of that shape, not ", truth.toString(), " ", truth.sizes());
}

// Whether the centres of `count` pixels lie in the intervals from `begin`, `size` long; boolean [B,count].
at::Tensor inside(const at::Tensor& begin, const at::Tensor& size, int64_t count) {
  const at::Tensor centres = at::arange(count, begin.options()) + 0.5;
  return (centres >= begin.unsqueeze(1)) & (centres < (begin + size).unsqueeze(1));
}

at::Tensor where_there_is_truth(const at::Tensor& values, const at::Tensor& truth) {
  return at::where(truth.flatten(1).any(1), values, at::full({}, kUndefined, values.options()));
}

}  // namespace

Truth select(const Truth& truth, const at::Tensor& rows) {
  return {truth.labels.index_select(0, rows),
          truth.weights.defined() ? truth.weights.index_select(0, rows) : at::Tensor()};
}

at::Tensor positives(const Truth& truth) { return sure(truth).yes.sum(0); }

at::Tensor decide_above(const at::Tensor& scores, double threshold) {
  require_finite(scores);
  return scores > threshold;
}

at::Tensor decide_highest(const at::Tensor& scores) {
  require_finite(scores);
  return at::zeros_like(scores, at::kBool).scatter(1, scores.argmax(1, true), true);
}

at::Tensor f1(const at::Tensor& decisions, const Truth& truth) { return f1_of(count(decisions, truth)); }

double micro_f1(const at::Tensor& decisions, const Truth& truth) {
  const Counts counts = count(decisions, truth);
  return f1_of({counts.hits.sum(), counts.false_alarms.sum(), counts.misses.sum()}).item<double>();
}

double accuracy(const at::Tensor& decisions, const Truth& truth) {
  require_fit(decisions, truth);
  const auto [yes, known] = sure(truth);
  const at::Tensor right = decisions.ne(0).eq(yes) | known.logical_not();
  return right.all(1).masked_select(known.any(1)).to(at::kDouble).mean().item<double>();
}

at::Tensor average_precision(const at::Tensor& scores, const Truth& truth, PrecisionCurve curve) {
  require_fit(scores, truth);
  require_finite(scores);
  const auto [yes, known] = sure(truth);
  at::Tensor result = at::full({scores.size(1)}, kUndefined, at::kDouble);
  for (int64_t k = 0; k < scores.size(1); ++k) {
    const at::Tensor rows = known.select(1, k).nonzero().squeeze(1);
    const at::Tensor of_class = yes.select(1, k).index_select(0, rows);
    if (!of_class.any().item<bool>()) continue;
    result[k] = area(curve_of(scores.select(1, k).index_select(0, rows), of_class), curve);
  }
  return result;
}

double mean_of_defined(const at::Tensor& values, const at::Tensor& chosen) {
  at::Tensor defined = values.isnan().logical_not();
  if (chosen.defined()) defined = defined & chosen.to(at::kBool);
  return values.masked_select(defined).to(at::kDouble).mean().item<double>();
}

at::Tensor union_of_boxes(const at::Tensor& boxes, int64_t height, int64_t width) {
  require(boxes.dim() == 2 && boxes.size(1) == 4, "boxes must be [B,4], not ", boxes.sizes());
  const at::Tensor b = boxes.to(at::kDouble);
  const at::Tensor columns = inside(b.select(1, 0), b.select(1, 2), width);
  const at::Tensor rows = inside(b.select(1, 1), b.select(1, 3), height);
  return (rows.unsqueeze(2) & columns.unsqueeze(1)).any(0);
}

at::Tensor at_size(const at::Tensor& maps, int64_t height, int64_t width) {
  require(maps.dim() == 4 && maps.size(1) == 1, "maps to be resized must be [N,1,H,W], not ", maps.sizes());
  return at::upsample_bilinear2d(maps, {height, width}, /*align_corners=*/false).squeeze(1);
}

at::Tensor rescaled(const at::Tensor& maps) {
  require_maps(maps);
  const at::Tensor values = maps.to(at::kDouble);
  const at::Tensor low = values.amin({1, 2}, true), range = values.amax({1, 2}, true) - low;
  return at::where(range > 0, (values - low) / range, values.new_zeros({}));
}

at::Tensor iou(const at::Tensor& maps, const at::Tensor& truth, double threshold) {
  require_masks(maps, truth);
  const at::Tensor found = rescaled(maps) > threshold;
  const auto area = [](const at::Tensor& mask) { return mask.flatten(1).sum(1).to(at::kDouble); };
  return where_there_is_truth(area(found & truth) / area(found | truth), truth);
}

at::Tensor pointing_game(const at::Tensor& maps, const at::Tensor& truth, double tolerance) {
  require_masks(maps, truth);
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
