// attune heatmap: what a model looks at, as pictures, raw maps and a summary.

#include <future>
#include <iomanip>
#include <iostream>
#include <sstream>

#include <ATen/TensorOperators.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/softmax.h>
#include <ATen/ops/stack.h>

#include <attune/sdk/error.h>

#include "commands.h"
#include "drawing.h"
#include "image/npy.h"
#include "image/output_file.h"
#include "json.h"
#include "naming.h"
#include "progress.h"
#include "render/colormap.h"
#include "render/contact_sheet.h"
#include "session.h"
#include "spec/component.h"

namespace attune::cli {
namespace {

constexpr size_t most_sheet_rows = 60;
constexpr int64_t sheet_cell = 224;

Preprocess make_preprocess(const Sidecar& sidecar, const HeatmapOptions& options) {
  PreprocessText text = sidecar.preprocess;
  Preprocess preprocess = Preprocess::imagenet();
  if (options.preprocess == "unit") preprocess = Preprocess::unit();
  if (options.preprocess == "imagenet" || options.preprocess == "unit") {
    text = {};
  } else if (!options.preprocess.empty()) {
    text = read_preprocess(options.preprocess);
  }
  if (text.size) preprocess.size = *text.size;
  if (text.crop) preprocess.crop = *text.crop;
  if (text.mean) preprocess.mean = *text.mean;
  if (text.std) preprocess.std = *text.std;
  if (options.size.size() > 2) throw Error(Fault::usage, "--size takes H or H,W");
  if (!options.size.empty()) preprocess.size = {options.size.front(), options.size.back()};
  if (options.crop) preprocess.crop = true;
  check(preprocess);
  return preprocess;
}

std::string percent(double share) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(1) << 100 * share << " %";
  return text.str();
}

class HeatmapRun {
 public:
  explicit HeatmapRun(const HeatmapOptions& options)
      : options_(options), session_(prepare_session(options.model)), preprocess_(make_preprocess(session_.sidecar, options)) {
    if (!options.colormap.empty()) colormap(options.colormap);
    parse_methods();
    for (const auto& text : options.targets.empty() ? std::vector<std::string>{"top1"} : options.targets) {
      targets_.push_back(TargetChoice::parse(text, session_.labels));
    }
    prepare_output_folder(options.output);
    load_model(session_, options.model);
    list_files();
  }

  int run() {
    Progress progress("inputs", static_cast<int64_t>(files_.size()));
    SampleStream stream(files_, stream_options());
    std::future<void> drawing;
    while (auto batch = stream.next()) {
      const auto count = static_cast<int64_t>(batch->size());
      auto results = attend(*batch);
      if (drawing.valid()) drawing.get();
      drawing = std::async(std::launch::async, [this, samples = std::move(*batch), results = std::move(results)] {
        for (size_t i = 0; i < samples.size(); ++i) report(samples[i], results[i]);
      });
      progress.advance(count);
    }
    if (drawing.valid()) drawing.get();
    finish(progress.seconds());
    return code_;
  }

 private:
  // The maps of one sample; none when it failed.
  struct Result {
    at::Tensor scores;          // [K]
    at::Tensor probabilities;   // [K]
    std::vector<int64_t> classes;
    std::vector<std::vector<at::Tensor>> maps;  // [method][target]: [C,S1..Sd]
    std::vector<bool> at_input_resolution;      // per method
    std::vector<std::string> layers;            // per method; "" when it is about no single layer
  };

  void parse_methods() {
    for (const auto& text : options_.methods.empty() ? std::vector<std::string>{"gradcam"} : options_.methods) {
      methods_.push_back(parse_method(text, session_.catalogue));
    }
    number_repeated_names(methods_);
    for (const auto& method : methods_) {
      requests_.push_back({method.name, session_.catalogue.make_method(method.id, method.parameters)});
    }
  }

  void list_files() {
    const auto likely = session_.model->likely_input();
    spatial_rank_ = static_cast<int64_t>(likely.size()) - 1;
    channels_ = likely[0];
    files_ = list_inputs(options_.inputs, spatial_rank_ == 3);
    const auto stems = output_stems(files_);
    check_row_stems(files_, stems, spatial_rank_);
    for (size_t i = 0; i < files_.size(); ++i) stems_[files_[i].path] = stems[i];
  }

  StreamOptions stream_options() const {
    StreamOptions stream;
    stream.preprocess = preprocess_;
    stream.spatial_rank = spatial_rank_;
    if (spatial_rank_ == 3) stream.frames = options_.frames.value_or(session_.sidecar.frames.value_or(16));
    stream.batch = options_.batch;
    return stream;
  }

