#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "metrics/metric.h"
#include "render/plot.h"
#include "train/run/log.h"
#include "train/run/selection.h"

namespace attune {
namespace {

// A run's epochs on one axis. A stage begins where the one before ends: its epoch 0 is the model that was handed on.
struct RunAxis {
  std::vector<double> x;  // of every row of the log
  std::vector<Span> stages;
  Marks chosen{"chosen epoch", {}};
};

RunAxis axis_of(const std::vector<LogRow>& epochs, const std::string& select) {
  RunAxis axis;
  const std::vector<bool> chosen = chosen_epochs(select, epochs);
  for (size_t i = 0; i < epochs.size(); ++i) {
    if (i == 0 || epochs[i].stage != epochs[i - 1].stage) {
      const double begin = i == 0 ? 0 : axis.x.back();
      axis.stages.push_back({begin, begin, epochs[i].stage});
    }
    Span& stage = axis.stages.back();
    stage.to = stage.from + static_cast<double>(epochs[i].epoch);
    axis.x.push_back(stage.to);
    if (chosen[i]) axis.chosen.x.push_back(stage.to);
  }
  return axis;
}

// A column of the log, with a gap between stages; without values where the log has none.
Curve curve_of(const std::string& name, const std::string& column, const std::vector<LogRow>& epochs,
               const RunAxis& axis) {
  Curve curve{name, {}, {}, name == "validation"};
  bool any = false;
  for (size_t i = 0; i < epochs.size(); ++i) {
    if (i > 0 && epochs[i].stage != epochs[i - 1].stage) {
      curve.x.push_back(axis.x[i]);
      curve.y.push_back(std::numeric_limits<double>::quiet_NaN());
    }
    curve.x.push_back(axis.x[i]);
    curve.y.push_back(number_of(epochs[i].numbers, column));
    any = any || !std::isnan(curve.y.back());
  }
  if (!any) return {name, {}, {}, false};
  return curve;
}

}  // namespace

void draw_curves(const std::filesystem::path& folder, const std::vector<LogRow>& epochs, const std::string& select) {
  const RunAxis axis = axis_of(epochs, select);
  const auto panel = [&](const std::string& label, Panel::Scale scale,
                         const std::vector<std::pair<std::string, std::string>>& columns) {
    Panel made{{}, label, scale};
    for (const auto& [name, column] : columns) {
      Curve curve = curve_of(name, column, epochs, axis);
      if (!curve.x.empty()) made.curves.push_back(std::move(curve));
    }
    return made;
  };
  const auto draw = [&](const char* file, const char* title, std::vector<Panel> panels) {
    std::erase_if(panels, [](const Panel& some) { return some.curves.empty(); });
    if (panels.empty()) return;
    const auto height = static_cast<int64_t>(200 + 240 * panels.size());
    draw_panels(panels, axis.stages, axis.chosen, {title, "epoch", "", 960, height}).write(folder / file);
  };
  using Scale = Panel::Scale;
  std::vector<Panel> losses;
  std::vector<std::pair<std::string, std::string>> scores;
  for (const Metric& metric : validation_metrics()) {
    const std::string column = validation_column(metric.name);
    if (metric.better == Better::higher) {
      scores.emplace_back(metric.title, column);
    } else {
      losses.push_back(panel(metric.title, Scale::fitted, {{"training", metric.name}, {"validation", column}}));
    }
  }
  losses.push_back(panel("learning rate", Scale::logarithmic, {{"", "rate"}}));
  draw("curves_loss.png", "Losses and learning rate", std::move(losses));
  draw("curves_metrics.png", "Metrics of the validation part", {panel("", Scale::zero_to_one, scores)});
}

}  // namespace attune
