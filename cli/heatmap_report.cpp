#include "heatmap_report.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/upsample_bilinear2d.h>
#include <ATen/ops/upsample_linear1d.h>
#include <ATen/ops/upsample_trilinear3d.h>
#include <algorithm>
#include <cstdio>
#include <iomanip>
#include <iostream>
#include <sstream>

#include "image/nifti.h"
#include "image/npy.h"
#include "image/output_file.h"
#include "progress.h"
#include "render/text.h"

namespace attune::cli {
namespace {

std::string fixed(double value, int digits) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(digits) << value;
  return text.str();
}

std::string percent(double share) { return fixed(100 * share, 1) + " %"; }

// Three digits: 0.77, 1.2e-05.
std::string short_number(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3g", value);
  return text;
}

Json term_json(const SampleTerm& term) {
  return {{"name", term.name}, {"values", term.values}, {"degenerate", term.degenerate}, {"saturated", term.saturated}};
}

// "agreement h = 0.442 (saturated)"
std::string term_text(const Json& term) {
  std::string text = term["name"].get<std::string>() + " h =";
  for (const Json& value : term["values"]) text += " " + fixed(value.get<double>(), 3);
  return text + (term["degenerate"].get<bool>()  ? " (degenerate)"
                 : term["saturated"].get<bool>() ? " (saturated)"
                                                 : "");
}

// Two targets may mean one class: top1 and its name.
bool is_repeated(const SampleMaps& maps, size_t target) {
  const auto end = maps.classes.begin() + static_cast<ptrdiff_t>(target);
  return std::find(maps.classes.begin(), end, maps.classes[target]) != end;
}

// [C,S1..Sd] -> [C,S1'..Sd'] of the input. Undefined when the map has other axes.
at::Tensor at_input_size(const at::Tensor& map, const at::Tensor& input) {
  if (map.dim() != input.dim()) return {};
  const at::Tensor batch = map.unsqueeze(0);
  const at::IntArrayRef size = input.sizes().slice(1);
  switch (size.size()) {
    case 1:
      return at::upsample_linear1d(batch, size, false).squeeze(0);
    case 2:
      return at::upsample_bilinear2d(batch, size, false).squeeze(0);
    case 3:
      return at::upsample_trilinear3d(batch, size, false).squeeze(0);
    default:
      return {};
  }
}

Json crop_box(const Sample& sample) {
  if (sample.pictures.empty()) return Json();
  return {sample.crop.x, sample.crop.y, sample.crop.width, sample.crop.height};
}

}  // namespace

HeatmapReport::HeatmapReport(const HeatmapOptions& options, const Labels& labels, const Preprocess& preprocess,
                             std::vector<std::string> targets)
    : options_(options), labels_(labels), preprocess_(preprocess), targets_(std::move(targets)) {}

void HeatmapReport::add(const Sample& sample, const std::string& stem, const SampleMaps& maps) {
  Json item = {{"input", sample.path},
               {"index", sample.row ? Json(*sample.row) : Json()},
               {"maps", Json::array()},
               {"answer", class_json(maps, maps.scores.argmax().item<int64_t>())},
               {"crop_box", crop_box(sample)}};
  for (const SampleTerm& term : maps.terms) item["terms"].push_back(term_json(term));
  HeatmapSheets::Row row = sheet_row(sample, stem, maps);
  for (const ShownMap& map : maps.maps) {
    if (is_repeated(maps, map.target)) {
      row.cells.emplace_back(column_of(maps, map), SheetCell());  // keeps its place
      continue;
    }
    std::string name = stem + "." + map.name;
    if (maps.classes.size() > 1) name += "." + std::to_string(maps.classes[map.target]);
    item["maps"].push_back(add_map(sample, name, maps, map, row));
  }
  items_.push_back(std::move(item));
  if (has_picture(sample)) sheets_.add(std::move(row));
}

