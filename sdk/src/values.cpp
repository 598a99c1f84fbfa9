// Single parameter values: checked against their declaration, read from text and written as text.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <iterator>

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

std::string text_of(const std::string& held) { return held; }
std::string text_of(bool held) { return held ? "true" : "false"; }
std::string text_of(int64_t held) { return std::to_string(held); }
std::string text_of(double held) {
  char buffer[32];
  return {buffer, std::to_chars(buffer, buffer + sizeof buffer, held).ptr};
}

template <class T>
std::string text_of(const std::vector<T>& held) {
  std::string text;
  for (const T& one : held) text += (text.empty() ? "" : ",") + text_of(one);
  return text;
}

std::string text_of(const ComponentSpec& held) {
  std::string text;
  for (const auto& [name, parameter] : held.parameters) {
    text += (text.empty() ? ":" : ",") + name + "=" + to_string(parameter);
  }
  return text.empty() ? held.id : "(" + held.id + text + ")";
}

// The alternatives of ParameterValue, as bits.
enum Held : unsigned { whole = 1, number = 2, flag = 4, word = 8, numbers = 16, words = 32, component = 64 };

struct TypeRow {
  const char* name;
  const char* expectation;  // what a person must write
  unsigned held;
};

constexpr TypeRow types[] = {
    // In the order of ParameterType.
    {"integer", "an integer", whole},       {"real", "a number", number | whole},
    {"boolean", "true or false", flag},     {"string", "a string", word},
    {"choice", "a string", word},           {"choice or real", "a word or a number", word | number | whole},
    {"list", "a list of numbers", numbers}, {"layer", "the name of a layer", word},
    {"map", "the name of a map", word},     {"layers", "a list of layers", words},
    {"method", "a method", component},      {"unknown", "a string", numbers},  // a plugin may hold anything
};

const TypeRow& row_of(ParameterType type) { return types[std::min(static_cast<size_t>(type), std::size(types) - 1)]; }

std::string shown(const ParameterValue& value) {
  if (const auto* text = std::get_if<std::string>(&value)) return quoted(*text);
  if (const auto* names = std::get_if<std::vector<std::string>>(&value)) return "[" + quoted_names(*names) + "]";
  if (const auto* method = std::get_if<ComponentSpec>(&value)) return quoted(method->id);
  if (std::holds_alternative<std::vector<double>>(value)) return "[" + to_string(value) + "]";
  return to_string(value);
}

std::string check_number(const ParameterDeclaration& declaration, double value) {
  const std::string subject = declaration.type == ParameterType::list ? "must hold numbers of " : "must be ";
  const std::string found = ", not " + text_of(value);
  if (!std::isfinite(value)) return "must be finite" + found;
  if (declaration.minimum && value < *declaration.minimum) {
    return subject + "at least " + text_of(*declaration.minimum) + found;
  }
  if (declaration.maximum && value > *declaration.maximum) {
    return subject + "at most " + text_of(*declaration.maximum) + found;
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
  for (const std::string& entry : read_names(text)) {
    const auto value = read_number<double>(entry);
    if (!value) return std::nullopt;
    values.push_back(*value);
  }
  return values;
}

std::optional<ParameterValue> read_value(ParameterType type, const std::string& text) {
  if (row_of(type).held == word) return text;
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

std::string to_string(ParameterType type) { return row_of(type).name; }

std::string check_value(const ParameterDeclaration& declaration, const ParameterValue& value) {
  const TypeRow& type = row_of(declaration.type);
  if ((type.held >> value.index() & 1) == 0)
    return std::string("must be ") + type.expectation + ", not " + shown(value);
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
  if (!value) {
    throw Error(Fault::usage, subject + "must be " + row_of(declaration.type).expectation + ", not " + quoted(text));
  }
  const std::string fault = check_value(declaration, *value);
  if (!fault.empty()) throw Error(Fault::usage, subject + fault);
  return *value;
}

bool operator==(const ComponentSpec& a, const ComponentSpec& b) { return a.id == b.id && a.parameters == b.parameters; }

std::string to_string(const ParameterValue& value) {
  return std::visit([](const auto& held) { return text_of(held); }, value);
}

}  // namespace attune
