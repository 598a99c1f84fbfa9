// attune heatmap: what a model looks at, as pictures, raw maps and a summary.

#include <ATen/ops/sigmoid.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/stack.h>
#include <filesystem>
#include <future>
#include <iostream>
#include <map>
#include <set>

#include <attune/sdk/error.h>

#include "commands.h"
#include "heatmap_report.h"
#include "image/output_file.h"
#include "naming.h"
#include "progress.h"
#include "render/colormap.h"
#include "session.h"
#include "spec/component.h"

namespace attune::cli {
namespace {

using SampleList = std::vector<const Sample*>;

bool is_named_preprocess(const std::string& text) { return text == "imagenet" || text == "unit"; }

// What the command line says comes first, then the sidecar.
PreprocessText preprocess_text(const Sidecar& sidecar, const HeatmapOptions& options) {
  PreprocessText text = options.preprocess.empty() ? sidecar.preprocess : PreprocessText{};
  if (!options.preprocess.empty() && !is_named_preprocess(options.preprocess)) {
    if (!std::filesystem::exists(options.preprocess)) {
      throw Error(Fault::usage, "--preprocess '" + options.preprocess +
                                    "' is no file; expected imagenet, unit, or a JSON file" +
                                    did_you_mean(options.preprocess, {"imagenet", "unit"}));
    }
    text = read_preprocess(options.preprocess);
  }
  if (options.size.size() > 2) throw Error(Fault::usage, "--size takes H or H,W");
  if (!options.size.empty()) text.size = {options.size.front(), options.size.back()};
  if (options.crop) text.crop = true;
  return text;
}

Preprocess make_preprocess(const Sidecar& sidecar, const HeatmapOptions& options) {
  const PreprocessText text = preprocess_text(sidecar, options);
  Preprocess preprocess = options.preprocess == "unit" ? Preprocess::unit() : Preprocess::imagenet();
  if (text.size) preprocess.size = *text.size;
  if (text.crop) preprocess.crop = *text.crop;
  if (text.mean) preprocess.mean = *text.mean;
  if (text.std) preprocess.std = *text.std;
  check(preprocess);
  return preprocess;
}

std::string place_of(const Sample& sample) {
  return sample.row ? sample.path + " row " + std::to_string(*sample.row) : sample.path;
}

class HeatmapRun {
 public:
  explicit HeatmapRun(const HeatmapOptions& options) : options_(options), session_(prepare_session(options.model)) {
    stream_.preprocess = make_preprocess(session_.sidecar, options);
    if (!options.colormap.empty()) colormap(options.colormap);
    parse_methods();
    if (options.targets.empty()) targets_.push_back(TargetChoice::parse("top1", session_.labels));
    for (const auto& text : options.targets) targets_.push_back(TargetChoice::parse(text, session_.labels));
    prepare_output_folder(options.output);
    load_model(session_, options.model);
    check_layers();
    set_up_stream();
    list_files();
  }

