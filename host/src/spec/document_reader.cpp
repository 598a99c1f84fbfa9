#include "spec/document_reader.h"

#include <algorithm>
#include <cctype>
#include <tuple>

namespace attune {

DocumentReader::DocumentReader(const JsonDocument& document) {
  for (const JsonFault& fault : document.faults) add(fault.place, fault.pointer, fault.message);
}

void DocumentReader::add(JsonPlace place, const std::string& pointer, const std::string& message) {
  faults_.push_back({place.line, place.column, pointer, message});
}

void DocumentReader::fail(const JsonAt& at, const std::string& message) { add(at.node.place, at.pointer, message); }

void DocumentReader::fail(const JsonAt& object, const JsonMember& key, const std::string& message) {
  add(key.place, pointer_to(object.pointer, key.key), message);
}

bool DocumentReader::is_object(const JsonAt& at) {
  if (at.node.kind == JsonNode::Kind::object) return true;
  fail(at, "must be an object {...}, not " + shown(at.node));
  return false;
}

bool DocumentReader::is_filled_list(const JsonAt& at) {
  if (at.node.kind != JsonNode::Kind::array) {
    fail(at, "must be a list [...], not " + shown(at.node));
  } else if (at.node.items.empty()) {
    fail(at, "must not be empty");
  }
  return at.node.kind == JsonNode::Kind::array && !at.node.items.empty();
}

void DocumentReader::object(const JsonAt& at, const std::vector<Key>& keys) {
  if (!is_object(at)) return;
  std::vector<std::string> names;
  for (const Key& key : keys) names.push_back(key.name);
  for (const JsonMember& member : at.node.members) {
    if (std::find(names.begin(), names.end(), member.key) != names.end()) continue;
    fail(at, member,
         "unknown key " + in_quotes(member.key) + "; keys are " + quoted_list(names) + did_you_mean(member.key, names));
  }
  for (const Key& key : keys) {
    if (const JsonNode* value = at.node.find(key.name)) {
      key.read({*value, pointer_to(at.pointer, key.name)});
    } else if (key.required) {
      fail(at, "\"" + key.name + "\" is missing");
    }
  }
}

std::optional<std::string> DocumentReader::text(const JsonAt& at) {
  if (at.node.kind == JsonNode::Kind::string) return at.node.text;
  fail(at, "must be a string, not " + shown(at.node));
  return std::nullopt;
}

std::optional<bool> DocumentReader::boolean(const JsonAt& at) {
  if (at.node.kind == JsonNode::Kind::boolean) return at.node.boolean;
  fail(at, "must be true or false, not " + shown(at.node));
  return std::nullopt;
}

std::optional<double> DocumentReader::number(const JsonAt& at) {
  if (at.node.kind == JsonNode::Kind::integer || at.node.kind == JsonNode::Kind::real) return at.node.real;
  fail(at, "must be a number, not " + shown(at.node));
  return std::nullopt;
}

std::optional<size_t> DocumentReader::choice(const JsonAt& at, const std::vector<std::string>& names) {
  const auto found = std::find(names.begin(), names.end(), at.node.text);
  if (at.node.kind == JsonNode::Kind::string && found != names.end()) {
    return static_cast<size_t>(found - names.begin());
  }
  fail(at, "must be one of " + quoted_list(names) + ", not " + shown(at.node) + did_you_mean(at.node.text, names));
  return std::nullopt;
}

bool DocumentReader::is_name(const std::string& text) {
  const auto allowed = [](unsigned char c) { return std::isalnum(c) != 0 || c == '_' || c == '-'; };
  return !text.empty() && text.size() <= 64 && std::all_of(text.begin(), text.end(), allowed);
}

std::vector<SpecFault> DocumentReader::take_faults() {
  const auto earlier = [](const SpecFault& a, const SpecFault& b) {
    return std::tie(a.line, a.column) < std::tie(b.line, b.column);
  };
  std::stable_sort(faults_.begin(), faults_.end(), earlier);
  return std::move(faults_);
}

std::optional<ParameterValue> parameter_value(const JsonNode& node) {
  switch (node.kind) {
    case JsonNode::Kind::boolean:
      return node.boolean;
    case JsonNode::Kind::integer:
      return node.integer;
    case JsonNode::Kind::real:
      return node.real;
    case JsonNode::Kind::string:
      return node.text;
    case JsonNode::Kind::array: {
      std::vector<double> numbers;
      for (const JsonNode& item : node.items) {
        if (item.kind != JsonNode::Kind::integer && item.kind != JsonNode::Kind::real) return std::nullopt;
        numbers.push_back(item.real);
      }
      return numbers;
    }
    default:
      return std::nullopt;
  }
}

std::string shown(const JsonNode& node) {
  switch (node.kind) {
    case JsonNode::Kind::null:
      return "null";
    case JsonNode::Kind::string:
      return in_quotes(node.text);
    case JsonNode::Kind::array:
      return "a list";
    case JsonNode::Kind::object:
      return "an object";
    default:
      return to_string(*parameter_value(node));
  }
}

std::string quoted_list(const std::vector<std::string>& names) {
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "" : ", ") + in_quotes(name);
  return list;
}

}  // namespace attune
