#include "spec/evaluation.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "spec/json_number.h"

namespace attune {
namespace {

using Json = nlohmann::ordered_json;

Json estimate_json(const Estimate& estimate) {
  Json json = {{"value", number_or_null(estimate.value)},
               {"low", number_or_null(estimate.low)},
               {"high", number_or_null(estimate.high)}};
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

double number_at(const Json& json, const char* key) {
  return json.contains(key) && json[key].is_number() ? json[key].get<double>() : Estimate().value;
}

// Of the members that are estimates.
Estimates estimates_of(const Json& json) {
  Estimates estimates;
  for (const auto& [name, member] : json.items()) {
    if (!member.is_object()) continue;
    const Estimate estimate{number_at(member, "value"), number_at(member, "low"), number_at(member, "high"),
                            number_at(member, "p")};
    estimates.emplace_back(name, estimate);
  }
  return estimates;
}

std::vector<EstimatesOf> list_of(const Json& json, const char* key) {
  std::vector<EstimatesOf> list;
  if (!json.contains(key)) return list;
  for (const Json& entry : json[key]) {
    list.push_back({entry["name"].get<std::string>(), entry["count"].get<int64_t>(), estimates_of(entry)});
  }
  return list;
}

}  // namespace

Evaluation evaluation_of(const Json& json) {
  return {json["samples"].get<int64_t>(), estimates_of(json["metrics"]), list_of(json, "classes"),
          list_of(json, "maps"), list_of(json, "terms")};
}

Json evaluation_json(const Evaluation& evaluation) {
  Json json = {{"samples", evaluation.samples}, {"metrics", Json::object()}};
  add(json["metrics"], evaluation.metrics);
  add_list(json, "classes", evaluation.classes);
  add_list(json, "maps", evaluation.maps);
  add_list(json, "terms", evaluation.terms);
  return json;
}

}  // namespace attune
