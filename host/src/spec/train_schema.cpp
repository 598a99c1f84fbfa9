// The JSON Schema of training configs, made from the settings that their reader reads.

#include <set>

#include "spec/parameter_schema.h"
#include "spec/train_config.h"
#include "spec/train_settings.h"

namespace attune {
namespace {

using Json = nlohmann::ordered_json;

// Settings whose default depends on others, or that stand for nothing when they are not given.
const std::set<std::string> without_default = {"description",
                                               "model",
                                               "output",
                                               "root",
                                               "train",
                                               "validate",
                                               "test",
                                               "task",
                                               "name",
                                               "loss",
                                               "spec",
                                               "maps",
                                               "epochs",
                                               "steps",
                                               "frames_per_second",
                                               "samples_per_class"};

Json object_of(const Settings& settings, Json others = Json::object(), Json required = Json::array()) {
  Json properties = Json::object();
  for (const Setting& setting : settings) {
    Json schema = parameter_schema(setting.declared);
    if (without_default.count(setting.declared.name) != 0) schema.erase("default");
    properties[setting.declared.name] = schema;
    if (setting.required) required.push_back(setting.declared.name);
  }
  for (const auto& [name, schema] : others.items()) properties[name] = schema;
  Json object = {{"type", "object"}, {"properties", properties}, {"additionalProperties", false}};
  if (!required.empty()) object["required"] = required;
  return object;
}

Json any_part(const PartDeclarations& parts) {
  Json choices = {{{"enum", names_of(parts)}}};
  for (const PartDeclaration& part : parts) {
    Settings settings;
    for (const ParameterDeclaration& parameter : part.parameters) settings.push_back({parameter});
    Json object = object_of(settings, {{"use", {{"const", part.name}}}}, {"use"});
    object["description"] = part.help;
    choices.push_back(object);
  }
  return {{"anyOf", choices}};
}

Json reference(const std::string& name) { return {{"$ref", "#/$defs/" + name}}; }

Json list_of(const Json& items, int least = 1) { return {{"type", "array"}, {"items", items}, {"minItems", least}}; }

Json data_schema() { return object_of(data_settings(), {{"classes", list_of({{"type", "string"}})}}); }

Json head_schema() {
  const Json classes = {{"anyOf", {{{"const", "from_data"}}, {{"type", "integer"}, {"minimum", 1}}}}};
  return {{"type", "object"},
          {"properties", {{"layer", {{"type", "string"}}}, {"classes", classes}}},
          {"required", {"layer"}},
          {"additionalProperties", false}};
}

Json stage_schema() {
  Json schema = object_of(stage_settings(), {{"optimizer", reference("optimizer")},
                                             {"consistency_optimizer", reference("optimizer")},
                                             {"schedule", any_part(schedules())},
                                             {"freeze", list_of({{"type", "string"}})},
                                             {"data", reference("data")},
                                             {"augment", reference("augment")}});
  const auto needs = [](const char* key) { return Json{{"required", {key}}}; };
  schema["oneOf"] = {needs("epochs"), needs("steps")};
  return schema;
}

Json monitor_schema() {
  const Json named = {{"type", "object"},
                      {"properties", {{"name", {{"type", "string"}}}, {"spec", {{"type", "string"}}}}},
                      {"required", {"spec"}},
                      {"additionalProperties", false}};
  return {{"anyOf", {{{"type", "string"}}, named}}};
}

}  // namespace

std::string train_schema() {
  Json schema = object_of(run_settings(),
                          {{"$schema", {{"type", "string"}}},
                           {"version", {{"const", 1}}},
                           {"head", head_schema()},
                           {"data", reference("data")},
                           {"input", object_of(input_settings())},
                           {"augment", reference("augment")},
                           {"evaluate", object_of(evaluate_settings())},
                           {"monitors", list_of(monitor_schema())},
                           {"stages", list_of(stage_schema())}},
                          {"version", "data"});
  schema["$defs"] = {{"data", data_schema()},
                     {"optimizer", any_part(optimizers())},
                     {"augment", list_of(any_part(augmentations()), 0)}};
  Json titled = {{"$schema", "https://json-schema.org/draft/2020-12/schema"}, {"title", "attune training"}};
  titled.update(schema);
  return titled.dump(2) + "\n";
}

}  // namespace attune
