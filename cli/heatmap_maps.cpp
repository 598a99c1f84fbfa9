#include "heatmap_maps.h"

#include <ATen/TensorOperators.h>

#include <attune/sdk/error.h>

#include "config/component.h"
#include "config/parameters.h"
#include "maps/attend.h"

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

// --method: maps of one pass.
class MethodMaps final : public MapSource {
 public:
  MethodMaps(const HeatmapOptions& options, const Session& session) : session_(session) {
    for (const auto& text : options.methods.empty() ? std::vector<std::string>{"gradcam"} : options.methods) {
      methods_.push_back(parse_method(text, session_.catalogue));
    }
    number_repeated_names(methods_);
    for (const auto& method : methods_) {
      requests_.push_back({method.name, session_.catalogue.make_method(method.id, method.parameters)});
    }
    if (!options.targets.empty()) targets_ = options.targets;
    for (const auto& text : targets_) choices_.push_back(TargetChoice::parse(text, session_.labels));
  }

  // A layer that does not exist is no input's fault.
  void prepare() override {
    for (const auto& method : methods_) {
      const ComponentSpec spec{method.id, method.parameters};
      for (const auto& layer : named_layers(spec, session_.catalogue)) session_.model->require({layer});
    }
    for (const auto& request : requests_) {
      for (const Capture& capture : needs_of(request, *session_.model).captures) session_.model->require(capture);
    }
  }

  BatchMaps maps(const at::Tensor& input) const override {
    MapSet set = compute_maps(*session_.model, input, requests_, choices_);
    BatchMaps batch{set.scores, set.targets, {}, {}};
    for (size_t m = 0; m < requests_.size(); ++m) {
      const std::string title = title_of(methods_[m]);
      for (size_t target = 0; target < set.targets.size(); ++target) {
        const AttentionMap& map = set.maps[m][target];
        batch.maps.push_back(
            {methods_[m].name, title, only(map.layers), target, map.values, map.at_input_resolution, {}, {}});
      }
    }
    return batch;
  }

  std::vector<std::string> targets() const override { return targets_; }

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
  std::string title_of(const ComponentText& method) const {
    const std::string title = attune::title_of({method.id, method.parameters}, session_.catalogue);
    return method.name == method.id ? title : title + " " + method.name;
  }

  const Session& session_;
  std::vector<ComponentText> methods_;
  std::vector<MapRequest> requests_;
  std::vector<std::string> targets_{"top1"};
  std::vector<TargetChoice> choices_;
};

}  // namespace

std::vector<SampleMaps> samples_of(const BatchMaps& batch, const at::Tensor& probabilities) {
  const at::Tensor scores = on_cpu(batch.scores);
  std::vector<SampleMaps> samples(static_cast<size_t>(scores.size(0)));
  std::vector<at::Tensor> classes;
  for (const Target& target : batch.targets) classes.push_back(target.classes()->to(at::kCPU));
  for (size_t i = 0; i < samples.size(); ++i) {
    const auto row = static_cast<int64_t>(i);
    samples[i].scores = scores[row];
    samples[i].probabilities = probabilities[row];
    for (const at::Tensor& of_target : classes) samples[i].classes.push_back(of_target[row].item<int64_t>());
    for (const TermReport& term : batch.terms) samples[i].terms.push_back(sample_term(term, row));
  }
  for (const ShownMap& map : batch.maps) {
    const at::Tensor values = on_cpu(map.values), input = on_cpu(map.input);
    for (size_t i = 0; i < samples.size(); ++i) {
      ShownMap& of_sample = samples[i].maps.emplace_back(map);
      of_sample.values = row_of(values, static_cast<int64_t>(i));
      of_sample.input = row_of(input, static_cast<int64_t>(i));
    }
  }
  return samples;
}

std::string only(const std::vector<std::string>& layers) { return layers.size() == 1 ? layers[0] : ""; }

std::unique_ptr<MapSource> method_maps(const HeatmapOptions& options, const Session& session) {
  return std::make_unique<MethodMaps>(options, session);
}

}  // namespace attune::cli