HeatmapSheets::Row HeatmapReport::sheet_row(const Sample& sample, const std::string& stem,
                                            const SampleMaps& maps) const {
  HeatmapSheets::Row row;
  // A name that cannot be drawn is found by its place in the summary.
  row.stem = has_letters(stem) ? stem : "input " + std::to_string(items_.size() + 1) + ": " + stem;
  const auto answer = maps.scores.argmax().item<int64_t>();
  row.title = isolated(row.stem) + ": answer " + isolated(drawn_label(answer)) + " " +
              percent(maps.probabilities[answer].item<double>());
  for (const SampleTerm& term : maps.terms) row.notes.push_back({term_text(term_json(term)), ""});
  if (has_picture(sample)) row.input = HeatmapSheets::cell_picture(draw_input(sample).cell);
  return row;
}

HeatmapSheets::Column HeatmapReport::column_of(const SampleMaps& maps, const ShownMap& map) const {
  const auto headings = target_headings(targets_, labels_, maps.scores.size(0));
  return {map.name, headings.size() > 1 ? headings.at(map.target) : ""};
}

Json HeatmapReport::add_map(const Sample& sample, const std::string& name, const SampleMaps& maps, const ShownMap& map,
                            HeatmapSheets::Row& row) {
  const int64_t index = maps.classes[map.target];
  const MapPicture picture = map_picture(sample, map, options_, preprocess_);
  const Image& image = picture.drawing.image;
  const bool is_drawn = image.defined();
  if (is_drawn) {
    const SheetLine about{drawn_label(index), percent(maps.probabilities[index].item<double>())};
    row.cells.emplace_back(column_of(maps, map), SheetCell(HeatmapSheets::cell_picture(picture.drawing.cell), {about}));
    write_png(output_path(name + ".png"), options_.plain ? image : add_legend(image, legend(maps, map, picture)));
  }
  const bool is_volume = options_.raw && sample.volume && map.values.dim() == 4;
  if (options_.raw) write_raw(sample, name, map.values);
  if (!map.shown) note_empty(name, sample, map.values, is_drawn);
  return {{"name", map.name},
          {"layer", map.layer.empty() ? Json() : Json(map.layer)},
          {"target", class_json(maps, index)},
          {"shape", map.values.sizes().vec()},
          {"min", map.values.min().item<double>()},
          {"max", map.values.max().item<double>()},
          {"mean", map.values.mean().item<double>()},
          {"overlay", is_drawn ? Json(name + ".png") : Json()},
          {"raw", options_.raw ? Json(name + ".npy") : Json()},
          {"raw_nifti", is_volume ? Json(name + ".nii.gz") : Json()}};
}

void HeatmapReport::write_raw(const Sample& sample, const std::string& name, const at::Tensor& map) const {
  const at::Tensor resized = options_.raw_size == "input" ? at_input_size(map, sample.input) : map;
  if (!resized.defined()) {
    say("attune: note: map '" + name + "' has other axes than the input, and its .npy has the layer's size");
  }
  const at::Tensor& written = resized.defined() ? resized : map;
  write_npy(output_path(name + ".npy"), written);
  if (sample.volume && map.dim() == 4) write_nifti(output_path(name + ".nii.gz"), written.sum(0), *sample.volume);
}

// A picture without heat looks like a fault of the program: say why there is none.
void HeatmapReport::note_empty(const std::string& name, const Sample& sample, const at::Tensor& map,
                               bool is_drawn) const {
  std::string note;
  if (map.max().item<double>() == 0 && map.min().item<double>() == 0) {
    note = "is 0 everywhere: the score does not depend on what it looks at";
  } else if (is_drawn && !options_.signed_maps && map.max().item<double>() <= 0) {
    note = "has no positive values: everything speaks against the class; --signed draws that";
  } else if (!is_drawn && !options_.raw) {
    note = has_picture(sample) ? "cannot be drawn, as its axes are not those of the input"
                               : "cannot be drawn, as the input is no picture";
    note += "; --raw writes the map itself";
  }
  if (!note.empty()) say("attune: note: map '" + name + "' " + note);
}

