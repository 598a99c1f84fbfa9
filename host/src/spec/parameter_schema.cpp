#include "spec/parameter_schema.h"

#include <type_traits>

#include "spec/rules.h"

namespace attune {
namespace {

using Json = nlohmann::ordered_json;

void add_range(Json& schema, const ParameterDeclaration& declared) {
  if (declared.minimum) schema["minimum"] = *declared.minimum;
  if (declared.maximum) schema["maximum"] = *declared.maximum;
}

Json type_schema(const ParameterDeclaration& declared) {
  switch (declared.type) {
    case ParameterType::integer:
      return {{"type", "integer"}};
    case ParameterType::real:
      return {{"type", "number"}};
    case ParameterType::boolean:
      return {{"type", "boolean"}};
    case ParameterType::choice:
      return {{"enum", declared.choices}};
    case ParameterType::choice_or_real:
      return {{"anyOf", {{{"enum", declared.choices}}, {{"type", "number"}}}}};
    case ParameterType::list:
      return {{"type", "array"}, {"items", {{"type", "number"}}}};
    case ParameterType::layers:
      return {{"type", "array"}, {"items", {{"type", "string"}}}, {"uniqueItems", true}};
    case ParameterType::method:
      return {{"$ref", "#/$defs/nested_method"}};
    default:
      return {{"type", "string"}};
  }
}

}  // namespace

nlohmann::ordered_json parameter_json(const ParameterValue& value) {
  const auto as_json = [](const auto& held) -> Json {
    if constexpr (std::is_same_v<std::decay_t<decltype(held)>, ComponentSpec>) {
      if (held.parameters.empty()) return held.id;
      Json json = {{"use", held.id}};
      for (const auto& [name, parameter] : held.parameters) json[name] = parameter_json(parameter);
      return json;
    } else {
      return held;
    }
  };
  return std::visit(as_json, value);
}

nlohmann::ordered_json parameter_schema(const ParameterDeclaration& declared) {
  Json schema = type_schema(declared);
  if (declared.type == ParameterType::list) {
    add_range(schema["items"], declared);
  } else if (declared.type == ParameterType::choice_or_real) {
    add_range(schema["anyOf"][1], declared);
  } else {
    add_range(schema, declared);
  }
  schema["description"] = declared.help;
  if (!must_be_given(declared)) {
    schema["default"] = parameter_json(declared.default_value);
  }
  return schema;
}

}  // namespace attune
