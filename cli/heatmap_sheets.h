// The contact sheets of `attune heatmap`: all inputs on few pages.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "render/contact_sheet.h"

namespace attune::cli {

// With several maps a row per input and a column per map; with one map a grid. Columns are told apart by their names,
// as not every input needs to have all of them.
class HeatmapSheets {
 public:
  struct Column {
    std::string name;    // of the map
    std::string target;  // as it was asked for; "" when there is but one
    bool operator==(const Column& other) const { return name == other.name && target == other.target; }
  };
  struct Row {
    std::string stem;
    std::string title;  // stem and the model's answer
    std::vector<SheetLine> notes;
    Image input;
    std::vector<std::pair<Column, SheetCell>> cells;
  };

  // At the size of a cell.
  static Image cell_picture(const Image& picture);

  void add(Row row);
  // Pages of an earlier run that these do not replace go, as they would pass for this run's.
  void write(const std::filesystem::path& folder) const;

 private:
  bool is_grid() const { return columns_.size() == 1; }
  std::vector<Image> pages() const;
  std::vector<Image> grid() const;

  std::vector<Column> columns_;  // in the order of their first appearance
  std::vector<Row> rows_;
  int64_t inputs_ = 0;
};

}  // namespace attune::cli
