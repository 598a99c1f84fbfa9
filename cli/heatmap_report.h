// What becomes of a sample's maps: pictures, raw arrays, contact sheets and the summary.
#pragma once

#include <ATen/core/Tensor.h>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "drawing.h"
#include "json.h"
#include "options.h"
#include "render/contact_sheet.h"
#include "session.h"

namespace attune::cli {

// One method's maps of one sample, on the CPU.
struct MethodMaps {
  std::string layer;  // "" when the method is about no single layer
  bool at_input_resolution = false;
  std::vector<at::Tensor> maps;  // one per target, [C,S1..Sd]
  std::vector<Image> pictures;   // one per target, where what is shown is no map; empty otherwise
};

// A spec's term of one sample.
struct SampleTerm {
  std::string name;
  std::vector<double> values;  // h, one per target
  bool degenerate = false;
  bool saturated = false;
};

// One sample's answers and maps, on the CPU.
struct SampleMaps {
  at::Tensor scores;             // [K]
  at::Tensor probabilities;      // [K]
  std::vector<int64_t> classes;  // one per target; two targets may mean one class
  std::vector<MethodMaps> methods;
  std::vector<SampleTerm> terms;
};

class HeatmapReport {
 public:
  struct Method {
    std::string name;   // in file names and the summary
    std::string title;  // in legends
  };

  HeatmapReport(const HeatmapOptions& options, const Labels& labels, std::vector<Method> methods);

  // Writes the sample's pictures and raw maps. `targets` are the headings of its targets' columns.
  void add(const Sample& sample, const std::string& stem, const SampleMaps& maps,
           const std::vector<std::string>& targets);
  // Contact sheets, summary.json, and what is printed; nothing when no sample was added.
  void finish(double seconds);

 private:
  std::string row_title(const std::string& stem, const SampleMaps& maps) const;
  bool is_repeated(const SampleMaps& maps, size_t target) const;
  Json add_map(const Sample& sample, const std::string& stem, const SampleMaps& maps, size_t method, size_t target,
               SheetRow& row);
  Legend legend(const SampleMaps& maps, size_t method, size_t target, const Drawing& drawing) const;
  std::string label_text(int64_t index) const;
  std::filesystem::path output_path(const std::string& name) const;
  void add_headings(const std::vector<std::string>& targets);
  void note_empty(const std::string& name, const at::Tensor& map, bool is_drawn) const;
  void write_sheets() const;
  void print_text() const;

  const HeatmapOptions& options_;
  const Labels& labels_;
  std::vector<Method> methods_;
  Json items_ = Json::array();
  std::vector<std::string> headings_;
  std::vector<SheetRow> rows_;
};

// One heading per target: as it was asked for, and of topK the place.
std::vector<std::string> target_headings(const std::vector<std::string>& targets, const Labels& labels,
                                         int64_t classes);

// The heatmaps of --spec: heatmap_spec.cpp.
int heatmap_of_spec(const HeatmapOptions& options);

}  // namespace attune::cli
