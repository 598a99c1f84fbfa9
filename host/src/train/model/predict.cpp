#include "train/model/predict.h"

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <algorithm>

#include <attune/sdk/error.h>

#include "base/text.h"
#include "maps/attend.h"

namespace attune {
namespace {

// The classes that an example has boxes of, ascending.
std::vector<int64_t> located(const std::vector<Box>& boxes) {
  std::vector<int64_t> classes;
  for (const Box& box : boxes) {
    if (!box.difficult) classes.push_back(box.label);
  }
  std::sort(classes.begin(), classes.end());
  classes.erase(std::unique(classes.begin(), classes.end()), classes.end());
  return classes;
}

at::Tensor truth_of(const std::vector<Box>& boxes, int64_t label, int64_t height, int64_t width) {
  std::vector<double> numbers;
  for (const Box& box : boxes) {
    if (box.difficult || box.label != label) continue;
    numbers.insert(numbers.end(), {box.region.x, box.region.y, box.region.width, box.region.height});
  }
  return union_of_boxes(at::tensor(numbers, at::kDouble).view({-1, 4}), height, width);
}

// [N,H,W] on the CPU: channels become the sum of their absolute values.
at::Tensor flat_map(const at::Tensor& values, int64_t height, int64_t width) {
  const at::Tensor map = values.size(1) == 1 ? values : values.abs().sum(1, /*keepdim=*/true);
  return at_size(map.detach().to(at::kCPU, at::kFloat), height, width);
}

void require_class_scores(const at::Tensor& output) {
  if (output.dim() == 2) return;
  throw Error(Fault::spec, "the model's output has shape " + shape_text(output.sizes().vec()) +
                               "; metrics are of class scores [N,K]");
}

void require_finite_scores(const at::Tensor& scores) {
  if (at::isfinite(scores).all().item<bool>()) return;
  throw Error(Fault::run, "the model's scores are not finite (NaN or infinity)");
}

// The same draws for every model and epoch. Targets may look at the model through a view of their own.
void begin(const ConsistencyLoss& loss) {
  if (auto* image = dynamic_cast<ImageModel*>(loss.model().get())) image->refresh();
  loss.seed(0);
}

// The loss of a batch, summed over its samples.
double sum_over_samples(const ConsistencyLoss& loss, const LossResult& result, size_t samples) {
  const bool is_mean = loss.spec().reduction == Reduction::mean;
  return result.loss.item<double>() * (is_mean ? static_cast<double>(samples) : 1);
}

// Calls `use` with every batch that has examples.
template <class Use>
void for_each_batch(const Dataset& dataset, const LoaderOptions& options, const BatchDone& done, const Use& use) {
  BatchLoader loader(dataset, in_order(dataset.size()), options);
  while (const auto batch = loader.next()) {
    if (!batch->examples.empty()) use(*batch);
    if (done) done(*batch);
  }
}

// Scores and labels of one batch after the other.
class ScoreCollector {
 public:
  void add(const Batch& batch, const at::Tensor& scores) {
    scores_.push_back(scores);
    labels_.push_back(batch.labels);
    weights_.push_back(batch.weights);
    examples_.insert(examples_.end(), batch.examples.begin(), batch.examples.end());
  }

  int64_t size() const { return static_cast<int64_t>(examples_.size()); }

  void finish(Predictions& predictions) {
    if (examples_.empty()) throw Error(Fault::input, "none of the examples can be read");
    predictions.scores = at::cat(scores_);
    predictions.truth = {at::cat(labels_), at::cat(weights_)};
    predictions.examples = std::move(examples_);
  }

 private:
  std::vector<at::Tensor> scores_, labels_, weights_;
  std::vector<int64_t> examples_;
};

// Those with maps and terms.
class Collector {
 public:
  Collector(ImageModel& model, const ConsistencyLoss* consistency, const std::vector<MapRequest>& requests)
      : model_(model), consistency_(consistency), requests_(requests) {
    for (const MapRequest& request : requests) result_.maps.push_back(request.name);
  }

