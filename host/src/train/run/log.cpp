#include "train/run/log.h"

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <sys/stat.h>
#include <unistd.h>

#include <attune/sdk/error.h>

#include "base/csv.h"
#include "metrics/metric.h"
#include "render/plot.h"

namespace attune {
namespace {

// Of the steps, then of the validation part.
std::vector<std::string> all_columns() {
  std::vector<std::string> columns{"rate", "loss", "consistency_loss", "unlabelled_loss", "gradient_norm"};
  for (const Metric& metric : validation_metrics()) columns.push_back(validation_column(metric.name));
  return columns;
}

std::string header(std::vector<std::string> columns) {
  columns.insert(columns.begin(), {"stage", "epoch"});
  return csv_line(columns);
}

std::string line_of(const LogRow& row, const std::vector<std::string>& columns) {
  std::vector<std::string> fields{row.stage, std::to_string(row.epoch)};
  for (const std::string& column : columns) fields.push_back(csv_number(number_of(row.numbers, column)));
  return csv_line(fields);
}

LogRow parsed(const std::string& line, const std::vector<std::string>& columns) {
  const std::vector<std::string> fields = csv_fields(line);
  LogRow row;
  row.stage = fields[0];
  if (fields.size() > 1) row.epoch = std::strtoll(fields[1].c_str(), nullptr, 10);
  for (size_t i = 2; i < std::min(fields.size(), columns.size() + 2); ++i) {
    if (!fields[i].empty()) row.numbers.emplace_back(columns[i - 2], csv_value(fields[i]));
  }
  return row;
}

// What a header names behind stage and epoch.
std::vector<std::string> columns_of(const std::string& header) {
  std::vector<std::string> columns = csv_fields(header);
  columns.erase(columns.begin(), columns.begin() + std::min<std::ptrdiff_t>(2, std::ssize(columns)));
  return columns;
}

double merit_of(const std::string& select, int64_t epoch, const NamedNumbers& row) {
  const Metric* metric = selecting_metric(select);
  if (metric == nullptr) return static_cast<double>(epoch);
  const double value = number_of(row, validation_column(metric->name));
  return metric->better == Better::lower ? -value : value;
}

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

GrowingFile::GrowingFile(std::filesystem::path path, int64_t keep)
    : path_(std::move(path)),
      descriptor_(open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666)),
      size_(keep) {
  if (descriptor_ < 0) fail();
  struct stat status {};
  if (fstat(descriptor_, &status) != 0 || (status.st_size > keep && ftruncate(descriptor_, keep) != 0)) fail();
  if (status.st_size < keep) {
    close(descriptor_);
    throw Error(Fault::input, path_.string() + ": has " + std::to_string(status.st_size) + " bytes, but had " +
                                  std::to_string(keep) + " when the checkpoint was written");
  }
}

GrowingFile::~GrowingFile() {
  if (descriptor_ >= 0) close(descriptor_);
}

void GrowingFile::append(const std::string& text) {
  size_t done = 0;
  while (done < text.size()) {
    const ssize_t written = write(descriptor_, text.data() + done, text.size() - done);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) fail();
    done += static_cast<size_t>(written);
  }
  size_ += static_cast<int64_t>(text.size());
}

void GrowingFile::sync() {
  // Some file systems cannot flush a single file.
  if (fsync(descriptor_) != 0 && errno != EINVAL && errno != ENOTSUP) fail();
}

void GrowingFile::fail() const {
  throw Error(Fault::output, path_.string() + ": cannot be written: " + std::strerror(errno));
}

RunLog::RunLog(const std::filesystem::path& folder, Size keep)
    : csv_(folder / "log.csv", keep.csv), json_(folder / "log.jsonl", keep.json) {
  if (keep.csv == 0) csv_.append(header(all_columns()));
  std::ifstream stream(folder / "log.csv");
  std::string line;
  std::getline(stream, line);
  columns_ = columns_of(line);
  while (std::getline(stream, line)) epochs_.push_back(parsed(line, columns_));
}

void RunLog::step(const LogRow& row) { json_.append(json_line(row)); }

void RunLog::epoch(const LogRow& row) {
  csv_.append(line_of(row, columns_));
  json_.append(json_line(row));
  epochs_.push_back(row);
}

RunLog::Size RunLog::sync() {
  csv_.sync();
  json_.sync();
  return {csv_.size(), json_.size()};
}

double number_of(const NamedNumbers& numbers, const std::string& name) {
  const auto is_it = [&](const auto& number) { return number.first == name; };
  const auto found = std::find_if(numbers.begin(), numbers.end(), is_it);
  return found == numbers.end() ? std::numeric_limits<double>::quiet_NaN() : found->second;
}

std::string selecting_column(const std::string& select) {
  const Metric* metric = selecting_metric(select);
  return metric == nullptr ? "" : validation_column(metric->name);
}

bool selects_consistency(const std::string& select) {
  const Metric* metric = selecting_metric(select);
  return metric != nullptr && metric->needs_spec;
}

void Best::offer(const std::string& select, int64_t of, const NamedNumbers& row) {
  const double reached = merit_of(select, of, row);
  if (!std::isnan(merit) && !(reached > merit)) return;
  merit = reached;
  epoch = of;
}

std::vector<bool> chosen_epochs(const std::string& select, const std::vector<LogRow>& rows) {
  std::vector<bool> chosen(rows.size());
  for (size_t begin = 0, end = 0; begin < rows.size(); begin = end) {
    Best best;
    size_t of_best = rows.size();
    for (end = begin; end < rows.size() && rows[end].stage == rows[begin].stage; ++end) {
      if (rows[end].epoch == 0) continue;
      best.offer(select, rows[end].epoch, rows[end].numbers);
      if (best.epoch == rows[end].epoch) of_best = end;
    }
    if (of_best < rows.size()) chosen[of_best] = true;
  }
  return chosen;
}

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
  losses.push_back(panel("unlabelled loss", Scale::fitted, {{"training", "unlabelled_loss"}}));
  losses.push_back(panel("learning rate", Scale::logarithmic, {{"", "rate"}}));
  draw("curves_loss.png", "Losses and learning rate", std::move(losses));
  draw("curves_metrics.png", "Metrics of the validation part", {panel("", Scale::zero_to_one, scores)});
}

}  // namespace attune
