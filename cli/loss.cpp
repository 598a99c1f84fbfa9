// attune loss: a spec's consistency loss, term by term and sample by sample, its gradient, and what it costs.

#include <ATen/ATen.h>
#include <ATen/core/grad_mode.h>
#include <algorithm>
#include <cmath>
#include <iostream>
#include <optional>
#include <torch/csrc/autograd/autograd.h>

#include <attune/sdk/error.h>

#include "base/numbers.h"
#include "commands.h"
#include "input_run.h"
#include "progress.h"
#include "report/json.h"
#include "session.h"
#include "table.h"

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
    loss_.emplace(make_loss(session_, options.spec, options.targets));
    if (options.gradient) list_parameters();
    for (const TermSpec& term : loss_->spec().terms) sums_.push_back({term.name, term.weight});
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
      print_text();
    }
    return inputs_.code();
  }

  void explain() const;

 private:
  struct Value {
    std::string path;
    std::optional<int64_t> row;
    ClassScore explained;
    double h;
    bool degenerate;
    bool saturated;
  };
  struct Sum {
    std::string name;
    double weight;
    double sum = 0;
    std::vector<Value> values{};
  };

  void list_parameters() {
    for (const auto& [name, parameter] : session_.model->parameters()) {
      if (parameter.requires_grad()) parameters_.push_back({name, parameter, {}});
    }
    if (parameters_.empty()) throw Error(Fault::run, "the model has no parameter that takes a gradient");
  }

  void add(const SampleList& samples, const at::Tensor& input) {
    const at::AutoGradMode mode(options_.gradient);
    const LossResult result = (*loss_)(input, nullptr, inputs_.annotations(samples));
    const int64_t rows = result.terms[0].values.numel();
    if (options_.gradient) add_gradient(result.loss, rows);
    rows_ += rows;
    const auto& model = dynamic_cast<const ImageModel&>(*loss_->model());
    const auto explained =
        target_scores(loss_->targets(), loss_->spec().targets, result.scores, model, session_.labels);
    for (size_t row = 0; row < samples.size(); ++row) {
      for (size_t target = 0; target < result.targets.size(); ++target) {
        const auto t = static_cast<int64_t>(target), r = static_cast<int64_t>(row);
        for (size_t term = 0; term < sums_.size(); ++term) {
          const TermReport& report = result.terms[term];
          const double h = report.values[t][r].item<double>();
          sums_[term].sum += h;
          sums_[term].values.push_back({samples[row]->path, samples[row]->row, explained[target].samples[row], h,
                                        report.degenerate[t][r].item<bool>(), report.saturated[t][r].item<bool>()});
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

  bool is_mean() const { return loss_->spec().reduction == Reduction::mean; }

  double value() const {
    double value = 0;
    for (const Sum& sum : sums_) value -= sum.weight * (is_mean() ? sum.sum / static_cast<double>(rows_) : sum.sum);
    return value;
  }

  // Of each parameter, and of all of them together.
  std::pair<std::vector<double>, double> gradient_norms() const {
    std::vector<double> norms;
    double square = 0;
    for (const NamedParameter& parameter : parameters_) {
      const double scale = is_mean() ? 1 / static_cast<double>(rows_) : 1;
      const double norm =
          parameter.gradient.defined() ? scale * at::linalg_vector_norm(parameter.gradient, 2).item<double>() : 0;
      if (!std::isfinite(norm)) {
        throw Error(Fault::run, "the gradient of '" + parameter.name + "' is not finite (NaN or infinity)");
      }
      norms.push_back(norm);
      square += norm * norm;
    }
    return {norms, std::sqrt(square)};
  }

  Json document() const {
    Json terms = Json::array();
    for (const Sum& sum : sums_) {
      Json samples = Json::array();
      for (const Value& value : sum.values) {
        samples.push_back({{"input", value.path},
                           {"index", value.row ? Json(*value.row) : Json()},
                           {"target", json_of(value.explained)},
                           {"value", value.h},
                           {"degenerate", value.degenerate},
                           {"saturated", value.saturated}});
      }
      terms.push_back({{"name", sum.name},
                       {"weight", sum.weight},
                       {"value", sum.sum / static_cast<double>(rows_)},
                       {"samples", samples}});
    }
    Json document = {{"loss", value()}, {"reduction", is_mean() ? "mean" : "sum"}, {"terms", terms}};
    if (options_.gradient) {
      const auto [norms, norm] = gradient_norms();
      Json by_name = Json::object();
      for (size_t i = 0; i < norms.size(); ++i) by_name[parameters_[i].name] = norms[i];
      document["gradient"] = {{"norm", norm}, {"parameters", by_name}};
    }
    return document;
  }

  void print_text() const;
  void explain_memory(double recorded) const;

  const LossOptions& options_;
  Session session_;
  InputRun inputs_;
  std::optional<ConsistencyLoss> loss_;
  std::vector<NamedParameter> parameters_;
  std::vector<Sum> sums_;
  int64_t rows_ = 0;
};

void LossRun::print_text() const {
  std::cout << "loss " << significant(value()) << "  (" << (is_mean() ? "mean" : "sum") << " over " << rows_
            << (rows_ == 1 ? " value" : " values") << ")\n";
  for (const Sum& sum : sums_) {
    std::cout << "\n"
              << sum.name << "  h " << significant(sum.sum / static_cast<double>(rows_)) << ", weight "
              << significant(sum.weight) << '\n';
    std::vector<Cells> rows;
    for (const Value& value : sum.values) {
      rows.push_back({significant(value.h), value.path + (value.row ? " row " + std::to_string(*value.row) : ""),
                      value.explained.name()});
      if (value.degenerate) rows.back().push_back("degenerate: a map is constant");
      if (value.saturated) rows.back().push_back("saturated: the mask is black and white");
    }
    print_table(std::cout, rows, "r", "  ");
  }
  if (!options_.gradient) return;
  const auto [norms, norm] = gradient_norms();
  std::cout << "\ngradient norm " << significant(norm) << '\n';
  std::vector<Cells> rows;
  for (size_t i = 0; i < norms.size(); ++i) rows.push_back({significant(norms[i]), parameters_[i].name});
  print_table(std::cout, rows, "r", "  ");
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

void LossRun::explain() const {
  std::vector<Cells> rows{{"step", "pass", "times", "on", "gives", "recorded"}};
  double forwards = 0, backwards = 0, recorded = 0;
  for (const PassPlan& step : loss_->plan(options_.gradient)) {
    rows.push_back({std::to_string(rows.size()), pass_text(step),
                    to_string(ParameterValue(step.passes)) + (step.per_target ? " T" : ""), step.on, step.gives,
                    step.recorded ? "yes" : "no"});
    (step.kind == PassPlan::Kind::forward ? forwards : backwards) += step.passes;
    if (step.recorded && step.whole) recorded += step.passes;
  }
  print_table(std::cout, rows);
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
    std::cout << "memory: the layers of one pass hold about " << fixed(bytes / 1048576, 0) << " MB for "
              << options_.inputs.batch << " inputs";
    if (recorded > 0) {
      std::cout << "; " << fixed(recorded, 0) << " recorded whole passes keep about as much each, "
                << fixed(recorded * bytes / 1048576, 0) << " MB in all, until the gradient is taken";
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
