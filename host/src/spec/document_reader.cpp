#include "spec/document_reader.h"

#include <algorithm>
#include <tuple>

#include "spec/rules.h"

namespace attune {
namespace {

using Kind = JsonNode::Kind;

constexpr size_t longest_compared = 100;
constexpr size_t most_compared = 25000;  // ImageNet has 21843 classes

bool is_number(const JsonNode& node) { return node.kind == Kind::integer || node.kind == Kind::real; }

bool has_type(ParameterType type, const JsonNode& node) {
  switch (type) {
    case ParameterType::integer:
      return node.kind == Kind::integer;
    case ParameterType::real:
      return is_number(node);
    case ParameterType::boolean:
      return node.kind == Kind::boolean;
    case ParameterType::choice_or_real:
      return is_number(node) || node.kind == Kind::string;
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

}  // namespace

DocumentReader::DocumentReader(const JsonDocument& document) {
  for (const JsonFault& fault : document.faults) {
    faults_.push_back({fault.place.line, fault.place.column, fault.pointer, one_line(fault.message)});
  }
}

void DocumentReader::add(JsonPlace place, const std::string& pointer, const std::string& message) {
  // Names of layers, labels and plugins may hold anything.
  faults_.push_back({place.line, place.column, pointer, one_line(message)});
  if (faults_.size() > most_faults) throw TooManyFaults();
}

void DocumentReader::fail(const JsonAt& at, const std::string& message) { add(at.node.place, at.pointer, message); }

void DocumentReader::fail(const JsonAt& object, const JsonMember& key, const std::string& message) {
  add(key.place, pointer_to(object.pointer, key.key), message);
}

bool DocumentReader::is_object(const JsonAt& at) {
  if (at.node.kind == Kind::object) return true;
  fail(at, "must be an object {...}, not " + shown(at.node));
  return false;
}

void DocumentReader::fail_without_use(const JsonAt& at, const std::string& expected) {
  const std::string missing = "\"use\" is missing: " + expected;
  const auto resembles = [](const JsonMember& member) { return !nearest_of(member.key, {"use"}).empty(); };
  const auto misspelt = std::find_if(at.node.members.begin(), at.node.members.end(), resembles);
  if (misspelt == at.node.members.end()) return fail(at, missing);
  fail(at, *misspelt, "unknown key " + in_quotes(misspelt->key) + nearest_of(misspelt->key, {"use"}) + "; " + missing);
}

bool DocumentReader::is_filled_list(const JsonAt& at) {
  if (at.node.kind != Kind::array) {
    fail(at, "must be a list [...], not " + shown(at.node));
  } else if (at.node.items.empty()) {
    fail(at, "must not be empty");
  }
  return at.node.kind == Kind::array && !at.node.items.empty();
}

void DocumentReader::object(const JsonAt& at, const std::vector<Key>& keys) {
  if (!is_object(at)) return;
  std::vector<std::string> names;
  for (const Key& key : keys) names.push_back(key.name);
  for (const JsonMember& member : at.node.members) {
    if (std::find(names.begin(), names.end(), member.key) != names.end()) continue;
    fail(at, member,
         "unknown key " + in_quotes(member.key) + "; keys are " + quoted_list(names) + nearest_of(member.key, names));
  }
  for (const Key& key : keys) {
    if (const JsonNode* value = at.node.find(key.name)) {
      key.read({*value, pointer_to(at.pointer, key.name)});
    } else if (key.required) {
      fail(at, "\"" + key.name + "\" is missing" + (key.expected.empty() ? "" : ": " + key.expected));
    }
  }
}

std::optional<std::string> DocumentReader::text(const JsonAt& at) {
  if (at.node.kind == Kind::string) return at.node.text;
  fail(at, "must be a string, not " + shown(at.node));
  return std::nullopt;
}

std::optional<bool> DocumentReader::boolean(const JsonAt& at) {
  if (at.node.kind == Kind::boolean) return at.node.boolean;
  fail(at, "must be true or false, not " + shown(at.node));
  return std::nullopt;
}

std::optional<double> DocumentReader::number(const JsonAt& at) {
  if (at.node.kind == Kind::integer || at.node.kind == Kind::real) return at.node.real;
  fail(at, "must be a number, not " + shown(at.node));
  return std::nullopt;
}

std::optional<size_t> DocumentReader::choice(const JsonAt& at, const std::vector<std::string>& names) {
  const auto found = std::find(names.begin(), names.end(), at.node.text);
  if (at.node.kind == Kind::string && found != names.end()) {
    return static_cast<size_t>(found - names.begin());
  }
  fail(at, "must be one of " + quoted_list(names) + ", not " + shown(at.node) + nearest_of(at.node.text, names));
  return std::nullopt;
}

bool DocumentReader::is_name(const std::string& text) {
  constexpr const char* allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-";
  return !text.empty() && text.size() <= 64 && text.find_first_not_of(allowed) == std::string::npos;
}

std::string DocumentReader::no_name(const std::string& text, const std::string& of) {
  return in_quotes(text) + " is no name for a " + of + ", which is 1 to 64 letters, digits, \"_\" and \"-\"";
}

std::vector<SpecFault> DocumentReader::take_faults() {
  const auto earlier = [](const SpecFault& a, const SpecFault& b) {
    return std::tie(a.line, a.column) < std::tie(b.line, b.column);
  };
  std::stable_sort(faults_.begin(), faults_.end(), earlier);
  return std::move(faults_);
}

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
        if (!is_number(item)) return std::nullopt;
        numbers.push_back(item.real);
      }
      return numbers;
    }
    default:
      return std::nullopt;
  }
}

std::string parameter_fault(const ParameterDeclaration& declared, const JsonNode& node) {
  if (declared.type == ParameterType::integer && is_large_integer(node)) return large_integer_fault(declared, node);
  if (declared.type == ParameterType::list && node.kind == Kind::array) {
    const auto other = std::find_if_not(node.items.begin(), node.items.end(), is_number);
    if (other != node.items.end()) return "must be a list of numbers, but holds " + shown(*other);
  }
  if (declared.type == ParameterType::layers && node.kind == Kind::array) {
    const auto is_name = [](const JsonNode& item) { return item.kind == Kind::string; };
    const auto other = std::find_if_not(node.items.begin(), node.items.end(), is_name);
    if (other != node.items.end()) return "must be a list of layers, but holds " + shown(*other);
  }
  if (!has_type(declared.type, node)) return type_fault(declared, node);
  if (node.kind != Kind::string) {
    const std::string fault = check_value(declared, *parameter_value(declared, node));
    return is_number(node) ? with_shown(fault, node) : fault;
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

std::string shown(const JsonNode& node) {
  switch (node.kind) {
    case Kind::null:
      return "null";
    case Kind::boolean:
      return node.boolean ? "true" : "false";
    case Kind::string:
      return in_quotes(node.text);
    case Kind::array:
      return "a list";
    case Kind::object:
      return "an object";
    default:
      return shortened(node.text);
  }
}

std::string nearest_of(const std::string& text, const std::vector<std::string>& names) {
  return text.size() > longest_compared || names.size() > most_compared ? "" : did_you_mean(text, names);
}

}  // namespace attune
