#include "spec/evaluation.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "spec/json_number.h"

namespace attune {
namespace {

using Json = nlohmann::ordered_json;

Json estimate_json(const Estimate& estimate) {
  Json json = {{"value", number_or_null(estimate.value)}, {"low", number_or_null(estimate.low)}, {"high", number_or_null(estimate.high)}};
  if (!std::isnan(estimate.p)) json["p"] = estimate.p;
  return json;
}

void add(Json& json, const Estimates& estimates) {
  for (const auto& [name, estimate] : estimates) json[name] = estimate_json(estimate);
}

void add_list(Json& json, const char* key, const std::vector<EstimatesOf>& list) {
  for (const EstimatesOf& of : list) {
    Json entry = {{"name", of.name}, {"count", of.count}};
    add(entry, of.estimates);
    json[key].push_back(std::move(entry));
  }
}

}  // namespace

Json evaluation_json(const Evaluation& evaluation) {
  Json json = {{"samples", evaluation.samples}, {"metrics", Json::object()}};
  add(json["metrics"], evaluation.metrics);
  add_list(json, "classes", evaluation.classes);
  add_list(json, "maps", evaluation.maps);
  add_list(json, "terms", evaluation.terms);
  return json;
}

}  // namespace attune
