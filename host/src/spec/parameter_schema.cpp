#include "spec/parameter_schema.h"

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
    default:
      return {{"type", "string"}};
  }
}

}  // namespace

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
    std::visit([&](const auto& value) { schema["default"] = value; }, declared.default_value);
  }
  return schema;
}

}  // namespace attune
