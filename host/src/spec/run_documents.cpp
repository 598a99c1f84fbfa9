#include "spec/run_documents.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "spec/json_number.h"
#include "spec/quoting.h"

namespace attune {
namespace {

using Json = nlohmann::ordered_json;

Json preprocess_json(const PreprocessText& text) {
  Json json = Json::object();
  if (text.size) json["size"] = *text.size;
  if (text.crop) json["crop"] = *text.crop;
  if (text.mean) json["mean"] = *text.mean;
  if (text.std) json["std"] = *text.std;
  return json;
}

// Bytes that are no UTF-8 (names of files may hold any) become the replacement character.
std::string written(const Json& json) {
  return json.dump(2, ' ', false, nlohmann::detail::error_handler_t::replace) + "\n";
}

}  // namespace

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

std::string sidecar_text(const Sidecar& sidecar) {
  Json json = {{"labels", sidecar.labels},
               {"task", sidecar.multi_label ? "multi_label" : "single_label"},
               {"preprocess", preprocess_json(sidecar.preprocess)}};
  if (sidecar.output != "auto") json["output"] = sidecar.output;
  if (sidecar.layer != "auto") json["layer"] = sidecar.layer;
  if (sidecar.layout != "auto") json["layout"] = sidecar.layout;
  if (sidecar.frames) json["frames"] = *sidecar.frames;
  if (sidecar.frames_per_second) json["frames_per_second"] = *sidecar.frames_per_second;
  return written(json);
}

}  // namespace attune
