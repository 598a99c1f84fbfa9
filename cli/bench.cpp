// attune bench: what maps cost, as ratios to the model's own passes in the same run.

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <ATen/core/grad_mode.h>
#include <algorithm>
#include <chrono>
#include <functional>
#include <iostream>
#include <map>
#include <torch/csrc/autograd/autograd.h>

#include <attune/sdk/error.h>

#include "base/numbers.h"
#include "bench_measures.h"
#include "commands.h"
#include "config/component.h"
#include "maps/attend.h"
#include "progress.h"
#include "report/json.h"
#include "session.h"
#include "table.h"

namespace attune::cli {
namespace {

constexpr int warm_ups = 3;  // the default executor specialises itself in its first calls
constexpr int memory_runs = 2;
constexpr double megabyte = 1024.0 * 1024.0;

struct Row {
  std::string name;
  std::function<at::Tensor()> run;  // gives some part of the result
  std::vector<double> ms{};
  double peak_mb = 0;
  double programs_mb = 0;
};

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

// Half the rounds lie within this share of the median.
double spread(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return (values[values.size() * 3 / 4] - values[values.size() / 4]) / median(values);
}

class Bench {
 public:
  explicit Bench(const BenchOptions& options) : options_(options), session_(prepare_session(options.model)) {
    for (const std::string& spec : options.specs) read_spec(spec_file(spec), session_.catalogue);  // before the model
    load_model(session_, options.model);
    auto shape = trial_shape(session_, options.input);
    shape[0] = options.batch;
    const auto& model = *session_.model;
    input_ = at::rand(shape, at::TensorOptions().device(model.device()).dtype(model.dtype()));
    layer_ = session_.model->auto_layer(input_);
    add_baselines();
    add_methods();
    for (const std::string& spec : options.specs) add_spec(spec);
    if (!options.specs.empty()) add_training(options.specs.front());
  }

  int run() {
    measure_memory();
    measure_time();
    if (options_.json) {
      print(document());
    } else {
      print_text();
    }
    return 0;
  }

 private:
  void add_baselines() {
    rows_.push_back({"forward", [this] { return session_.model->module_output(input_, false); }});
    rows_.push_back({"forward_backward_input", [this] {
                       const at::Tensor x = input_.detach().requires_grad_();
                       return backward(session_.model->module_output(x, true), {x});
                     }});
    rows_.push_back({"forward_backward_parameters", [this] {
                       const auto parameters = trained_parameters();
                       const at::Tensor y = session_.model->module_output(input_, true);
                       return parameters.empty() ? y : backward(y, parameters);
                     }});
  }

  std::vector<at::Tensor> trained_parameters() const {
    std::vector<at::Tensor> parameters;
    for (const auto& [name, parameter] : session_.model->parameters()) {
      if (parameter.requires_grad()) parameters.push_back(parameter);
    }
    return parameters;
  }

  static at::Tensor backward(const at::Tensor& output, const std::vector<at::Tensor>& of) {
    const at::Tensor best = std::get<0>(output.max(1));
    try {
      return torch::autograd::grad({best}, of, {at::ones_like(best)}, false, false, true)[0];
    } catch (const std::exception&) {
      throw Error(
          Fault::input,
          "attune bench compares with the model's own backward pass, which fails; `attune heatmap` may draw its "
          "maps all the same");
    }
  }

  void add_methods() {
    trial_ = session_.model->copy(session_.model->dtype());  // what is measured has run nothing before
    add_maps("gradcam", {"gradcam"});
    add_maps("guided_backprop", {"guided_backprop"});
    add_maps("gradcam+guided_backprop", {"gradcam", "guided_backprop"});
    for (const Component& component : session_.catalogue.components()) {
      const Descriptor& method = component.descriptor;
      if (method.kind != ComponentKind::method || method.forward_passes > 1) continue;  // a number of others' passes
      if (method.id != "gradcam" && method.id != "guided_backprop") add_maps(method.id, {method.id});
    }
    trial_.reset();
  }

