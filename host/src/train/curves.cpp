#include "train/curves.h"

#include <limits>
#include <string>

#include "image/image.h"
#include "render/plot.h"

namespace attune {
namespace {

constexpr double no_value = std::numeric_limits<double>::quiet_NaN();

double value_of(const LogRow& row, const std::string& name) {
  for (const auto& [known, value] : row.numbers) {
    if (known == name) return value;
  }
  return no_value;
}

// The column's name as its curve's, in words.
std::string words(std::string name) {
  for (char& c : name) c = c == '_' ? ' ' : c;
  return name;
}

std::vector<Curve> curves_of(const std::vector<LogRow>& epochs, const std::vector<std::string>& names) {
  std::vector<Curve> curves;
  for (const std::string& name : names) {
    Curve curve{words(name), {}, {}, name.rfind("validation", 0) == 0};
    bool any = false;
    for (size_t i = 0; i < epochs.size(); ++i) {
      curve.x.push_back(static_cast<double>(i));
      curve.y.push_back(value_of(epochs[i], name));
      any = any || curve.y.back() == curve.y.back();
    }
    if (any) curves.push_back(std::move(curve));
  }
  return curves;
}

std::string stages_of(const std::vector<LogRow>& epochs) {
  std::string stages;
  for (size_t i = 0; i < epochs.size(); ++i) {
    if (i > 0 && epochs[i].stage == epochs[i - 1].stage) continue;
    stages += (stages.empty() ? "" : ", ") + epochs[i].stage + " from " + std::to_string(i);
  }
  return stages;
}

}  // namespace

void draw_curves(const std::filesystem::path& folder, const std::vector<LogRow>& epochs) {
  const std::string x_label = "epoch (" + stages_of(epochs) + ")";
  const auto draw = [&](const char* file, const char* title, const std::vector<std::string>& names) {
    const std::vector<Curve> curves = curves_of(epochs, names);
    if (curves.empty()) return;
    Chart chart;
    chart.title = title;
    chart.x_label = x_label;
    write_png(folder / file, draw_curves(curves, chart));
  };
  draw("curves_loss.png", "Losses", {"loss", "validation_loss", "consistency_loss", "validation_consistency_loss"});
  draw("curves_metrics.png", "Validation",
       {"validation_mean_average_precision", "validation_f1_macro", "validation_f1_micro", "validation_accuracy"});
}

}  // namespace attune
