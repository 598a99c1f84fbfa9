// What becomes of a sample's maps: pictures, raw arrays, contact sheets and the summary.
#pragma once

#include <ATen/core/Tensor.h>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "heatmap_maps.h"
#include "heatmap_sheets.h"
#include "input_run.h"
#include "json.h"
#include "map_picture.h"
#include "options.h"
#include "session.h"

namespace attune::cli {

class HeatmapReport {
 public:
  // `options`, `labels` and `preprocess` must live as long. `targets` as the user wrote them.
  HeatmapReport(const HeatmapOptions& options, const Labels& labels, const Preprocess& preprocess,
                std::vector<std::string> targets);

  // Writes the sample's pictures and raw maps.
  void add(const Sample& sample, const std::string& stem, const SampleMaps& maps);
  size_t inputs() const { return items_.size(); }

  // Contact sheets, summary.json, and what is printed; nothing when no sample was added. `run`: how to repeat it.
  void finish(const Json& run, const std::vector<FailedInput>& failures, bool stopped, double seconds);

 private:
  Json add_map(const Sample& sample, const std::string& name, const SampleMaps& maps, const ShownMap& map,
               HeatmapSheets::Row& row);
  void write_raw(const Sample& sample, const std::string& name, const at::Tensor& map) const;
  Legend legend(const SampleMaps& maps, const ShownMap& map, const MapPicture& picture) const;
  void note_empty(const std::string& name, const Sample& sample, const at::Tensor& map, bool is_drawn) const;
  std::string label_text(int64_t index) const;
  std::string drawn_label(int64_t index) const;
  Json class_json(const SampleMaps& maps, int64_t index) const;
  HeatmapSheets::Row sheet_row(const Sample& sample, const std::string& stem, const SampleMaps& maps) const;
  HeatmapSheets::Column column_of(const SampleMaps& maps, const ShownMap& map) const;
  std::filesystem::path output_path(const std::string& name) const;
  void print_text() const;

  const HeatmapOptions& options_;
  const Labels& labels_;
  const Preprocess& preprocess_;
  const std::vector<std::string> targets_;
  Json items_ = Json::array();
  HeatmapSheets sheets_;
};

// One heading per target: as it was asked for, and of topK the place.
std::vector<std::string> target_headings(const std::vector<std::string>& targets, const Labels& labels,
                                         int64_t classes);

}  // namespace attune::cli
