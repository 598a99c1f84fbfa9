// The sink that writes summary.json.

#include <ATen/TensorOperators.h>
#include <cmath>

#include "image/output_file.h"
#include "report/agreement.h"
#include "report/report.h"

namespace attune {
namespace {

Json or_null(const std::string& text) { return text.empty() ? Json() : Json(text); }

Json or_null(const std::optional<int64_t>& number) { return number ? Json(*number) : Json(); }

Json json_of(const ReportedMap& map, const ClassScore& explained) {
  Json json = {{"name", map.name},
               {"layer", or_null(map.layer())},
               {"target", json_of(explained)},
               {"shape", map.values.sizes().vec()},
               {"min", map.values.min().item<double>()},
               {"max", map.values.max().item<double>()},
               {"mean", map.values.mean().item<double>()},
               {"overlay", Json()},
               {"raw", Json()},
               {"raw_nifti", Json()}};
  for (const auto& [key, name] : map.files) json[key] = name;
  json["passes"] = Json();
  if (!map.cost().empty()) json["passes"] = {{"forward", map.forward_passes}, {"backward", map.backward_passes}};
  return json;
}

// Of each target with two maps or more: their names, and Pearson's coefficient of each pair; null where one is
// constant.
Json agreements_of(const SampleReport& report) {
  Json all = Json::array();
  for (size_t target = 0; target < report.targets.size(); ++target) {
    const Agreement agreement = agreement_of(report, target);
    if (agreement.names.size() < 2) continue;
    Json rows = Json::array();
    for (int64_t i = 0; i < agreement.values.size(0); ++i) {
      Json row = Json::array();
      for (int64_t j = 0; j < agreement.values.size(1); ++j) {
        const double value = agreement.values[i][j].item<double>();
        row.push_back(std::isnan(value) ? Json() : Json(value));
      }
      rows.push_back(row);
    }
    all.push_back({{"target", json_of(report.targets[target].about)}, {"maps", agreement.names}, {"pearson", rows}});
  }
  return all;
}

class Summary final : public Sink {
 public:
  Summary(const ReportOptions& options, std::ostream* copy) : Sink(options), copy_(copy) {}

  void add(const SampleReport& report) override {
    const Sample& sample = *report.sample;
    Json item = {{"input", sample.path},
                 {"index", or_null(sample.row)},
                 {"maps", Json::array()},
                 {"answer", json_of(report.answer)},
                 {"crop_box", Json()}};
    const Region& crop = sample.crop;
    if (!sample.pictures.empty()) item["crop_box"] = {crop.x, crop.y, crop.width, crop.height};
    for (const SampleTerm& term : report.terms) {
      item["terms"].push_back({{"name", term.name},
                               {"values", term.values},
                               {"degenerate", term.degenerate},
                               {"saturated", term.saturated}});
    }
    for (const ReportedMap& map : report.maps) {
      if (!map.repeated) item["maps"].push_back(json_of(map, report.targets[map.target].about));
    }
    item["agreement"] = agreements_of(report);
    items_.push_back(std::move(item));
  }

  void finish(const RunReport& run) override {
    Json failed = Json::array();
    for (const FailedInput& failure : run.failed) {
      failed.push_back({{"input", failure.path}, {"index", or_null(failure.row)}, {"error", failure.sentence}});
    }
    const std::string text = text_of({{"model", run.model},
                                      {"items", std::move(items_)},
                                      {"failed", failed},
                                      {"stopped", run.stopped},
                                      {"run", run.settings}});
    write_file(options_.folder / "summary.json", text);
    if (copy_ != nullptr) *copy_ << text;
  }

 private:
  std::ostream* copy_;
  Json items_ = Json::array();
};

}  // namespace

Json json_of(const ClassScore& score) {
  if (score.index < 0 && score.measure.empty()) return {};
  Json json = {{"index", score.index < 0 ? Json() : Json(score.index)},
               {"label", or_null(score.label)},
               {"score", score.score},
               {"probability", std::isnan(score.probability) ? Json() : Json(score.probability)}};
  if (!score.measure.empty()) json["measure"] = score.measure;
  return json;
}

std::unique_ptr<Sink> summary_file(const ReportOptions& options, std::ostream* copy) {
  return std::make_unique<Summary>(options, copy);
}

}  // namespace attune
