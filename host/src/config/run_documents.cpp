#include "config/run_documents.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "json/quoting.h"

namespace attune {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::pair<const char*, double Estimate::*> estimate_keys[] = {
    {"value", &Estimate::value}, {"low", &Estimate::low}, {"high", &Estimate::high}, {"p", &Estimate::p}};
constexpr std::pair<const char*, std::vector<EstimatesOf> Evaluation::*> list_keys[] = {
    {"classes", &Evaluation::classes}, {"maps", &Evaluation::maps}, {"terms", &Evaluation::terms}};

// JSON has no word for what is not finite.
Json number_or_null(double value) { return std::isfinite(value) ? Json(value) : Json(); }

void add(Json& json, const Estimates& estimates) {
  for (const auto& [name, estimate] : estimates) {
    for (const auto& [key, member] : estimate_keys) json[name][key] = number_or_null(estimate.*member);
    if (std::isnan(estimate.p)) json[name].erase(std::string("p"));
  }
}

// Of the members that are estimates.
Estimates estimates_of(const Json& json) {
  Estimates estimates;
  for (const auto& [name, member] : json.items()) {
    if (!member.is_object()) continue;
    Estimate estimate;
    for (const auto& [key, number] : estimate_keys) {
      if (member.contains(key) && member[key].is_number()) estimate.*number = member[key].get<double>();
    }
    estimates.emplace_back(name, estimate);
  }
  return estimates;
}

// Bytes that are no UTF-8 (names of files may hold any) become the replacement character.
std::string written(const Json& json) {
  return json.dump(2, ' ', false, nlohmann::detail::error_handler_t::replace) + "\n";
}

}  // namespace

Json evaluation_json(const Evaluation& evaluation) {
  Json json = {{"samples", evaluation.samples}, {"metrics", Json::object()}};
  add(json["metrics"], evaluation.metrics);
  for (const auto& [key, list] : list_keys) {
    for (const EstimatesOf& of : evaluation.*list) {
      Json entry = {{"name", of.name}, {"count", of.count}};
      add(entry, of.estimates);
      json[key].push_back(std::move(entry));
    }
  }
  return json;
}

Evaluation evaluation_of(const Json& json) {
  Evaluation evaluation;
  evaluation.samples = json["samples"].get<int64_t>();
  evaluation.metrics = estimates_of(json["metrics"]);
  for (const auto& [key, list] : list_keys) {
    if (!json.contains(key)) continue;
    for (const Json& entry : json[key]) {
      (evaluation.*list)
          .push_back({entry["name"].get<std::string>(), entry["count"].get<int64_t>(), estimates_of(entry)});
    }
  }
  return evaluation;
}

std::string json_line(const LogRow& row) {
  Json json = {{"stage", row.stage}, {"epoch", row.epoch}};
  if (row.step > 0) json["step"] = row.step;
  for (const auto& [name, value] : row.numbers) json[name] = number_or_null(value);
  return json.dump() + "\n";
}

std::string inputs_document(const RunInputs& inputs) {
  Json json;
  for (const auto& [pointer, hash] : inputs) json[Json::json_pointer(pointer)] = hash;
  return written(json);
}

std::vector<std::string> changed_inputs(const std::string& document, const RunInputs& now) {
  const Json before = Json::parse(document, nullptr, /*allow_exceptions=*/false);
  std::vector<std::string> lines;
  for (const auto& [pointer, hash] : now) {
    const Json::json_pointer at(pointer);
    if (!before.contains(at) || before[at] == hash) continue;
    lines.push_back(pointer + " was " + one_line(before[at].dump()) + " and is \"" + hash + "\" now");
  }
  return lines;
}

std::string stage_results(const StageResult& result) {
  Json json = {{"name", result.name},     {"strategy", result.strategy}, {"model", result.model},
               {"epoch", result.epoch},   {"epochs", result.epochs},     {"steps", result.steps},
               {"splits", Json::object()}};
  for (const auto& [split, evaluation] : result.splits) json["splits"][split] = evaluation_json(evaluation);
  return written(json);
}

std::string run_results(const std::string& select, const std::vector<std::string>& stages,
                        const std::vector<std::pair<std::string, std::string>>& problems) {
  Json json = {{"select", select}, {"stages", Json::array()}, {"problems", Json::array()}};
  for (const std::string& stage : stages) json["stages"].push_back(Json::parse(stage));
  for (const auto& [path, sentence] : problems) json["problems"].push_back({{"path", path}, {"message", sentence}});
  return written(json);
}

}  // namespace attune
