// attune loss: a spec's consistency loss, term by term and sample by sample, its gradient, and what it costs.

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/zeros.h>
#include <algorithm>
#include <cmath>
#include <iomanip>
#include <iostream>
#include <optional>
#include <torch/csrc/autograd/autograd.h>

#include <attune/sdk/error.h>

#include "commands.h"
#include "input_run.h"
#include "json.h"
#include "progress.h"
#include "session.h"

namespace attune::cli {
namespace {

struct NamedParameter {
  std::string name;
  at::Tensor value;
  at::Tensor gradient;  // summed over batches; undefined: none yet
};

class LossRun {
 public:
  explicit LossRun(const LossOptions& options)
      : options_(options), session_(prepare_session(options.model)), inputs_(session_, options.inputs) {
    read_spec(spec_file(options.spec), session_.catalogue);  // before the model is loaded, which may take long
    load_model(session_, options.model);
    loss_.emplace(make_loss(session_, options.spec));
    if (options.gradient) list_parameters();
    for (const TermSpec& term : loss_->spec().terms) sums_.push_back({term.name, term.weight, 0, Json::array()});
  }

  int run() {
    inputs_.open();
    Progress progress("inputs", inputs_.inputs());
    while (const auto batch = inputs_.next()) {
      inputs_.process(*batch, [&](const SampleList& samples, const at::Tensor& input) { add(samples, input); });
      progress.advance(static_cast<int64_t>(batch->size()));
    }
    progress.finish();
    if (rows_ == 0) return inputs_.code();
    if (options_.json) {
      print(document());
    } else {
      print_text(document());
    }
    return inputs_.code();
  }

  void explain() const;

 private:
  struct Sum {
    std::string name;
    double weight;
    double sum;
    Json samples;
  };

  void list_parameters() {
    for (const auto& [name, parameter] : session_.model->parameters()) {
      if (parameter.requires_grad()) parameters_.push_back({name, parameter, {}});
    }
    if (parameters_.empty()) throw Error(Fault::run, "the model has no parameter that takes a gradient");
  }

  void add(const SampleList& samples, const at::Tensor& input) {
    const at::AutoGradMode mode(options_.gradient);
    const LossResult result = (*loss_)(input);
    check_labels(session_.labels, result.scores.size(1));
    const int64_t rows = result.terms[0].values.numel();
    if (options_.gradient) add_gradient(result.loss, rows);
    rows_ += rows;
    const at::Tensor shares = probabilities(result.scores, *session_.model);
    const at::Tensor scores = result.scores.to(at::kCPU, at::kFloat);
    for (size_t row = 0; row < samples.size(); ++row) {
      for (size_t target = 0; target < result.targets.size(); ++target) {
        const auto r = static_cast<int64_t>(row);
        const Json about = target_json((*result.targets[target].classes())[r].item<int64_t>(), scores[r], shares[r]);
        for (size_t term = 0; term < sums_.size(); ++term) {
          add_sample(*samples[row], about, result.terms[term], static_cast<int64_t>(target), r, sums_[term]);
        }
      }
    }
  }

  // The set's loss is the mean over all of its rows, not the mean of batches.
  void add_gradient(const at::Tensor& loss, int64_t rows) {
    if (!loss.requires_grad()) throw Error(Fault::spec, "the spec stops every gradient; there is none to take");
    std::vector<at::Tensor> values;
    for (const auto& parameter : parameters_) values.push_back(parameter.value);
    const bool mean = loss_->spec().reduction == Reduction::mean;
    const at::Tensor whole = mean ? loss * static_cast<double>(rows) : loss;
    const auto gradients = torch::autograd::grad({whole}, values, {}, false, false, /*allow_unused=*/true);
    for (size_t i = 0; i < gradients.size(); ++i) {
      if (!gradients[i].defined()) continue;
      at::Tensor& sum = parameters_[i].gradient;
      sum = sum.defined() ? sum + gradients[i] : gradients[i];
    }
  }

  Json target_json(int64_t index, const at::Tensor& scores, const at::Tensor& shares) const {
    const std::string label = session_.labels.name(index);
    return {{"index", index},
            {"label", label.empty() ? Json() : Json(label)},
            {"score", scores[index].item<double>()},
            {"probability", shares[index].item<double>()}};
  }

  static void add_sample(const Sample& sample, const Json& target, const TermReport& term, int64_t t, int64_t row,
                         Sum& sum) {
    const double value = term.values[t][row].item<double>();
    sum.sum += value;
    sum.samples.push_back({{"input", sample.path},
                           {"index", sample.row ? Json(*sample.row) : Json()},
                           {"target", target},
                           {"value", value},
                           {"degenerate", term.degenerate[t][row].item<bool>()},
                           {"saturated", term.saturated[t][row].item<bool>()}});
  }

  Json document() const {
    const bool mean = loss_->spec().reduction == Reduction::mean;
    const auto rows = static_cast<double>(rows_);
    double loss = 0;
    Json terms = Json::array();
    for (const Sum& sum : sums_) {
      loss -= sum.weight * (mean ? sum.sum / rows : sum.sum);
      terms.push_back(
          {{"name", sum.name}, {"weight", sum.weight}, {"value", sum.sum / rows}, {"samples", sum.samples}});
    }
    Json document = {{"loss", loss}, {"reduction", mean ? "mean" : "sum"}, {"terms", terms}};
    if (options_.gradient) document["gradient"] = gradient_json(mean ? 1 / rows : 1);
    return document;
  }

