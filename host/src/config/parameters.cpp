#include "config/parameters.h"

#include <algorithm>
#include <type_traits>

#include "json/quoting.h"
#include "json/reader.h"

namespace attune {
namespace {

using Json = nlohmann::ordered_json;
using Kind = JsonNode::Kind;

bool has_type(ParameterType type, const JsonNode& node) {
  switch (type) {
    case ParameterType::integer:
      return node.kind == Kind::integer;
    case ParameterType::real:
      return node.is_number();
    case ParameterType::boolean:
      return node.kind == Kind::boolean;
    case ParameterType::choice_or_real:
      return node.is_number() || node.kind == Kind::string;
    case ParameterType::list:
    case ParameterType::layers:
      return node.kind == Kind::array;
    default:
      return node.kind == Kind::string;
  }
}

// "must be at least 1, not 0" with what stands in the file after "not".
std::string with_shown(const std::string& fault, const JsonNode& node) {
  return fault.empty() ? "" : fault.substr(0, fault.rfind(", not ")) + ", not " + shown(node);
}

// What a value of the wrong type should have been, in the words of the SDK, which has them for values that are wrong.
std::string type_fault(const ParameterDeclaration& declared, const JsonNode& node) {
  const bool is_free_text = declared.type == ParameterType::string || declared.type == ParameterType::layer ||
                            declared.type == ParameterType::map;
  const ParameterValue wrong = is_free_text ? ParameterValue(false) : ParameterValue(std::string());
  return with_shown(check_value(declared, wrong), node);
}

bool is_large_integer(const JsonNode& node) {
  return node.kind == Kind::real && node.text.find_first_of(".eE") == std::string::npos;
}

// Why a whole number beyond 64 bits is no value of an integer.
std::string large_integer_fault(const ParameterDeclaration& declared, const JsonNode& node) {
  ParameterDeclaration number = declared;
  number.type = ParameterType::real;
  const std::string fault = check_value(number, node.real);
  return with_shown(fault.empty() ? "must be an integer of 64 bits" : fault, node);
}

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

std::optional<ParameterValue> parameter_value(const ParameterDeclaration& declared, const JsonNode& node) {
  if (declared.type == ParameterType::layers && node.kind == Kind::array) {
    std::vector<std::string> names;
    for (const JsonNode& item : node.items) names.push_back(item.text);
    return names;
  }
  switch (node.kind) {
    case Kind::boolean:
      return node.boolean;
    case Kind::integer:
      return node.integer;
    case Kind::real:
      return node.real;
    case Kind::string:
      return node.text;
    case Kind::array: {
      std::vector<double> numbers;
      for (const JsonNode& item : node.items) {
        if (!item.is_number()) return std::nullopt;
        numbers.push_back(item.real);
      }
      return numbers;
    }
    default:
      return std::nullopt;
  }
}

bool must_be_given(const ParameterDeclaration& declared) {
  const auto* method = std::get_if<ComponentSpec>(&declared.default_value);
  if (method != nullptr) return method->id.empty();
  return declared.type == ParameterType::map && declared.default_value == ParameterValue(std::string());
}

std::string parameter_fault(const ParameterDeclaration& declared, const JsonNode& node) {
  if (declared.type == ParameterType::integer && is_large_integer(node)) return large_integer_fault(declared, node);
  const bool is_list = declared.type == ParameterType::list;
  if ((is_list || declared.type == ParameterType::layers) && node.kind == Kind::array) {
    const auto fits = [&](const JsonNode& item) { return is_list ? item.is_number() : item.kind == Kind::string; };
    const auto other = std::find_if_not(node.items.begin(), node.items.end(), fits);
    const std::string what = is_list ? "numbers" : "layers";
    if (other != node.items.end()) return "must be a list of " + what + ", but holds " + shown(*other);
  }
  if (!has_type(declared.type, node)) return type_fault(declared, node);
  if (node.kind != Kind::string) {
    const std::string fault = check_value(declared, *parameter_value(declared, node));
    return node.is_number() ? with_shown(fault, node) : fault;
  }
  const auto& choices = declared.choices;
  const bool is_choice = std::find(choices.begin(), choices.end(), node.text) != choices.end();
  return check_value(declared, is_choice ? node.text : shortened(node.text));
}

std::string unknown_parameter(const std::string& owner, const std::string& name,
                              const std::vector<std::string>& known) {
  return in_quotes(owner) + " has no parameter " + in_quotes(name) + "; it has " +
         (known.empty() ? "none" : quoted_list(known)) + nearest_of(name, known);
}

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

nlohmann::ordered_json value_schema(const ParameterDeclaration& declared) {
  Json schema = type_schema(declared);
  if (declared.type == ParameterType::list) {
    add_range(schema["items"], declared);
  } else if (declared.type == ParameterType::choice_or_real) {
    add_range(schema["anyOf"][1], declared);
  } else {
    add_range(schema, declared);
  }
  return schema;
}

nlohmann::ordered_json parameter_schema(const ParameterDeclaration& declared) {
  Json schema = value_schema(declared);
  schema["description"] = declared.help;
  if (!must_be_given(declared)) {
    schema["default"] = parameter_json(declared.default_value);
  }
  return schema;
}

}  // namespace attune