Legend HeatmapReport::legend(const SampleMaps& maps, const ShownMap& map, const MapPicture& picture) const {
  const int64_t index = maps.classes[map.target];
  Legend legend;
  legend.method = map.title;
  if (!map.layer.empty()) legend.method += " (" + map.layer + ")";
  legend.label = drawn_label(index);
  legend.score = percent(maps.probabilities[index].item<double>());
  legend.colormap = picture.drawing.colours;
  legend.low = options_.signed_maps ? short_number(-picture.full) : "0";
  legend.high = short_number(picture.full);
  // Of fine maps the highest values are all drawn alike.
  const std::string greatest = short_number(picture.greatest);
  if (picture.greatest > picture.full && greatest != legend.high) legend.high += " (max " + greatest + ")";
  return legend;
}

std::string HeatmapReport::label_text(int64_t index) const {
  const std::string label = labels_.name(index);
  return label.empty() ? "class " + std::to_string(index) : label;
}

// With the index where the letters cannot be drawn.
std::string HeatmapReport::drawn_label(int64_t index) const {
  const std::string label = label_text(index);
  return has_letters(label) ? label : "class " + std::to_string(index) + ": " + label;
}

Json HeatmapReport::class_json(const SampleMaps& maps, int64_t index) const {
  const std::string label = labels_.name(index);
  return {{"index", index},
          {"label", label.empty() ? Json() : Json(label)},
          {"score", maps.scores[index].item<double>()},
          {"probability", maps.probabilities[index].item<double>()}};
}

std::filesystem::path HeatmapReport::output_path(const std::string& name) const {
  return std::filesystem::path(options_.output) / name;
}

void HeatmapReport::finish(const Json& run, const std::vector<FailedInput>& failures, bool stopped, double seconds) {
  if (items_.empty()) return;
  sheets_.write(options_.output);
  Json failed = Json::array();
  for (const FailedInput& failure : failures) {
    failed.push_back(
        {{"input", failure.path}, {"index", failure.row ? Json(*failure.row) : Json()}, {"error", failure.sentence}});
  }
  const Json summary = {
      {"model", options_.model.model}, {"items", items_}, {"failed", failed}, {"stopped", stopped}, {"run", run}};
  write_file(output_path("summary.json"), text_of(summary));
  if (options_.json) {
    print(summary);
  } else {
    print_text();
  }
  std::ostringstream line;
  line << items_.size() << (items_.size() == 1 ? " input" : " inputs") << " in " << fixed(seconds, 1) << " s ("
       << fixed(static_cast<double>(items_.size()) / std::max(seconds, 1e-9), 1) << " per second)";
  say(line.str());
}

void HeatmapReport::print_text() const {
  for (const auto& item : items_) {
    std::cout << item["input"].get<std::string>();
    if (!item["index"].is_null()) std::cout << " row " << item["index"];
    if (item.contains("terms")) {
      for (const auto& term : item["terms"]) std::cout << "  " << term_text(term);
    }
    std::cout << '\n';
    for (const auto& map : item["maps"]) {
      std::cout << "  " << map["name"].get<std::string>() << "  " << label_text(map["target"]["index"].get<int64_t>())
                << ' ' << percent(map["target"]["probability"].get<double>());
      if (!map["overlay"].is_null()) std::cout << "  " << output_path(map["overlay"].get<std::string>()).string();
      std::cout << '\n';
    }
  }
}

std::vector<std::string> target_headings(const std::vector<std::string>& targets, const Labels& labels,
                                         int64_t classes) {
  std::vector<std::string> names;
  for (const std::string& text : targets) {
    const int64_t count = TargetChoice::parse(text, labels).count(classes);
    for (int64_t k = 1; k <= count; ++k) names.push_back(count == 1 ? text : "top " + std::to_string(k));
  }
  return names;
}

}  // namespace attune::cli
