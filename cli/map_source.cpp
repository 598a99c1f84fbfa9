#include "map_source.h"

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <tuple>

#include <attune/sdk/error.h>

#include "config/component.h"
#include "config/parameters.h"
#include "input_run.h"
#include "maps/attend.h"
#include "progress.h"

namespace attune::cli {
namespace {

at::Tensor on_cpu(const at::Tensor& tensor) { return tensor.defined() ? tensor.to(at::kCPU, at::kFloat) : tensor; }

at::Tensor row_of(const at::Tensor& batch, int64_t row) { return batch.defined() ? batch[row] : batch; }

SampleTerm sample_term(const TermReport& report, int64_t row) {
  SampleTerm term{report.name,
                  {},
                  report.degenerate.select(1, row).any().item<bool>(),
                  report.saturated.select(1, row).any().item<bool>()};
  for (int64_t target = 0; target < report.values.size(0); ++target) {
    term.values.push_back(report.values[target][row].item<double>());
  }
  return term;
}

ReportedMap reported(std::string name, std::string method, std::vector<std::string> layers, size_t target,
                     at::Tensor values, bool at_input_resolution) {
  ReportedMap map;
  map.name = std::move(name);
  map.method = std::move(method);
  map.layers = std::move(layers);
  map.target = target;
  map.values = std::move(values);
  map.at_input_resolution = at_input_resolution;
  return map;
}

// --method: maps of one pass.
class MethodMaps final : public MapSource {
 public:
  MethodMaps(const HeatmapOptions& options, const Session& session) : session_(session) {
    for (const auto& text : options.methods.empty() ? std::vector<std::string>{"gradcam"} : options.methods) {
      const auto methods = parse_methods(text, session_.catalogue);
      methods_.insert(methods_.end(), methods.begin(), methods.end());
    }
    number_repeated_names(methods_);
    for (const auto& method : methods_) {
      requests_.push_back({method.name, session_.catalogue.make_method(method.id, method.parameters)});
      requests_.back().optional = method.optional;
    }
    if (!options.targets.empty()) targets_ = options.targets;
    for (const auto& text : targets_) choices_.push_back(TargetChoice::parse(text, session_.labels));
  }

  // A layer that does not exist is no input's fault.
  void prepare() override {
    model_ = model_for(session_.model, choices_);
    for (const auto& method : methods_) {
      const ComponentSpec spec{method.id, method.parameters};
      for (const auto& layer : named_layers(spec, session_.catalogue)) session_.model->require({layer});
    }
    std::vector<std::string> refusals;
    for (const auto& request : requests_) refusals.push_back(refusal_of(request));
    leave_out(refusals);
  }

  BatchMaps maps(const at::Tensor& input, const at::Tensor& /*annotation*/) override {
    MapSet set = compute_maps(*model_, input, requests_, choices_);
    BatchMaps batch{set.scores, model_, {}, {}};
    for (size_t m = 0; m < requests_.size(); ++m) {
      if (!set.refusals[m].empty()) continue;
      requests_[m].optional = false;  // from here on a failure is the input's
      const std::string title = title_of(methods_[m]);
      for (size_t target = 0; target < set.targets.size(); ++target) {
        const AttentionMap& map = set.maps[m][target];
        ReportedMap& one = batch.maps.emplace_back(
            reported(methods_[m].name, title, map.layers, target, map.values, map.at_input_resolution));
        std::tie(one.forward_passes, one.backward_passes) = passes_of(m);
      }
    }
    leave_out(set.refusals);
    return batch;
  }

  std::vector<std::string> targets() const override { return targets_; }
  const std::vector<TargetChoice>& choices() const override { return choices_; }

  Json settings() const override {
    Json methods = Json::array();
    for (const auto& method : methods_) {
      const ComponentSpec whole = session_.catalogue.resolved(ComponentKind::method, {method.id, method.parameters});
      Json values = Json::object();
      for (const auto& [name, value] : whole.parameters) values[name] = parameter_json(value);
      methods.push_back({{"name", method.name}, {"id", method.id}, {"parameters", values}});
    }
    return {{"methods", methods}, {"targets", targets_}};
  }

 private:
  // Why an optional method does not suit the model, as far as its needs say.
  std::string refusal_of(const MapRequest& request) const {
    try {
      for (const Capture& capture : needs_of(request, *session_.model).captures) session_.model->require(capture);
    } catch (const Error& error) {
      if (!request.optional || error.fault() != Fault::input) throw;
      return error.what();
    }
    return "";
  }

  void leave_out(const std::vector<std::string>& refusals) {
    std::vector<ComponentText> methods;
    std::vector<MapRequest> requests;
    for (size_t m = 0; m < refusals.size(); ++m) {
      if (refusals[m].empty()) {
        methods.push_back(methods_[m]);
        requests.push_back(requests_[m]);
      } else {
        say("attune: note: " + methods_[m].id + " is left out: " + refusals[m]);
      }
    }
    if (requests.empty()) throw Error(Fault::input, "none of the methods that were asked for suits the model");
    methods_ = std::move(methods);
    requests_ = std::move(requests);
  }

  // Forward and backward, of one map.
  std::pair<double, double> passes_of(size_t method) const {
    const Needs needs = needs_of(requests_[method], *session_.model);
    if (needs.forward_passes > 0 || needs.backward_passes > 0) return {needs.forward_passes, needs.backward_passes};
    const Descriptor d = session_.catalogue.descriptor(ComponentKind::method, {methods_[method].id, {}});
    return {d.forward_passes, d.backward_passes};
  }