  Json gradient_json(double scale) const {
    Json norms = Json::object();
    double square = 0;
    for (const NamedParameter& parameter : parameters_) {
      const double norm =
          parameter.gradient.defined() ? scale * at::linalg_vector_norm(parameter.gradient, 2).item<double>() : 0;
      if (!std::isfinite(norm)) {
        throw Error(Fault::run, "the gradient of '" + parameter.name + "' is not finite (NaN or infinity)");
      }
      norms[parameter.name] = norm;
      square += norm * norm;
    }
    return {{"norm", std::sqrt(square)}, {"parameters", norms}};
  }

  void print_text(const Json& json) const;
  void explain_memory(double recorded) const;

  const LossOptions& options_;
  Session session_;
  InputRun inputs_;
  std::optional<ConsistencyLoss> loss_;
  std::vector<NamedParameter> parameters_;
  std::vector<Sum> sums_;
  int64_t rows_ = 0;
};

void LossRun::print_text(const Json& json) const {
  std::cout << std::setprecision(6) << "loss " << json["loss"].get<double>() << "  ("
            << json["reduction"].get<std::string>() << " over " << rows_ << (rows_ == 1 ? " value" : " values")
            << ")\n";
  for (const Json& term : json["terms"]) {
    std::cout << "\n"
              << term["name"].get<std::string>() << "  h " << term["value"].get<double>() << ", weight "
              << term["weight"].get<double>() << '\n';
    for (const Json& sample : term["samples"]) {
      const Json& target = sample["target"];
      std::cout << "  " << std::setw(10) << sample["value"].get<double>() << "  " << sample["input"].get<std::string>();
      if (!sample["index"].is_null()) std::cout << " row " << sample["index"];
      std::cout << "  "
                << (target["label"].is_null() ? "class " + target["index"].dump() : target["label"].get<std::string>())
                << (sample["degenerate"].get<bool>() ? "  degenerate: a map is constant" : "")
                << (sample["saturated"].get<bool>() ? "  saturated: the mask is black and white" : "") << '\n';
    }
  }
  if (!json.contains("gradient")) return;
  std::cout << "\ngradient norm " << json["gradient"]["norm"].get<double>() << '\n';
  for (const auto& [name, norm] : json["gradient"]["parameters"].items()) {
    std::cout << "  " << std::setw(12) << norm.get<double>() << "  " << name << '\n';
  }
}

// Bytes that one pass of a batch computes, per layer; containers hand on what their last part gave.
double layer_bytes(ImageModel& model, const std::vector<int64_t>& shape, int64_t batch) {
  const auto place = at::TensorOptions().device(model.device()).dtype(model.dtype());
  const auto reports = model.inspect(at::zeros(shape, place));
  double values = 0;
  for (const LayerReport& report : reports) {
    const std::string inside = report.name + ".";
    const bool is_container = std::any_of(reports.begin(), reports.end(), [&](const LayerReport& other) {
      return other.name.compare(0, inside.size(), inside) == 0;
    });
    double count = report.shape.empty() || is_container ? 0 : 1;
    for (const int64_t extent : report.shape) count *= static_cast<double>(extent);
    values += count;
  }
  return values * static_cast<double>(batch) * static_cast<double>(c10::elementSize(model.dtype()));
}

std::string pass_text(const PassPlan& step) {
  if (step.kind == PassPlan::Kind::forward) return "forward";
  if (step.kind == PassPlan::Kind::loss_backward) return "backward of the loss";
  return step.whole ? "backward to the input" : "backward to a layer";
}

void print_columns(const std::vector<std::vector<std::string>>& rows) {
  std::vector<size_t> widths(rows[0].size());
  for (const auto& row : rows) {
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  for (const auto& row : rows) {
    for (size_t i = 0; i + 1 < row.size(); ++i) std::cout << row[i] << std::string(widths[i] - row[i].size() + 2, ' ');
    std::cout << row.back() << '\n';
  }
}

void LossRun::explain() const {
  std::vector<std::vector<std::string>> rows{{"step", "pass", "times", "on", "gives", "recorded"}};
  double forwards = 0, backwards = 0, recorded = 0;
  for (const PassPlan& step : loss_->plan(options_.gradient)) {
    rows.push_back({std::to_string(rows.size()), pass_text(step),
                    to_string(ParameterValue(step.passes)) + (step.per_target ? " T" : ""), step.on, step.gives,
                    step.recorded ? "yes" : "no"});
    (step.kind == PassPlan::Kind::forward ? forwards : backwards) += step.passes;
    if (step.recorded && step.whole) recorded += step.passes;
  }
  print_columns(rows);
  std::cout << "\nT: once for every target that the spec explains\n"
            << forwards << " forward and " << backwards << " backward passes in all, for one target\n";
  explain_memory(recorded);
}

// A model may not take the guessed shape; then nothing can be said.
void LossRun::explain_memory(double recorded) const {
  auto shape = trial_shape(session_, {});
  const auto& size = options_.inputs.size;
  if (!size.empty() && shape.size() >= 4) {
    shape[shape.size() - 2] = size.front();
    shape[shape.size() - 1] = size.back();
  }
  try {
    const double bytes = layer_bytes(*session_.model, shape, options_.inputs.batch);
    std::cout << std::fixed << std::setprecision(0) << "memory: the layers of one pass hold about " << bytes / 1048576
              << " MB for " << options_.inputs.batch << " inputs";
    if (recorded > 0) {
      std::cout << "; " << recorded << " recorded whole passes keep about as much each, " << recorded * bytes / 1048576
                << " MB in all, until the gradient is taken";
    }
    std::cout << '\n';
  } catch (const Error&) {
    std::cout << "memory: not known, as the model does not take inputs of the guessed size; give it with --size\n";
  }
}

}  // namespace

int loss(const LossOptions& options) {
  LossRun run(options);
  if (!options.explain) return run.run();
  run.explain();
  return 0;
}

}  // namespace attune::cli