  at::Tensor model_input(const std::vector<const Sample*>& samples) const {
    std::vector<at::Tensor> inputs;
    for (const Sample* sample : samples) {
      const bool to_grey = !sample->pictures.empty() && channels_ == 1;
      inputs.push_back(to_grey ? sample->input.mean(0, true) : sample->input);
    }
    return at::stack(inputs).to(session_.model->device(), session_.model->dtype());
  }

  std::vector<Result> attend(const std::vector<Sample>& samples) {
    std::vector<Result> results(samples.size());
    std::vector<const Sample*> good;
    std::vector<size_t> places;
    for (size_t i = 0; i < samples.size(); ++i) {
      if (!samples[i].error.empty()) {
        complain(Fault::input, samples[i].error);
      } else {
        good.push_back(&samples[i]);
        places.push_back(i);
      }
    }
    if (good.empty()) return results;
    try {
      const at::Tensor input = model_input(good);
      const MapSet set = compute_maps(*session_.model, input, requests_, targets_);
      for (size_t row = 0; row < good.size(); ++row) results[places[row]] = result_of(set, input, static_cast<int64_t>(row));
    } catch (const Error& error) {
      if (error.fault() != Fault::input && error.fault() != Fault::run) throw;
      std::string paths;
      for (const Sample* sample : good) paths += (paths.empty() ? "" : ", ") + sample->path;
      complain(error.fault(), paths + ": " + error.what());
    }
    return results;
  }

  Result result_of(const MapSet& set, const at::Tensor& input, int64_t row) {
    Result result;
    const at::Tensor scores = set.scores.to(at::kCPU, at::kFloat);
    result.scores = scores[row];
    result.probabilities = session_.sidecar.multi_label ? at::sigmoid(result.scores) : at::softmax(result.scores, 0);
    for (const Target& target : set.targets) result.classes.push_back(target.classes[row].item<int64_t>());
    for (size_t m = 0; m < requests_.size(); ++m) {
      result.maps.emplace_back();
      for (const AttentionMap& map : set.maps[m]) result.maps.back().push_back(map.values[row].to(at::kCPU, at::kFloat));
      result.at_input_resolution.push_back(set.maps[m].at(0).at_input_resolution);
      const auto layers = requests_[m].method->needs(*session_.model).layers;
      const bool automatic = layers.size() == 1 && layers[0] == "auto";
      result.layers.push_back(automatic ? session_.model->auto_layer(input) : layers.size() == 1 ? layers[0] : "");
    }
    return result;
  }

  // Runs beside the model: everything that becomes of a sample's maps.
  void report(const Sample& sample, const Result& result) {
    if (result.maps.empty()) return;
    const std::string stem =
        sample.row ? row_stem(stems_.at(sample.path), *sample.row) : stems_.at(sample.path);
    Json item = {{"input", sample.path}, {"index", sample.row ? Json(*sample.row) : Json()}, {"maps", Json::array()}};
    SheetRow row;
    row.title = stem + " " + label_text(result.classes[0]) + " " +
                percent(result.probabilities[result.classes[0]].item<double>());
    if (has_picture(sample)) row.cells.push_back(sheet_picture(base_picture(sample)));
    for (size_t m = 0; m < requests_.size(); ++m) {
      for (size_t t = 0; t < result.classes.size(); ++t) {
        const auto first = std::find(result.classes.begin(), result.classes.end(), result.classes[t]);
        if (first != result.classes.begin() + static_cast<ptrdiff_t>(t)) continue;  // two targets, one class
        item["maps"].push_back(write_map(sample, result, m, t, stem, row));
      }
    }
    items_.push_back(std::move(item));
    if (rows_.size() < most_sheet_rows && has_picture(sample)) rows_.push_back(std::move(row));
  }

  Json write_map(const Sample& sample, const Result& result, size_t m, size_t t, const std::string& stem,
                 SheetRow& row) {
    const at::Tensor& map = result.maps[m][t];
    const int64_t index = result.classes[t];
    const double probability = result.probabilities[index].item<double>();
    std::string name = stem + "." + requests_[m].name;
    if (result.classes.size() > 1) name += "." + std::to_string(index);
    OverlayOptions style{options_.colormap, options_.alpha, options_.signed_maps, 0};
    const Drawing drawing = draw(sample, map, result.at_input_resolution[m], style);
    if (drawing.image.defined()) {
      row.cells.push_back(sheet_picture(drawing.image));
      write_png(output_path(name + ".png"), add_legend(drawing.image, legend(m, result, index, probability, drawing)));
    }
    if (options_.raw) write_npy(output_path(name + ".npy"), map);
    const std::string label = session_.labels.name(index);
    return {{"name", requests_[m].name},
            {"layer", result.layers[m].empty() ? Json() : Json(result.layers[m])},
            {"target",
             {{"index", index},
              {"label", label.empty() ? Json() : Json(label)},
              {"score", result.scores[index].item<double>()},
              {"probability", probability}}},
            {"shape", map.sizes().vec()},
            {"min", map.min().item<double>()},
            {"max", map.max().item<double>()},
            {"mean", map.mean().item<double>()},
            {"overlay", drawing.image.defined() ? Json(name + ".png") : Json()},
            {"raw", options_.raw ? Json(name + ".npy") : Json()}};
  }