  std::string title_of(const ComponentText& method) const {
    const std::string title = attune::title_of({method.id, method.parameters}, session_.catalogue);
    return method.name == method.id ? title : title + " " + method.name;
  }

  const Session& session_;
  std::vector<ComponentText> methods_;
  std::vector<MapRequest> requests_;
  std::vector<std::string> targets_{"top1"};
  std::vector<TargetChoice> choices_;
  std::shared_ptr<Model> model_;
};

// A name for files: "masked input" -> "masked_input"; the second of a target that has it gets "#2".
std::string file_name(std::string name, std::map<std::string, int>& seen) {
  std::replace(name.begin(), name.end(), ' ', '_');
  const int count = ++seen[name];
  return count == 1 ? name : name + "#" + std::to_string(count);
}

// Matchers may show other tensors for every target and batch: those of one name are brought together.
std::vector<ReportedMap> ordered_by_name(const std::vector<ReportedMap>& maps) {
  std::vector<std::string> names;
  for (const ReportedMap& map : maps) {
    if (std::find(names.begin(), names.end(), map.name) == names.end()) names.push_back(map.name);
  }
  std::vector<ReportedMap> ordered;
  for (const std::string& name : names) {
    std::copy_if(maps.begin(), maps.end(), std::back_inserter(ordered),
                 [&](const ReportedMap& map) { return map.name == name; });
  }
  return ordered;
}

// What a map explains by its own target, for legends: " of top2"; "" where that is the spec's.
std::string own_target(const Spec& spec, const std::string& name) {
  for (const MapSpec& map : spec.maps) {
    const bool is_it = name == map.name || name == map.name + " again";
    if (is_it && !map.target.empty()) return " of " + map.target;
  }
  return "";
}

// --spec: every map, what matchers make of the input, and the loss of each sample.
class SpecMaps final : public MapSource {
 public:
  SpecMaps(const HeatmapOptions& options, const Session& session)
      : session_(session), given_(options.spec), file_(spec_file(options.spec)) {
    read_spec(file_, session_.catalogue);  // before the model is loaded, which may take long
  }

  void prepare() override { loss_.emplace(make_loss(session_, given_)); }

  BatchMaps maps(const at::Tensor& input, const at::Tensor& annotation) override {
    const at::AutoGradMode mode(false);
    LossTrace trace;
    const LossResult result = (*loss_)(input, &trace, annotation);
    std::map<size_t, std::map<std::string, int>> seen;  // names of each target
    std::vector<ReportedMap> maps;
    for (const LossTrace::Item& item : trace.items) {
      const std::string name = item.name + own_target(loss_->spec(), item.name);
      const std::string title = item.match.empty() ? name : name + " (" + item.match + ")";
      ReportedMap& map = maps.emplace_back(reported(file_name(item.name, seen[item.target]), title, item.layers,
                                                    item.target, item.values, item.at_input_resolution));
      map.shown = item.shown;
      map.input = item.input;
    }
    return {result.scores, loss_->model(), ordered_by_name(maps), result.terms};
  }

  std::vector<std::string> targets() const override { return loss_->spec().targets; }
  const std::vector<TargetChoice>& choices() const override { return loss_->targets(); }

  Json settings() const override {
    std::ifstream stream(file_);
    return {{"spec", {{"file", given_}, {"document", Json::parse(stream, nullptr, /*allow_exceptions=*/false)}}},
            {"targets", targets()}};
  }

 private:
  const Session& session_;
  const std::string given_;
  const std::filesystem::path file_;
  std::optional<ConsistencyLoss> loss_;
};

}  // namespace

std::unique_ptr<MapSource> method_maps(const HeatmapOptions& options, const Session& session) {
  return std::make_unique<MethodMaps>(options, session);
}

std::unique_ptr<MapSource> spec_maps(const HeatmapOptions& options, const Session& session) {
  return std::make_unique<SpecMaps>(options, session);
}

std::vector<SampleReport> reports_of(const BatchMaps& batch, const Labels& labels,
                                     const std::vector<TargetChoice>& choices, const std::vector<std::string>& asked) {
  const auto& model = dynamic_cast<const ImageModel&>(*batch.model);
  auto targets = target_scores(choices, asked, batch.scores, model, labels);
  if (targets.size() == 1) targets[0].asked.clear();
  const bool are_classes =
      batch.scores.dim() == 2 && std::any_of(targets.begin(), targets.end(),
                                             [](const TargetScores& target) { return target.samples[0].index >= 0; });
  std::vector<TargetScores> answer;
  if (are_classes) answer = target_scores({TargetChoice::parse("top1", {})}, {""}, batch.scores, model, labels);
  std::vector<SampleReport> reports(static_cast<size_t>(batch.scores.size(0)));
  for (size_t i = 0; i < reports.size(); ++i) {
    reports[i].answer = are_classes ? answer[0].samples[i] : ClassScore{-1};
    for (const TargetScores& target : targets) reports[i].targets.push_back({target.samples[i], target.asked});
    for (const TermReport& term : batch.terms) {
      reports[i].terms.push_back(sample_term(term, static_cast<int64_t>(i)));
    }
  }
  for (const ReportedMap& map : batch.maps) {
    const at::Tensor values = on_cpu(map.values), input = on_cpu(map.input);
    for (size_t i = 0; i < reports.size(); ++i) {
      ReportedMap& of_sample = reports[i].maps.emplace_back(map);
      of_sample.values = row_of(values, static_cast<int64_t>(i));
      of_sample.input = row_of(input, static_cast<int64_t>(i));
    }
  }
  return reports;
}

}  // namespace attune::cli
