// Single parameter values: checked against their declaration, read from text and written as text.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <type_traits>

#include <attune/sdk/error.h>
#include <attune/sdk/parameters.h>

namespace attune {
namespace {

std::string quoted(const std::string& text) { return '"' + text + '"'; }

std::string quoted_names(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + quoted(name);
  return text;
}

std::string number_text(double value) {
  char buffer[32];
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, value).ptr;
  return {buffer, end};
}

// What a person must write for the declared type: "an integer", "true or false".
std::string expectation(ParameterType type) {
  switch (type) {
    case ParameterType::integer:
      return "an integer";
    case ParameterType::real:
      return "a number";
    case ParameterType::choice_or_real:
      return "a word or a number";
    case ParameterType::boolean:
      return "true or false";
    case ParameterType::list:
      return "a list of numbers";
    case ParameterType::layer:
      return "the name of a layer";
    case ParameterType::map:
      return "the name of a map";
    case ParameterType::layers:
      return "a list of layers";
    case ParameterType::method:
      return "a method";
    default:
      return "a string";
  }
}

bool is_text(ParameterType type) {
  return type == ParameterType::string || type == ParameterType::choice || type == ParameterType::layer ||
         type == ParameterType::map;
}

bool has_type(ParameterType type, const ParameterValue& value) {
  if (is_text(type)) return std::holds_alternative<std::string>(value);
  switch (type) {
    case ParameterType::integer:
      return std::holds_alternative<int64_t>(value);
    case ParameterType::choice_or_real:
      if (std::holds_alternative<std::string>(value)) return true;
      [[fallthrough]];
    case ParameterType::real:
      return std::holds_alternative<double>(value) || std::holds_alternative<int64_t>(value);
    case ParameterType::boolean:
      return std::holds_alternative<bool>(value);
    case ParameterType::layers:
      return std::holds_alternative<std::vector<std::string>>(value);
    case ParameterType::method:
      return std::holds_alternative<ComponentSpec>(value);
    default:
      return std::holds_alternative<std::vector<double>>(value);
  }
}

std::string shown(const ParameterValue& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return quoted(*text);
  if (const auto* names = std::get_if<std::vector<std::string>>(&value)) return "[" + quoted_names(*names) + "]";
  if (const auto* method = std::get_if<ComponentSpec>(&value)) return quoted(method->id);
  if (std::holds_alternative<std::vector<double>>(value)) return "[" + to_string(value) + "]";
  return to_string(value);
}

std::string check_number(const ParameterDeclaration& declaration, double value) {
  const std::string subject = declaration.type == ParameterType::list ? "must hold numbers of " : "must be ";
  const std::string found = ", not " + number_text(value);
  if (!std::isfinite(value)) return "must be finite" + found;
  if (declaration.minimum && value < *declaration.minimum) {
    return subject + "at least " + number_text(*declaration.minimum) + found;
  }
  if (declaration.maximum && value > *declaration.maximum) {
    return subject + "at most " + number_text(*declaration.maximum) + found;
  }
  return "";
}

// The whole of `text` as a number, or nothing.
template <class T>
std::optional<T> read_number(const std::string& text) {
  T value{};
  const char* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, value);
  if (result.ec != std::errc() || result.ptr != end || text.empty()) return std::nullopt;
  return value;
}

std::string check_layers(const std::vector<std::string>& layers) {
  for (auto layer = layers.begin(); layer != layers.end(); ++layer) {
    if (layer->empty()) return "must hold no empty name";
    if (std::count(layers.begin(), layer, *layer) > 0) return "must not hold " + quoted(*layer) + " twice";
  }
  return "";
}