  void add(const Batch& batch) {
    const at::Tensor input = batch.input.to(model_.device(), model_.dtype());
    const at::Tensor scores = add_maps_of_batch(batch, input);
    if (consistency_ != nullptr) add_terms(batch, input);
    scores_.add(batch, scores);
  }

  Predictions finish() {
    scores_.finish(result_);
    if (consistency_ != nullptr) {
      for (const TermSpec& term : consistency_->spec().terms) result_.terms.push_back(term.name);
      result_.agreement = at::cat(agreement_);
      result_.consistency_loss = at::cat(losses_);
      result_.losses = {result_.consistency_loss.mean().item<double>()};
    }
    const auto maps = static_cast<int64_t>(requests_.size());
    result_.rows = at::tensor(rows_, at::kLong);
    result_.classes = at::tensor(classes_, at::kLong);
    result_.iou = iou_.empty() ? at::zeros({0, maps}, at::kDouble) : at::cat(iou_);
    result_.pointing = pointing_.empty() ? at::zeros({0, maps}, at::kDouble) : at::cat(pointing_);
    return std::move(result_);
  }

 private:
  // The scores.
  at::Tensor add_maps_of_batch(const Batch& batch, const at::Tensor& input) {
    std::vector<std::vector<int64_t>> classes;  // of every example
    size_t most = 0;
    for (const auto& boxes : batch.boxes) {
      classes.push_back(located(boxes));
      most = std::max(most, classes.back().size());
    }
    if (input.dim() != 4) most = 0;
    MapRequests wanted;
    for (const MapRequest& request : requests_) {
      if (most > 0) wanted.push_back(&request);
    }
    const auto pass = model_.forward(input, union_of_needs(model_, wanted, static_cast<int64_t>(most)), false);
    require_class_scores(pass->output());
    const at::Tensor scores = model_.logits(pass->output().detach().cpu().to(at::kDouble));
    require_finite_scores(scores);
    if (scores.size(1) != batch.labels.size(1)) {
      throw Error(Fault::spec, "the model has " + std::to_string(scores.size(1)) + " classes, but the data has " +
                                   std::to_string(batch.labels.size(1)));
    }
    for (size_t i = 0; i < most; ++i) add_maps(batch, classes, i, *pass);
    return scores;
  }

  // The maps of the i-th class of every example that has so many.
  void add_maps(const Batch& batch, const std::vector<std::vector<int64_t>>& classes, size_t i, Pass& pass) {
    const at::AutoGradMode mode(true);  // scores lead to gradients
    const int64_t height = pass.input().size(2), width = pass.input().size(3);
    std::vector<int64_t> target, samples;
    std::vector<at::Tensor> truth;
    for (size_t row = 0; row < classes.size(); ++row) {
      const bool has = i < classes[row].size();
      target.push_back(has ? classes[row][i] : 0);
      if (!has) continue;
      samples.push_back(static_cast<int64_t>(row));
      truth.push_back(truth_of(batch.boxes[row], target.back(), height, width));
      rows_.push_back(scores_.size() + static_cast<int64_t>(row));
      classes_.push_back(target.back());
    }
    const at::Tensor chosen = at::tensor(samples, at::kLong), boxes = at::stack(truth);
    std::vector<at::Tensor> overlaps, hits;
    for (const MapRequest& request : requests_) {
      const Target explained(at::tensor(target, at::kLong).to(pass.input().device()));
      const AttentionMap map = attend(request, pass, explained, 0);
      const at::Tensor values = flat_map(map.values, height, width).index_select(0, chosen);
      overlaps.push_back(iou(values, boxes));
      hits.push_back(pointing_game(values, boxes));
    }
    iou_.push_back(at::stack(overlaps, 1));
    pointing_.push_back(at::stack(hits, 1));
  }

