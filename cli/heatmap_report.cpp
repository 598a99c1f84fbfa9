#include "heatmap_report.h"

#include <ATen/TensorOperators.h>
#include <algorithm>
#include <cmath>
#include <iomanip>
#include <iostream>
#include <sstream>

#include "image/npy.h"
#include "image/output_file.h"

namespace attune::cli {
namespace {

constexpr size_t most_sheet_rows = 60;
constexpr int64_t sheet_cell = 224;

std::string fixed(double value, int digits) {
  std::ostringstream text;
  text << std::fixed << std::setprecision(digits) << value;
  return text.str();
}

std::string percent(double share) { return fixed(100 * share, 1) + " %"; }

Json terms_json(const std::vector<SampleTerm>& terms) {
  Json json = Json::array();
  for (const SampleTerm& term : terms) {
    json.push_back(
        {{"name", term.name}, {"values", term.values}, {"degenerate", term.degenerate}, {"saturated", term.saturated}});
  }
  return json;
}

// "agreement h = 0.442 (saturated)"
std::string term_text(const Json& term) {
  std::string text = term["name"].get<std::string>() + " h =";
  for (const Json& value : term["values"]) text += " " + fixed(value.get<double>(), 3);
  return text + (term["degenerate"].get<bool>()  ? " (degenerate)"
                 : term["saturated"].get<bool>() ? " (saturated)"
                                                 : "");
}

Image sheet_picture(const Image& image) {
  const double scale = static_cast<double>(sheet_cell) / static_cast<double>(std::max(image.size(0), image.size(1)));
  if (scale >= 1) return image;
  const auto side = [&](int64_t length) {
    return std::max<int64_t>(1, std::llround(scale * static_cast<double>(length)));
  };
  return resize(image, side(image.size(0)), side(image.size(1)));
}

std::string sheet_name(size_t page) {
  return page == 0 ? "contact_sheet.png" : "contact_sheet-" + std::to_string(page + 1) + ".png";
}

}  // namespace

HeatmapReport::HeatmapReport(const HeatmapOptions& options, const Labels& labels, std::vector<Method> methods)
    : options_(options), labels_(labels), methods_(std::move(methods)) {}

void HeatmapReport::add(const Sample& sample, const std::string& stem, const SampleMaps& maps,
                        const std::vector<std::string>& targets) {
  if (headings_.empty()) add_headings(targets);
  Json item = {{"input", sample.path}, {"index", sample.row ? Json(*sample.row) : Json()}, {"maps", Json::array()}};
  if (!maps.terms.empty()) item["terms"] = terms_json(maps.terms);
  SheetRow row;
  row.title = row_title(stem, maps);
  if (has_picture(sample)) row.cells.push_back(sheet_picture(base_picture(sample)));
  for (size_t method = 0; method < methods_.size(); ++method) {
    for (size_t target = 0; target < maps.classes.size(); ++target) {
      if (is_repeated(maps, target)) {
        row.cells.emplace_back();
      } else {
        item["maps"].push_back(add_map(sample, stem, maps, method, target, row));
      }
    }
  }
  items_.push_back(std::move(item));
  if (rows_.size() < most_sheet_rows && has_picture(sample)) rows_.push_back(std::move(row));
}

std::string HeatmapReport::row_title(const std::string& stem, const SampleMaps& maps) const {
  const int64_t first = maps.classes[0];
  std::string title = stem + ": " + label_text(first) + " " + percent(maps.probabilities[first].item<double>());
  for (const Json& term : terms_json(maps.terms)) title += "; " + term_text(term);
  return title;
}

// Two targets may mean one class: top1 and its name.
bool HeatmapReport::is_repeated(const SampleMaps& maps, size_t target) const {
  const auto end = maps.classes.begin() + static_cast<ptrdiff_t>(target);
  return std::find(maps.classes.begin(), end, maps.classes[target]) != end;
}

Json HeatmapReport::add_map(const Sample& sample, const std::string& stem, const SampleMaps& maps, size_t method,
                            size_t target, SheetRow& row) {
  const MethodMaps& of_method = maps.methods[method];
  const at::Tensor& map = of_method.maps[target];
  const int64_t index = maps.classes[target];
  std::string name = stem + "." + methods_[method].name;
  if (maps.classes.size() > 1) name += "." + std::to_string(index);
  const OverlayOptions style{options_.colormap, options_.alpha, options_.signed_maps, 0};
  const Drawing drawing = of_method.pictures.empty()
                              ? draw(sample, map, of_method.at_input_resolution, style)
                              : Drawing{of_method.pictures[target], of_method.pictures[target], ""};
  const bool is_drawn = drawing.image.defined();
  if (is_drawn) {
    row.cells.push_back(sheet_picture(drawing.cell));
    write_png(output_path(name + ".png"), add_legend(drawing.image, legend(maps, method, target, drawing)));
  }
  if (options_.raw) write_npy(output_path(name + ".npy"), map);
  if (of_method.pictures.empty()) note_empty(name, map, is_drawn);
  const std::string label = labels_.name(index);
  return {{"name", methods_[method].name},
          {"layer", of_method.layer.empty() ? Json() : Json(of_method.layer)},
          {"target",
           {{"index", index},
            {"label", label.empty() ? Json() : Json(label)},
            {"score", maps.scores[index].item<double>()},
            {"probability", maps.probabilities[index].item<double>()}}},
          {"shape", map.sizes().vec()},
          {"min", map.min().item<double>()},
          {"max", map.max().item<double>()},
          {"mean", map.mean().item<double>()},
          {"overlay", is_drawn ? Json(name + ".png") : Json()},
          {"raw", options_.raw ? Json(name + ".npy") : Json()}};
}

// A picture without heat looks like a fault of the program: say why there is none.
void HeatmapReport::note_empty(const std::string& name, const at::Tensor& map, bool is_drawn) const {
  std::string note;
  if (map.max().item<double>() == 0 && map.min().item<double>() == 0) {
    note = "is 0 everywhere: the score does not depend on what it looks at";
  } else if (is_drawn && !options_.signed_maps && map.max().item<double>() <= 0) {
    note = "has no positive values: everything speaks against the class; --signed draws that";
  } else if (!is_drawn && !options_.raw) {
    note = "cannot be drawn over its input; --raw writes the map itself";
  }
  if (!note.empty()) std::cerr << "attune: note: map '" + name + "' " + note + "\n";
}

Legend HeatmapReport::legend(const SampleMaps& maps, size_t method, size_t target, const Drawing& drawing) const {
  const int64_t index = maps.classes[target];
  Legend legend;
  legend.method = methods_[method].title;
  if (!maps.methods[method].layer.empty()) legend.method += " (" + maps.methods[method].layer + ")";
  legend.label = label_text(index);
  legend.score = percent(maps.probabilities[index].item<double>());
  legend.colormap = drawing.colours;
  legend.low = options_.signed_maps ? "-" : "0";
  legend.high = options_.signed_maps ? "+" : "max";
  return legend;
}

std::string HeatmapReport::label_text(int64_t index) const {
  const std::string label = labels_.name(index);
  return label.empty() ? "class " + std::to_string(index) : label;
}

std::filesystem::path HeatmapReport::output_path(const std::string& name) const {
  return std::filesystem::path(options_.output) / name;
}

void HeatmapReport::add_headings(const std::vector<std::string>& targets) {
  headings_.emplace_back("input");
  for (const Method& method : methods_) {
    for (const auto& target : targets)
      headings_.push_back(targets.size() == 1 ? method.name : method.name + " " + target);
  }
}

// Pages of an earlier run that this one does not replace would pass for its own.
void HeatmapReport::write_sheets() const {
  std::vector<Image> pages;
  if (rows_.size() > 1 || (rows_.size() == 1 && rows_[0].cells.size() > 2)) {
    pages = contact_sheets(headings_, rows_, {sheet_cell, 12});
  }
  for (size_t i = 0; i < pages.size(); ++i) write_png(output_path(sheet_name(i)), pages[i]);
  std::error_code error;
  for (size_t i = pages.size(); std::filesystem::remove(output_path(sheet_name(i)), error); ++i) {
  }
}

void HeatmapReport::finish(double seconds) {
  if (items_.empty()) return;
  write_sheets();
  const Json summary = {{"model", options_.model.model}, {"items", items_}};
  write_file(output_path("summary.json"), text_of(summary));
  if (options_.json) {
    print(summary);
  } else {
    print_text();
  }
  std::cerr << items_.size() << (items_.size() == 1 ? " input" : " inputs") << " in " << std::fixed
            << std::setprecision(1) << seconds << " s (" << static_cast<double>(items_.size()) / std::max(seconds, 1e-9)
            << " per second)\n";
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
