#include "config/train_config.h"

#include "config/train_keys.h"

namespace attune {
namespace {

constexpr auto replace = nlohmann::detail::error_handler_t::replace;  // bytes that are no UTF-8

// The value at a pointer, as it may stand in a sentence.
std::string said(const Json& json, const Json::json_pointer& pointer) {
  return json.contains(pointer) ? shortened(json[pointer].dump(-1, ' ', true, replace)) : "not given";
}

// What is of no matter to a run's results, or is told apart.
constexpr const char* harmless[] = {"device", "threads", "checkpoint_seconds"};

Json spec_json(const NamedSpec& spec) {
  Json json = Json::parse(read_document(spec.file, "spec"), nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return json;
  json.erase(std::string("description"));
  json.erase(std::string("$schema"));
  return json;
}

}  // namespace

TrainConfig parse_train_config(const std::string& text, const std::string& name, const std::filesystem::path& folder,
                               const TrainContext& context) {
  return parse_object(train_table(&context), text, name, folder);
}

TrainConfig read_train_config(const std::filesystem::path& file, const TrainContext& context) {
  TrainConfig config = parse_train_config(read_document(file, "config"), file.string(), file.parent_path(), context);
  config.file = file;
  return config;
}

std::string train_schema() {
  Json schema = {{"$schema", "https://json-schema.org/draft/2020-12/schema"}, {"title", "attune training"}};
  schema.update(object_schema(train_table(nullptr)));
  return schema.dump(2) + "\n";
}

std::string resolved_config(const TrainConfig& config) {
  Json json = {{"version", 1}};
  json.update(written(train_table(nullptr).keys, config));
  return json.dump(2, ' ', false, replace) + "\n";
}

std::string essential_config(const TrainConfig& config) {
  Json json = Json::parse(resolved_config(config));
  for (const char* key : {"description", "output"}) json.erase(std::string(key));
  for (const char* key : harmless) json.erase(std::string(key));
  for (size_t i = 0; i < config.stages.size(); ++i) {
    if (config.stages[i].spec) json["stages"][i]["spec"] = spec_json(*config.stages[i].spec);
  }
  for (size_t i = 0; i < config.monitors.size(); ++i) json["monitors"][i]["spec"] = spec_json(config.monitors[i]);
  if (config.evaluate.maps) json["evaluate"]["maps"] = spec_json(*config.evaluate.maps);
  return json.dump(2, ' ', false, replace) + "\n";
}

std::vector<std::string> differences(const std::string& before, const std::string& now) {
  const auto parsed = [](const std::string& text) { return Json::parse(text, nullptr, /*allow_exceptions=*/false); };
  const Json old = parsed(before), current = parsed(now);
  std::vector<std::string> lines;
  for (const Json& difference : Json::diff(old, current)) {
    const auto path = difference["path"].get<std::string>();
    const Json::json_pointer pointer(path);
    lines.push_back(path + " was " + said(old, pointer) + " and is " + said(current, pointer) + " now");
  }
  return lines;
}

std::vector<std::string> harmless_differences(const TrainConfig& before, const TrainConfig& now) {
  const auto of = [](const TrainConfig& config) {
    const Json all = Json::parse(resolved_config(config));
    Json some;
    for (const char* key : harmless) some[key] = all[key];
    return some.dump();
  };
  return differences(of(before), of(now));
}

}  // namespace attune
