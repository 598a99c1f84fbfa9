// attune heatmap --spec: every map of a spec, what its matchers make of the input, and the loss of each picture.

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/tensor.h>
#include <algorithm>
#include <cmath>
#include <map>
#include <optional>

#include "heatmap_report.h"
#include "image/output_file.h"
#include "input_run.h"
#include "progress.h"
#include "render/colormap.h"
#include "session.h"

namespace attune::cli {
namespace {

// What a matcher shows, [C,S1..Sd], as a picture: of a clip, its middle frame. What preprocessing did to an input's
// colours is undone.
Image picture_of(at::Tensor shown, Shown what, const Preprocess& preprocess) {
  if (shown.dim() < 3) return {};
  if (shown.dim() == 4) shown = shown.select(1, shown.size(1) / 2);
  if (what == Shown::input && shown.size(0) == static_cast<int64_t>(preprocess.mean.size())) {
    const auto column = [](const std::vector<double>& values) {
      return at::tensor(values, at::kFloat).view({-1, 1, 1});
    };
    shown = shown * column(preprocess.std) + column(preprocess.mean);
  }
  if (shown.size(0) != 3) shown = shown.mean(0, true).expand({3, -1, -1});
  return (shown.clamp(0, 1) * 255).round().to(at::kByte).permute({1, 2, 0}).contiguous();
}

// In the proportions of the part of the photo that the model was given.
Image as_seen(const Image& picture, const Sample& sample) {
  if (!picture.defined() || sample.pictures.empty()) return picture;
  const auto side = [](double length) { return std::max<int64_t>(1, std::llround(length)); };
  return resize(picture, side(sample.region.height), side(sample.region.width));
}

// A name for files and headings: "masked input" -> "masked_input", the second of a name gets "#2".
std::string column_name(std::string name, std::map<std::string, int>& seen) {
  std::replace(name.begin(), name.end(), ' ', '_');
  const int count = ++seen[name];
  return count == 1 ? name : name + "#" + std::to_string(count);
}

class SpecHeatmapRun {
 public:
  explicit SpecHeatmapRun(const HeatmapOptions& options)
      : options_(options), session_(prepare_session(options.model)), inputs_(session_, options.inputs, options.output) {
    if (!options.colormap.empty()) colormap(options.colormap);
    read_spec(spec_file(options.spec), session_.catalogue);  // before the model is loaded, which may take long
    prepare_output_folder(options.output);
    load_model(session_, options.model);
    loss_.emplace(make_loss(session_, options.spec));
    inputs_.open();
  }

  int run() {
    Progress progress("inputs", inputs_.files());
    while (const auto batch = inputs_.next()) {
      inputs_.process(*batch, [&](const SampleList& samples, const at::Tensor& input) { add(samples, input); });
      progress.advance(static_cast<int64_t>(batch->size()));
    }
    if (report_) report_->finish(progress.seconds());
    return inputs_.code();
  }

 private:
  void add(const SampleList& samples, const at::Tensor& input) {
    const at::AutoGradMode mode(false);
    LossTrace trace;
    const LossResult result = (*loss_)(input, &trace);
    check_labels(session_.labels, result.scores.size(1));
    if (!report_) start_report(trace, input);
    const at::Tensor shares = probabilities(result.scores, session_.sidecar);
    const auto headings = target_headings(loss_->spec().targets, session_.labels, result.scores.size(1));
    for (size_t row = 0; row < samples.size(); ++row) {
      const auto maps = maps_of(result, trace, shares, *samples[row], static_cast<int64_t>(row));
      report_->add(*samples[row], inputs_.stem_of(*samples[row]), maps, headings);
    }
  }

  void start_report(const LossTrace& trace, const at::Tensor& input) {
    for (const MapRequest& request : loss_->maps()) {
      const auto layers = request.method->needs(*session_.model).layers;
      if (layers.size() != 1) continue;
      const std::string layer = layers[0] == "auto" ? session_.model->auto_layer(input) : layers[0];
      layers_[request.name] = layers_[request.name + " again"] = layer;
    }
    std::vector<HeatmapReport::Method> columns;
    std::map<std::string, int> seen;
    for (const LossTrace::Item& item : trace.items) {
      if (item.target != 0) continue;
      const std::string name = column_name(item.name, seen);
      columns.push_back({name, item.match.empty() ? item.name : item.name + " (" + item.match + ")"});
    }
    report_.emplace(options_, session_.labels, std::move(columns));
  }

  SampleMaps maps_of(const LossResult& result, const LossTrace& trace, const at::Tensor& shares, const Sample& sample,
                     int64_t row) const {
    SampleMaps maps;
    maps.scores = result.scores[row].to(at::kCPU, at::kFloat);
    maps.probabilities = shares[row];
    for (const Target& target : result.targets) maps.classes.push_back(target.classes[row].item<int64_t>());
    const size_t columns = trace.items.size() / result.targets.size();  // the same for every target
    maps.methods.resize(columns);
    for (size_t i = 0; i < trace.items.size(); ++i) {
      const LossTrace::Item& item = trace.items[i];
      MethodMaps& column = maps.methods[i % columns];
      column.at_input_resolution = item.at_input_resolution;
      const auto layer = layers_.find(item.name);
      if (!item.shown && layer != layers_.end()) column.layer = layer->second;
      column.maps.push_back(item.values[row].to(at::kCPU, at::kFloat));
      if (item.shown) {
        const Image picture = picture_of(column.maps.back(), *item.shown, inputs_.preprocess());
        column.pictures.push_back(as_seen(picture, sample));
      }
    }
    for (const TermReport& term : result.terms) maps.terms.push_back(term_of(term, row));
    return maps;
  }

  static SampleTerm term_of(const TermReport& report, int64_t row) {
    SampleTerm term{report.name,
                    {},
                    report.degenerate.select(1, row).any().item<bool>(),
                    report.saturated.select(1, row).any().item<bool>()};
    for (int64_t target = 0; target < report.values.size(0); ++target) {
      term.values.push_back(report.values[target][row].item<double>());
    }
    return term;
  }

  const HeatmapOptions& options_;
  Session session_;
  InputRun inputs_;
  std::optional<ConsistencyLoss> loss_;
  std::optional<HeatmapReport> report_;
  std::map<std::string, std::string> layers_;  // of maps that are about one
};

}  // namespace

int heatmap_of_spec(const HeatmapOptions& options) { return SpecHeatmapRun(options).run(); }

}  // namespace attune::cli
