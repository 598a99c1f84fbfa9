// The JSON Schema of training configs, made from the settings that their reader reads.

#include <set>

#include "spec/parameter_schema.h"
#include "spec/rules.h"
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
                                               "size",
                                               "crop",
                                               "mean",
                                               "std",
                                               "frames",
                                               "samples_per_class",
                                               "frames_per_second"};

Json object_of(const Settings& settings, Json others = Json::object(), Json required = Json::array()) {
  Json properties = Json::object();
  for (const Setting& setting : settings) {
    Json schema = parameter_schema(setting.declared);
    if (without_default.count(setting.declared.name) != 0) schema.erase("default");
    if (setting.required) required.push_back(setting.declared.name);
    if (setting.required && schema.value("type", "") == "string") schema["minLength"] = 1;
    if (setting.or_one) {
      schema["anyOf"] = {{{"minItems", 1}, {"maxItems", 1}},
                         {{"minItems", setting.length}, {"maxItems", setting.length}}};
    } else if (setting.length > 0) {
      schema["minItems"] = schema["maxItems"] = setting.length;
    }
    if (setting.items == ParameterType::integer) schema["items"]["type"] = "integer";
    properties[setting.declared.name] = schema;
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

Json needs(const std::string& key) { return {{"required", {key}}}; }

// An object whose key has a value that fits.
Json has(const std::string& key, const Json& value) { return {{"properties", {{key, value}}}, {"required", {key}}}; }

Json if_then(const Json& condition, const Json& consequence) { return {{"if", condition}, {"then", consequence}}; }

Json data_schema() {
  const Json text = {{"type", "string"}, {"minLength", 1}};
  Json schema = object_of(data_settings(), {{"classes", list_of({{"type", "string"}})}});
  schema["properties"]["classes"]["uniqueItems"] = true;
  schema["allOf"] = {if_then(has("format", {{"enum", {"voc", "csv"}}}), has("train", text)),
                     if_then(has("format", {{"const", "voc"}}), {{"properties", {{"clips", {{"const", false}}}}}}),
                     if_then(has("validate", text), {{"properties", {{"hold_out", {{"const", 0}}}}}}),
                     if_then(needs("too_few"), needs("samples_per_class"))};
  return schema;
}

Json labelled() {
  Json schema = reference("data");
  schema["properties"]["format"] = {{"not", {{"const", "images"}}}};
  return schema;
}

Json unlabelled() {
  Json schema = reference("data");
  for (const std::string& key : label_keys()) schema["properties"][key] = false;
  return schema;
}

Json head_schema() {
  const Json classes = {{"anyOf", {{{"const", "from_data"}}, {{"type", "integer"}, {"minimum", 1}}}}};
  return {{"type", "object"},
          {"properties", {{"layer", {{"type", "string"}, {"minLength", 1}}}, {"classes", classes}}},
          {"required", {"layer"}},
          {"additionalProperties", false}};
}

Json stage_schema() {
  Json schema = object_of(stage_settings(), {{"optimizer", reference("optimizer")},
                                             {"consistency_optimizer", reference("optimizer")},
                                             {"schedule", any_part(schedules())},
                                             {"freeze", list_of({{"type", "string"}})},
                                             {"unfreeze", list_of({{"type", "string"}})},
                                             {"data", unlabelled()},
                                             {"augment", reference("augment")}});
  schema["properties"]["name"]["pattern"] = name_pattern;
  schema["oneOf"] = {needs("epochs"), needs("steps")};
  for (const StageKey& known : stage_keys()) {
    const Json strategy = {{"enum", known.strategies}};
    schema["allOf"].push_back(if_then(needs(known.key), {{"properties", {{"strategy", strategy}}}}));
    if (known.key == "spec") schema["allOf"].push_back(if_then(has("strategy", strategy), needs("spec")));
  }
  return schema;
}

Json monitor_schema() {
  const Json named = {
      {"type", "object"},
      {"properties", {{"name", {{"type", "string"}, {"pattern", name_pattern}}}, {"spec", {{"type", "string"}}}}},
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
                           {"data", labelled()},
                           {"input", object_of(input_settings())},
                           {"augment", reference("augment")},
                           {"evaluate", object_of(evaluate_settings())},
                           {"monitors", list_of(monitor_schema())},
                           {"stages", list_of(stage_schema())}},
                          {"version", "data"});
  schema["properties"]["device"]["pattern"] = device_pattern;
  schema["$defs"] = {{"data", data_schema()},
                     {"optimizer", any_part(optimizers())},
                     {"augment", list_of(any_part(augmentations()), 0)}};
  Json titled = {{"$schema", "https://json-schema.org/draft/2020-12/schema"}, {"title", "attune training"}};
  titled.update(schema);
  return titled.dump(2) + "\n";
}

}  // namespace attune
