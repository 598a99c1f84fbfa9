#include "spec/evaluation.h"

#include <cmath>
#include <nlohmann/json.hpp>

namespace attune {
namespace {

using Json = nlohmann::ordered_json;

Json number(double value) { return std::isfinite(value) ? Json(value) : Json(); }

Json estimate_json(const Estimate& estimate) {
  Json json = {{"value", number(estimate.value)}, {"low", number(estimate.low)}, {"high", number(estimate.high)}};
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