std::vector<std::string> read_names(const std::string& text) {
  std::vector<std::string> names;
  for (size_t begin = 0; !text.empty() && begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    names.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return names;
}

std::optional<ParameterValue> read_list(const std::string& text) {
  std::vector<double> values;
  for (size_t begin = 0; !text.empty() && begin <= text.size();) {
    const size_t end = std::min(text.find(',', begin), text.size());
    const auto value = read_number<double>(text.substr(begin, end - begin));
    if (!value) return std::nullopt;
    values.push_back(*value);
    begin = end + 1;
  }
  return values;
}

std::optional<ParameterValue> read_value(ParameterType type, const std::string& text) {
  if (is_text(type)) return text;
  switch (type) {
    case ParameterType::integer:
      return read_number<int64_t>(text);
    case ParameterType::real:
      return read_number<double>(text);
    case ParameterType::choice_or_real:
      if (const auto number = read_number<double>(text)) return *number;
      return text;
    case ParameterType::boolean:
      if (text == "true") return true;
      if (text == "false") return false;
      return std::nullopt;
    case ParameterType::layers:
      return read_names(text);
    case ParameterType::method:
      if (text.empty()) return std::nullopt;
      return ComponentSpec{text, {}};
    default:
      return read_list(text);
  }
}

}  // namespace

std::string to_string(ParameterType type) {
  switch (type) {
    case ParameterType::integer:
      return "integer";
    case ParameterType::real:
      return "real";
    case ParameterType::boolean:
      return "boolean";
    case ParameterType::string:
      return "string";
    case ParameterType::choice:
      return "choice";
    case ParameterType::choice_or_real:
      return "choice or real";
    case ParameterType::list:
      return "list";
    case ParameterType::layer:
      return "layer";
    case ParameterType::map:
      return "map";
    case ParameterType::layers:
      return "layers";
    case ParameterType::method:
      return "method";
  }
  return "unknown";
}

std::string check_value(const ParameterDeclaration& declaration, const ParameterValue& value) {
  if (!has_type(declaration.type, value)) return "must be " + expectation(declaration.type) + ", not " + shown(value);
  if (const auto* text = std::get_if<std::string>(&value)) {
    const auto& choices = declaration.choices;
    if (choices.empty() || std::count(choices.begin(), choices.end(), *text)) return "";
    const std::string number = declaration.type == ParameterType::choice_or_real ? " or a number" : "";
    return "must be one of " + quoted_names(choices) + number + ", not " + quoted(*text) + did_you_mean(*text, choices);
  }
  if (const auto* whole = std::get_if<int64_t>(&value)) return check_number(declaration, static_cast<double>(*whole));
  if (const auto* number = std::get_if<double>(&value)) return check_number(declaration, *number);
  if (const auto* names = std::get_if<std::vector<std::string>>(&value)) return check_layers(*names);
  if (const auto* numbers = std::get_if<std::vector<double>>(&value)) {
    for (const double number : *numbers) {
      std::string fault = check_number(declaration, number);
      if (!fault.empty()) return fault;
    }
  }
  return "";
}

ParameterValue parse_value(const ParameterDeclaration& declaration, const std::string& text) {
  const std::string subject = "parameter " + quoted(declaration.name) + " ";
  const std::optional<ParameterValue> value = read_value(declaration.type, text);
  if (!value) throw Error(Fault::usage, subject + "must be " + expectation(declaration.type) + ", not " + quoted(text));
  const std::string fault = check_value(declaration, *value);
  if (!fault.empty()) throw Error(Fault::usage, subject + fault);
  return *value;
}

bool operator==(const ComponentSpec& a, const ComponentSpec& b) {
  return a.id == b.id && a.parameters == b.parameters;
}

std::string to_string(const ParameterValue& value) {
  return std::visit(
      [](const auto& held) -> std::string {
        using T = std::decay_t<decltype(held)>;
        if constexpr (std::is_same_v<T, std::string>) {
          return held;
        } else if constexpr (std::is_same_v<T, bool>) {
          return held ? "true" : "false";
        } else if constexpr (std::is_same_v<T, int64_t>) {
          return std::to_string(held);
        } else if constexpr (std::is_same_v<T, double>) {
          return number_text(held);
        } else if constexpr (std::is_same_v<T, std::vector<double>>) {
          std::string text;
          for (const double number : held) text += (text.empty() ? "" : ",") + number_text(number);
          return text;
        } else if constexpr (std::is_same_v<T, std::vector<std::string>>) {
          std::string text;
          for (const std::string& name : held) text += (text.empty() ? "" : ",") + name;
          return text;
        } else {
          std::string text;
          for (const auto& [name, parameter] : held.parameters) {
            text += (text.empty() ? ":" : ",") + name + "=" + to_string(parameter);
          }
          return text.empty() ? held.id : "(" + held.id + text + ")";
        }
      },
      value);
}

}  // namespace attune