  // Some methods are for some models: guided ones for rectifiers, rollout for attention.
  bool suits(MapRequest request, const std::vector<TargetChoice>& targets) const {
    request.optional = true;
    try {
      for (const Capture& capture : needs_of(request, *trial_).captures) trial_->require(capture);
      return compute_maps(*model_for(trial_, targets), input_.narrow(0, 0, 1), {request}, targets).refusals[0].empty();
    } catch (const Error& error) {
      if (error.fault() != Fault::input) throw;
      return false;
    }
  }

  void add_maps(const std::string& name, const std::vector<std::string>& ids) {
    std::vector<TargetChoice> targets;
    for (const auto& text : options_.targets) targets.push_back(TargetChoice::parse(text, session_.labels));
    if (targets.empty()) targets.push_back(TargetChoice::parse("top1", {}));
    std::vector<MapRequest> requests;
    for (const auto& id : ids) {
      if (session_.catalogue.find(id) == nullptr) return;
      requests.push_back({id, session_.catalogue.make_method(id)});
      if (!suits(requests.back(), targets)) return;
    }
    rows_.push_back({name, [this, requests, targets, model = model_for(session_.model, targets)] {
                       return compute_maps(*model, input_, requests, targets).scores;
                     }});
  }

  // The loss alone, with its gradient, and with a gradient that stops at the inputs that matchers make.
  void add_spec(const std::string& given) {
    const auto file = spec_file(given);
    const int count = ++spec_names_[file.stem().string()];
    const std::string name = file.stem().string() + (count == 1 ? "" : "#" + std::to_string(count));
    Spec spec = read_spec(file, session_.catalogue, names_of(session_));
    if (!options_.targets.empty()) spec.targets = options_.targets;
    const auto whole = make_loss(spec);
    rows_.push_back({name + ".value", [this, whole] {
                       const at::AutoGradMode mode(false);
                       return (*whole)(input_).loss;
                     }});
    rows_.push_back({name + ".step", [this, whole] { return step(*whole); }});
    if (!stop_gradients(spec)) return;
    rows_.push_back({name + ".step_detached", [this, detached = make_loss(spec)] { return step(*detached); }});
  }

  // Pictures only: how a model wants other inputs is not known.
  void add_training(const std::string& given) {
    const std::vector<int64_t> shape = input_.sizes().vec();
    if (shape.size() != 4 || (shape[1] != 1 && shape[1] != 3) || trained_parameters().empty()) return;
    const Spec spec = read_spec(spec_file(given), session_.catalogue, names_of(session_));
    const int64_t steps = memory_runs + warm_ups + options_.rounds;
    training_ = std::make_unique<TrainingBench>(session_, options_.model.model, spec, shape, steps);
    rows_.push_back({"train.step", [this] {
                       training_->step();
                       return at::Tensor();
                     }});
  }

  std::shared_ptr<ConsistencyLoss> make_loss(const Spec& spec) const {
    return std::make_shared<ConsistencyLoss>(session_.model, spec, session_.catalogue, session_.labels);
  }

  at::Tensor step(const ConsistencyLoss& loss) const {
    const auto parameters = trained_parameters();
    const at::Tensor value = loss(input_).loss;
    if (parameters.empty() || !value.requires_grad()) return value;
    return torch::autograd::grad({value}, parameters, {}, false, false, /*allow_unused=*/true)[0];
  }

  // Whether that made any difference.
  bool stop_gradients(Spec& spec) const {
    bool changed = false;
    for (TermSpec& term : spec.terms) {
      std::vector<MapInfo> maps;
      for (const std::string& name : term.maps) {
        const auto is_it = [&](const MapSpec& map) { return map.name == name; };
        maps.push_back(info_of(*std::find_if(spec.maps.begin(), spec.maps.end(), is_it), session_.catalogue));
      }
      const auto& matcher = term.match.matcher;
      const bool reruns = !session_.catalogue.make_matcher(matcher.id, matcher.parameters)->reruns(maps).maps.empty();
      changed = changed || (reruns && !term.match.stop_gradient);
      term.match.stop_gradient = reruns;
    }
    return changed;
  }