  void add_terms(const Batch& batch, const at::Tensor& input) {
    const LossResult result = (*consistency_)(input, nullptr, annotation_for(*consistency_, batch));
    const bool is_mean = consistency_->spec().reduction == Reduction::mean;
    std::vector<at::Tensor> terms;
    at::Tensor loss = at::zeros({input.size(0)}, at::kDouble);
    for (const TermReport& term : result.terms) {
      const at::Tensor values = term.values.cpu().to(at::kDouble);  // [targets,N]
      terms.push_back(values.mean(0));
      loss -= (is_mean ? values.mean(0) : values.sum(0)) * term.weight;
    }
    agreement_.push_back(at::stack(terms, 1));
    losses_.push_back(loss);
  }

  ImageModel& model_;
  const ConsistencyLoss* consistency_;
  const std::vector<MapRequest>& requests_;
  Predictions result_;
  ScoreCollector scores_;
  std::vector<at::Tensor> agreement_, losses_, iou_, pointing_;
  std::vector<int64_t> rows_, classes_;
};

}  // namespace

at::Tensor annotation_for(const ConsistencyLoss& loss, const Batch& batch) {
  if (!loss.needs_annotation()) return {};
  std::vector<int64_t> shape = batch.input.sizes().vec();
  shape[1] = std::max<int64_t>(batch.labels.size(1), 1);
  const at::Tensor annotation = at::zeros(shape, at::kBool);
  for (size_t row = 0; row < batch.boxes.size(); ++row) {
    for (const int64_t label : located(batch.boxes[row])) {
      annotation[static_cast<int64_t>(row)][label].copy_(truth_of(batch.boxes[row], label, shape[2], shape[3]));
    }
  }
  return annotation;
}

Predictions predict(ImageModel& model, const std::vector<const ConsistencyLoss*>& losses, const Dataset& dataset,
                    const LoaderOptions& options, const BatchDone& done) {
  const at::NoGradGuard no_grad;
  model.refresh();  // batch norm's statistics change without a trace
  for (const ConsistencyLoss* loss : losses) begin(*loss);
  Predictions predictions;
  predictions.losses.resize(losses.size());
  ScoreCollector collector;
  for_each_batch(dataset, options, done, [&](const Batch& batch) {
    const at::Tensor input = batch.input.to(model.device(), model.dtype());
    at::Tensor output;
    for (size_t i = 0; i < losses.size(); ++i) {
      const LossResult result = (*losses[i])(input, nullptr, annotation_for(*losses[i], batch));
      predictions.losses[i] += sum_over_samples(*losses[i], result, batch.examples.size());
      if (losses[i]->model().get() == &model) output = result.scores;
    }
    if (!output.defined()) output = model.forward(input, {}, false)->output();
    require_class_scores(output);
    collector.add(batch, model.logits(output.cpu().to(at::kDouble)));
  });
  collector.finish(predictions);
  for (double& loss : predictions.losses) loss /= static_cast<double>(predictions.size());
  require_finite_scores(predictions.scores);
  return predictions;
}

Predictor::Predictor(std::shared_ptr<ImageModel> model, const Spec* spec, const Catalogue& catalogue,
                     const Labels& labels)
    : model_(std::move(model)) {
  if (spec != nullptr) {
    consistency_.emplace(model_, *spec, catalogue, labels);
    for (const MapRequest& request : consistency_->maps()) {
      if (request.method) requests_.push_back(request);
    }
  } else {
    requests_.push_back({"gradcam", catalogue.make_method("gradcam")});
  }
}

Predictions Predictor::predict(const Dataset& dataset, const LoaderOptions& options, const BatchDone& done) const {
  const at::NoGradGuard no_grad;
  model_->refresh();  // batch norm's statistics change without a trace
  if (consistency_) begin(*consistency_);
  Collector collector(*model_, consistency_ ? &*consistency_ : nullptr, requests_);
  for_each_batch(dataset, options, done, [&](const Batch& batch) { collector.add(batch); });
  return collector.finish();
}

}  // namespace attune
