// attune heatmap: what a model looks at, as pictures, raw maps and a summary.

#include <ATen/core/Tensor.h>
#include <future>
#include <map>

#include "commands.h"
#include "heatmap_report.h"
#include "image/output_file.h"
#include "input_run.h"
#include "progress.h"
#include "render/colormap.h"
#include "session.h"
#include "spec/component.h"

namespace attune::cli {
namespace {

class HeatmapRun {
 public:
  explicit HeatmapRun(const HeatmapOptions& options)
      : options_(options), session_(prepare_session(options.model)), inputs_(session_, options.inputs, options.output) {
    if (!options.colormap.empty()) colormap(options.colormap);
    parse_methods();
    if (!options.targets.empty()) target_texts_ = options.targets;
    for (const auto& text : target_texts_) targets_.push_back(TargetChoice::parse(text, session_.labels));
    prepare_output_folder(options.output);
    load_model(session_, options.model);
    check_layers();
    inputs_.open();
  }

  int run() {
    Progress progress("inputs", inputs_.files());
    HeatmapReport report(options_, session_.labels, report_methods());
    std::future<void> drawing;  // of a batch, beside the model's work on the next
    while (auto batch = inputs_.next()) {
      const auto count = static_cast<int64_t>(batch->size());
      auto maps = attend(*batch);
      if (drawing.valid()) drawing.get();
      drawing = std::async(std::launch::async, [this, &report, samples = std::move(*batch), maps = std::move(maps)] {
        for (const auto& [sample, of_sample] : maps) {
          report.add(samples[sample], inputs_.stem_of(samples[sample]), of_sample,
                     target_headings(target_texts_, session_.labels, of_sample.scores.size(0)));
        }
      });
      progress.advance(count);
    }
    if (drawing.valid()) drawing.get();
    report.finish(progress.seconds());
    return inputs_.code();
  }

 private:
  using Attended = std::map<size_t, SampleMaps>;  // by place in the batch

  void parse_methods() {
    for (const auto& text : options_.methods.empty() ? std::vector<std::string>{"gradcam"} : options_.methods) {
      methods_.push_back(parse_method(text, session_.catalogue));
    }
    number_repeated_names(methods_);
    for (const auto& method : methods_) {
      requests_.push_back({method.name, session_.catalogue.make_method(method.id, method.parameters)});
    }
  }

  // A layer that does not exist is no input's fault.
  void check_layers() const {
    for (const auto& request : requests_) {
      for (const auto& layer : request.method->needs(*session_.model).layers) session_.model->require_layer(layer);
    }
  }

  std::vector<HeatmapReport::Method> report_methods() const {
    std::vector<HeatmapReport::Method> methods;
    for (const auto& method : methods_) {
      const std::string title = session_.catalogue.find(method.id)->descriptor.title;
      methods.push_back({method.name, method.name == method.id ? title : title + " " + method.name});
    }
    return methods;
  }

  Attended attend(const std::vector<Sample>& samples) {
    Attended attended;
    inputs_.process(samples, [&](const SampleList& good, const at::Tensor& input) {
      const MapSet set = compute_maps(*session_.model, input, requests_, targets_);
      check_labels(session_.labels, set.scores.size(1));
      const at::Tensor shares = probabilities(set.scores, session_.sidecar);
      for (size_t row = 0; row < good.size(); ++row) {
        const auto place = static_cast<size_t>(good[row] - samples.data());
        attended[place] = maps_of(set, shares, input, static_cast<int64_t>(row));
      }
    });
    return attended;
  }

  SampleMaps maps_of(const MapSet& set, const at::Tensor& shares, const at::Tensor& input, int64_t row) const {
    SampleMaps maps;
    maps.scores = set.scores[row].to(at::kCPU, at::kFloat);
    maps.probabilities = shares[row];
    for (const Target& target : set.targets) maps.classes.push_back(target.classes[row].item<int64_t>());
    for (size_t m = 0; m < requests_.size(); ++m) {
      MethodMaps method;
      const auto layers = requests_[m].method->needs(*session_.model).layers;
      if (layers.size() == 1) method.layer = layers[0] == "auto" ? session_.model->auto_layer(input) : layers[0];
      method.at_input_resolution = set.maps[m].at(0).at_input_resolution;
      for (const AttentionMap& map : set.maps[m]) method.maps.push_back(map.values[row].to(at::kCPU, at::kFloat));
      maps.methods.push_back(std::move(method));
    }
    return maps;
  }

  const HeatmapOptions& options_;
  Session session_;
  InputRun inputs_;
  std::vector<ComponentText> methods_;
  std::vector<MapRequest> requests_;
  std::vector<std::string> target_texts_{"top1"};
  std::vector<TargetChoice> targets_;
};

}  // namespace

int heatmap(const HeatmapOptions& options) {
  return options.spec.empty() ? HeatmapRun(options).run() : heatmap_of_spec(options);
}

}  // namespace attune::cli
