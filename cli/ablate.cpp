// attune ablate: which consistency losses go along with the validation loss while a model is trained.

#include <algorithm>
#include <cmath>
#include <iostream>
#include <limits>
#include <optional>

#include "base/csv.h"
#include "base/numbers.h"
#include "commands.h"
#include "image/output_file.h"
#include "render/plot.h"
#include "report/json.h"
#include "session.h"
#include "train/run/ablation.h"
#include "training_run.h"

namespace attune::cli {
namespace {

constexpr double none = std::numeric_limits<double>::quiet_NaN();

// The coefficients of monitors, in percent: one row for each way to match and one column for each way to compare, where
// the names tell both ("atcon_pool_ssim"); otherwise a row for each monitor.
struct Table {
  std::string corner;
  std::vector<std::string> columns;
  std::vector<std::pair<std::string, std::vector<double>>> rows;  // NaN: none
};

const std::vector<std::string>& comparisons() {
  static const std::vector<std::string> names = {"pearson", "cross_correlation", "ssim"};
  return names;
}

bool ends_with(const std::string& text, const std::string& end) {
  return text.size() > end.size() && text.compare(text.size() - end.size(), end.size(), end) == 0;
}

// "atcon_pool_ssim": the column of "ssim", and "atcon_pool".
std::optional<std::pair<size_t, std::string>> parts_of(const std::string& monitor) {
  for (size_t i = 0; i < comparisons().size(); ++i) {
    const std::string end = "_" + comparisons()[i];
    if (ends_with(monitor, end)) return std::pair(i, monitor.substr(0, monitor.size() - end.size()));
  }
  return std::nullopt;
}

// What the specs that ship match; of others, their own name.
std::string words(const std::string& match) {
  static const std::vector<std::pair<std::string, std::string>> known = {{"upsample", "Grad-CAM upsampled"},
                                                                         {"pool", "guided backpropagation pooled"},
                                                                         {"gb_mask", "guided backpropagation as mask"},
                                                                         {"gradcam_mask", "Grad-CAM as mask"}};
  for (const auto& [end, name] : known) {
    if (match == "atcon_" + end) return name;
    if (match == "atcon_reference_" + end) return name + " (published code)";
  }
  return match;
}

Table list_of(const Ablation& ablation, const std::vector<double>& values) {
  Table table{"loss", {"correlation"}, {}};
  for (size_t i = 0; i < values.size(); ++i) table.rows.push_back({ablation.monitors[i], {100 * values[i]}});
  return table;
}

Table table_of(const Ablation& ablation, const std::vector<double>& values) {
  Table table{"match", {"Pearson", "cross-correlation", "SSIM"}, {}};
  for (size_t i = 0; i < values.size(); ++i) {
    const auto parts = parts_of(ablation.monitors[i]);
    if (!parts) return list_of(ablation, values);
    const auto is_it = [&, name = words(parts->second)](const auto& row) { return row.first == name; };
    auto row = std::find_if(table.rows.begin(), table.rows.end(), is_it);
    if (row == table.rows.end()) {
      row = table.rows.insert(row, {words(parts->second), std::vector<double>(table.columns.size(), none)});
    }
    row->second[parts->first] = 100 * values[i];
  }
  return table;
}

std::string markdown(const Table& table) {
  std::string head = "| " + table.corner + " |", line = "|---|", rows;
  for (const std::string& column : table.columns) {
    head += " " + column + " |";
    line += "---:|";
  }
  for (const auto& [name, values] : table.rows) {
    rows += "| " + name + " |";
    for (const double value : values) rows += " " + fixed(value, 1) + " |";
    rows += "\n";
  }
  return head + "\n" + line + "\n" + rows;
}

std::string csv(const Ablation& ablation, const std::vector<double>& values) {
  std::string text = csv_line({"loss", "correlation"});
  for (size_t i = 0; i < values.size(); ++i) text += csv_line({ablation.monitors[i], csv_number(values[i])});
  return text;
}

// Brought to 0 to 1, so that losses of different sizes share one picture.
Curve rescaled(const std::string& name, const std::vector<double>& values, bool bold) {
  const auto [least, greatest] = std::minmax_element(values.begin(), values.end());
  Curve curve{name, {}, {}, bold};
  for (size_t i = 0; i < values.size(); ++i) {
    curve.x.push_back(static_cast<double>(i + 1));
    curve.y.push_back(*greatest > *least ? (values[i] - *least) / (*greatest - *least) : 0.5);
  }
  return curve;
}

Drawing drawing_of_curves(const Ablation& ablation) {
  std::vector<double> values;
  for (const AblationEpoch& epoch : ablation.epochs) values.push_back(epoch.loss);
  std::vector<Curve> curves{rescaled("validation loss", values, true)};
  for (size_t i = 0; i < ablation.monitors.size(); ++i) {
    values.clear();
    for (const AblationEpoch& epoch : ablation.epochs) values.push_back(epoch.losses[i]);
    curves.push_back(rescaled(ablation.monitors[i], values, false));
  }
  return draw_curves(curves,
                     {"Consistency losses and the validation loss", "epoch", "each rescaled to 0..1", 1200, 600});
}

Drawing drawing_of_bars(const Table& table) {
  std::vector<BarGroup> groups;
  for (const auto& [name, values] : table.rows) groups.push_back({name, values, {}, {}});
  return draw_bars(table.columns, groups,
                   {"Correlation with the validation loss", "", "Pearson's coefficient in %", 1200, 600});
}

Json json_of(const Ablation& ablation, const std::vector<double>& values) {
  Json monitors = Json::array(), epochs = Json::array();
  for (size_t i = 0; i < values.size(); ++i) {
    monitors.push_back(
        {{"name", ablation.monitors[i]}, {"correlation", std::isnan(values[i]) ? Json() : Json(values[i])}});
  }
  for (const AblationEpoch& epoch : ablation.epochs) {
    epochs.push_back(
        {{"stage", epoch.stage}, {"epoch", epoch.epoch}, {"validation_loss", epoch.loss}, {"losses", epoch.losses}});
  }
  return {{"monitors", monitors}, {"epochs", epochs}};
}

void write_results(const std::filesystem::path& folder, const Ablation& ablation, const Table& table,
                   const std::vector<double>& values) {
  write_file(folder / "ablation.md", markdown(table));
  write_file(folder / "ablation.csv", csv(ablation, values));
  write_file(folder / "ablation.json", text_of(json_of(ablation, values)));
  drawing_of_bars(table).write(folder / "ablation.png");
  drawing_of_curves(ablation).write(folder / "ablation_curves.png");
}

}  // namespace

int ablate(const TrainOptions& options) {
  const Catalogue catalogue = load_catalogue(options.plugin_dirs);
  const TrainConfig config = training_config(options, catalogue);
  const Ablation ablation = run_ablation(config, catalogue, options.resume, watched_run(config));
  if (ablation.ending == attune::Ending::stopped) return say_stopped("ablate", options);

  const std::vector<double> values = correlations(ablation);
  const Table table = table_of(ablation, values);
  write_results(config.output, ablation, table, values);
  if (options.json) {
    print(json_of(ablation, values));
    return 0;
  }
  std::cout << "Pearson's coefficient, in percent, of each consistency loss with the validation loss over "
            << ablation.epochs.size() << " epochs\n\n"
            << markdown(table) << "\nTables and curves lie in " << config.output.string() << '\n';
  return 0;
}

}  // namespace attune::cli