  int run() {
    Progress progress("inputs", static_cast<int64_t>(files_.size()));
    HeatmapReport report(options_, session_.labels, report_methods());
    SampleStream stream(files_, stream_);
    std::future<void> drawing;  // of a batch, beside the model's work on the next
    while (auto batch = stream.next()) {
      const auto count = static_cast<int64_t>(batch->size());
      auto maps = attend(*batch);
      if (drawing.valid()) drawing.get();
      drawing = std::async(std::launch::async, [this, &report, samples = std::move(*batch), maps = std::move(maps)] {
        for (const auto& [sample, of_sample] : maps) {
          report.add(samples[sample], stem_of(samples[sample]), of_sample, column_names(of_sample));
        }
      });
      progress.advance(count);
    }
    if (drawing.valid()) drawing.get();
    report.finish(progress.seconds());
    return code_;
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

  void set_up_stream() {
    const auto likely = session_.model->likely_input();
    channels_ = likely[0];
    stream_.spatial_rank = static_cast<int64_t>(likely.size()) - 1;
    stream_.batch = options_.batch;
    if (stream_.spatial_rank != 3) return;
    stream_.frames = options_.frames.value_or(session_.sidecar.frames.value_or(16));
    // Clips are far smaller than pictures.
    if (!preprocess_text(session_.sidecar, options_).size) stream_.preprocess.size = {likely[2], likely[3]};
  }

  void list_files() {
    std::set<std::filesystem::path> seen;  // a file may be named beside the folder that it lies in
    for (InputFile& file : list_inputs(options_.inputs, stream_.spatial_rank == 3)) {
      std::error_code error;
      const auto whole = std::filesystem::absolute(file.path, error).lexically_normal();
      if (seen.insert(whole).second) files_.push_back(std::move(file));
    }
    const auto stems = output_stems(files_);
    check_row_stems(files_, stems, stream_.spatial_rank);
    for (size_t i = 0; i < files_.size(); ++i) stems_[files_[i].path] = stems[i];
  }

  std::vector<HeatmapReport::Method> report_methods() const {
    std::vector<HeatmapReport::Method> methods;
    for (const auto& method : methods_) {
      const std::string title = session_.catalogue.find(method.id)->descriptor.title;
      methods.push_back({method.name, method.name == method.id ? title : title + " " + method.name});
    }
    return methods;
  }

  std::string stem_of(const Sample& sample) const {
    const std::string& stem = stems_.at(sample.path);
    return sample.row ? row_stem(stem, *sample.row) : stem;
  }

  // One name per target: as it was asked for, and of topK the place.
  std::vector<std::string> column_names(const SampleMaps& maps) const {
    std::vector<std::string> names;
    for (size_t i = 0; i < targets_.size(); ++i) {
      const int64_t count = targets_[i].count(maps.scores.size(0));
      const std::string text = options_.targets.empty() ? "top1" : options_.targets[i];
      for (int64_t k = 1; k <= count; ++k) names.push_back(count == 1 ? text : "top " + std::to_string(k));
    }
    return names;
  }

  Attended attend(const std::vector<Sample>& samples) {
    Attended attended;
    SampleList good;
    for (const Sample& sample : samples) {
      if (sample.error.empty()) {
        good.push_back(&sample);
      } else {
        complain(Fault::input, sample.error);
      }
    }
    if (good.empty()) return attended;
    try {
      attend_at_once(good, samples, attended);
    } catch (const Error& error) {
      if (error.fault() != Fault::input && error.fault() != Fault::run) throw;
      if (good.size() == 1) {
        complain(error.fault(), place_of(*good[0]) + ": " + error.what());
      } else {
        attend_one_by_one(good, samples, attended);
      }
    }
    any_done_ = any_done_ || !attended.empty();
    return attended;
  }

  void attend_at_once(const SampleList& good, const std::vector<Sample>& samples, Attended& attended) {
    const at::Tensor input = model_input(good);
    const MapSet set = compute_maps(*session_.model, input, requests_, targets_);
    check_labels(set.scores.size(1));
    for (size_t row = 0; row < good.size(); ++row) {
      attended[static_cast<size_t>(good[row] - samples.data())] = maps_of(set, input, static_cast<int64_t>(row));
    }
  }

  // After a batch has failed: which of its samples did it? When it is all of them, and none before was any better, it
  // is the model that does not fit, and going on would only repeat it.
  void attend_one_by_one(const SampleList& good, const std::vector<Sample>& samples, Attended& attended) {
    std::vector<std::pair<std::string, Error>> failures;
    for (const Sample* sample : good) {
      try {
        attend_at_once({sample}, samples, attended);
      } catch (const Error& error) {
        if (error.fault() != Fault::input && error.fault() != Fault::run) throw;
        failures.emplace_back(place_of(*sample), error);
      }
    }
    if (failures.size() == good.size() && !any_done_) {
      throw Error(failures[0].second.fault(), failures[0].first + ": " + failures[0].second.what());
    }
    for (const auto& [place, error] : failures) complain(error.fault(), place + ": " + error.what());
  }

  at::Tensor model_input(const SampleList& samples) const {
    std::vector<at::Tensor> inputs;
    for (const Sample* sample : samples) {
      const bool to_grey = !sample->pictures.empty() && channels_ == 1;
      inputs.push_back(to_grey ? sample->input.mean(0, true) : sample->input);
    }
    return at::stack(inputs).to(session_.model->device(), session_.model->dtype());
  }

  void check_labels(int64_t classes) const {
    if (session_.labels.empty() || session_.labels.size() == static_cast<size_t>(classes)) return;
    throw Error(Fault::usage, "there are " + std::to_string(session_.labels.size()) + " labels, but the model has " +
                                  std::to_string(classes) + " classes; labels must be in the order of the scores");
  }

  SampleMaps maps_of(const MapSet& set, const at::Tensor& input, int64_t row) const {
    SampleMaps maps;
    maps.scores = set.scores[row].to(at::kCPU, at::kFloat);
    maps.probabilities = session_.sidecar.multi_label ? at::sigmoid(maps.scores) : at::softmax(maps.scores, 0);
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

  void complain(Fault fault, const std::string& message) {
    std::cerr << "attune: " + message + "\n";
    code_ = static_cast<int>(fault);
  }

  const HeatmapOptions& options_;
  Session session_;
  StreamOptions stream_;
  std::vector<ComponentText> methods_;
  std::vector<MapRequest> requests_;
  std::vector<TargetChoice> targets_;
  std::vector<InputFile> files_;
  std::map<std::string, std::string> stems_;  // by path
  int64_t channels_ = 3;
  bool any_done_ = false;
  int code_ = 0;
};

}  // namespace

int heatmap(const HeatmapOptions& options) { return HeatmapRun(options).run(); }

}  // namespace attune::cli