  // Peaks are counted once programs exist; what the first call leaves alive are its programs.
  void measure_memory() {
    for (Row& row : rows_) {
      session_.model->refresh();
      {
        const MemoryCounter counter;
        row.run();
        row.programs_mb = static_cast<double>(counter.alive()) / megabyte;
      }
      const MemoryCounter counter;
      row.run();
      row.peak_mb = static_cast<double>(counter.peak()) / megabyte;
    }
  }

  // Waits for a device that works on its own.
  static void finish(const at::Tensor& result) {
    if (result.defined() && result.is_cuda()) result.reshape({-1}).narrow(0, 0, 1).to(at::kCPU);
  }

  void measure_time() {
    Progress progress("runs", static_cast<int64_t>(rows_.size()) * (warm_ups + options_.rounds));
    for (int round = -warm_ups; round < options_.rounds; ++round) {
      for (Row& row : rows_) {
        const auto start = std::chrono::steady_clock::now();
        finish(row.run());
        const std::chrono::duration<double, std::milli> taken = std::chrono::steady_clock::now() - start;
        if (round >= 0) row.ms.push_back(taken.count());
        progress.advance(1, row.name);
      }
    }
  }

  double baseline(size_t index) const { return median(rows_[index].ms); }

  Json document() const {
    Json rows = Json::array();
    for (size_t i = 3; i < rows_.size(); ++i) {
      const Row& row = rows_[i];
      const double ms = median(row.ms);
      rows.push_back({{"name", row.name},
                      {"ms", ms},
                      {"spread", spread(row.ms)},
                      {"ratio_forward", ms / baseline(0)},
                      {"ratio_forward_backward_input", ms / baseline(1)},
                      {"ratio_forward_backward_parameters", ms / baseline(2)},
                      {"peak_mb", row.peak_mb},
                      {"programs_mb", row.programs_mb}});
    }
    return {{"model", options_.model.model},
            {"layer", layer_},
            {"batch", options_.batch},
            {"threads", at::get_num_threads()},
            {"baseline",
             {{"forward_ms", baseline(0)},
              {"forward_backward_input_ms", baseline(1)},
              {"forward_backward_parameters_ms", baseline(2)},
              {"peak_mb", rows_[0].peak_mb}}},
            {"rows", rows}};
  }

  void print_text() const {
    std::cout << options_.model.model << ", layer " << layer_ << ", batch " << options_.batch << ", "
              << at::get_num_threads() << (at::get_num_threads() == 1 ? " thread" : " threads") << ", median of "
              << options_.rounds << "\n\n";
    std::vector<Cells> table{{"row", "ms", "spread", "/forward", "/+input", "/+params", "peak MB", "programs MB"}};
    for (const Row& row : rows_) {
      const double ms = median(row.ms);
      Cells& cells = table.emplace_back(Cells{row.name, fixed(ms, 1), fixed(100 * spread(row.ms), 1) + " %"});
      for (size_t b = 0; b < 3; ++b) cells.push_back(fixed(ms / baseline(b), 2));
      cells.insert(cells.end(), {fixed(row.peak_mb, 1), fixed(row.programs_mb, 1)});
    }
    print_table(std::cout, table, "lrrrrrrr");
    std::cout << "\n/forward: to the module's own forward pass; /+input, /+params: to that and a backward pass to the "
                 "input or the parameters\n";
  }

  const BenchOptions& options_;
  Session session_;
  std::shared_ptr<ImageModel> trial_;  // a copy, on which it is tried which methods suit the model
  at::Tensor input_;
  std::string layer_;
  std::vector<Row> rows_;
  std::map<std::string, int> spec_names_;
  std::unique_ptr<TrainingBench> training_;
};

}  // namespace

int bench(const BenchOptions& options) { return Bench(options).run(); }

}  // namespace attune::cli