  Legend legend(size_t m, const Result& result, int64_t index, double probability, const Drawing& drawing) const {
    Legend legend;
    const std::string title = session_.catalogue.find(methods_[m].id)->descriptor.title;
    legend.method = methods_[m].name == methods_[m].id ? title : title + " " + methods_[m].name;
    if (!result.layers[m].empty()) legend.method += " (" + result.layers[m] + ")";
    legend.label = label_text(index);
    legend.score = percent(probability);
    legend.colormap = drawing.colours;
    legend.low = options_.signed_maps ? "-" : "0";
    legend.high = options_.signed_maps ? "+" : "max";
    return legend;
  }

  std::string label_text(int64_t index) const {
    const std::string label = session_.labels.name(index);
    return label.empty() ? "class " + std::to_string(index) : label;
  }

  static Image sheet_picture(const Image& image) {
    const double scale = static_cast<double>(sheet_cell) / static_cast<double>(std::max(image.size(0), image.size(1)));
    if (scale >= 1) return image;
    const auto side = [&](int64_t length) { return std::max<int64_t>(1, std::llround(scale * static_cast<double>(length))); };
    return resize(image, side(image.size(0)), side(image.size(1)));
  }

  std::filesystem::path output_path(const std::string& name) const { return std::filesystem::path(options_.output) / name; }

  void complain(Fault fault, const std::string& message) {
    std::cerr << "attune: " << message << '\n';
    code_ = static_cast<int>(fault);
  }

  std::vector<std::string> headings() const {
    std::vector<std::string> headings{"input"};
    const size_t columns = rows_.empty() ? 0 : rows_[0].cells.size() - 1;
    const size_t per_method = std::max<size_t>(1, columns / requests_.size());
    for (const auto& request : requests_) {
      for (size_t t = 0; t < per_method; ++t) {
        headings.push_back(per_method == 1 ? request.name : request.name + " " + std::to_string(t + 1));
      }
    }
    return headings;
  }

  void write_sheets() {
    if (rows_.empty() || (rows_.size() == 1 && rows_[0].cells.size() <= 2)) return;
    auto titles = headings();
    for (const auto& row : rows_) {
      while (titles.size() < row.cells.size()) titles.emplace_back();
    }
    const auto pages = contact_sheets(titles, rows_, {sheet_cell, 12});
    for (size_t i = 0; i < pages.size(); ++i) {
      write_png(output_path(i == 0 ? "contact_sheet.png" : "contact_sheet-" + std::to_string(i + 1) + ".png"), pages[i]);
    }
  }

  void finish(double seconds) {
    if (items_.empty()) return;
    write_sheets();
    const Json summary = {{"model", options_.model.model}, {"items", items_}};
    write_file(output_path("summary.json"), summary.dump(2, ' ', false, Json::error_handler_t::replace) + "\n");
    if (options_.json) {
      print(summary);
    } else {
      print_summary();
    }
    std::cerr << items_.size() << " inputs in " << std::fixed << std::setprecision(1) << seconds << " s ("
              << static_cast<double>(items_.size()) / std::max(seconds, 1e-9) << " per second)\n";
  }

  void print_summary() const {
    for (const auto& item : items_) {
      std::cout << item["input"].get<std::string>();
      if (!item["index"].is_null()) std::cout << " row " << item["index"];
      std::cout << '\n';
      for (const auto& map : item["maps"]) {
        std::cout << "  " << map["name"].get<std::string>() << "  " << label_text(map["target"]["index"].get<int64_t>()) << ' '
                  << percent(map["target"]["probability"].get<double>());
        if (!map["overlay"].is_null()) std::cout << "  " << output_path(map["overlay"].get<std::string>()).string();
        std::cout << '\n';
      }
    }
  }

  const HeatmapOptions& options_;
  Session session_;
  Preprocess preprocess_;
  std::vector<ComponentText> methods_;
  std::vector<MapRequest> requests_;
  std::vector<TargetChoice> targets_;
  std::vector<InputFile> files_;
  std::map<std::string, std::string> stems_;  // by path
  int64_t spatial_rank_ = 2;
  int64_t channels_ = 3;
  Json items_ = Json::array();
  std::vector<SheetRow> rows_;
  int code_ = 0;
};

}  // namespace

int heatmap(const HeatmapOptions& options) { return HeatmapRun(options).run(); }

}  // namespace attune::cli
