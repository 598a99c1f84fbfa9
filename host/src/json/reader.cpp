#include "json/reader.h"

#include <algorithm>
#include <tuple>

namespace attune {
namespace {

using Kind = JsonNode::Kind;

constexpr size_t longest_compared = 100;
constexpr size_t most_compared = 25000;  // ImageNet has 21843 classes

}  // namespace

JsonAt JsonAt::at(const std::string& key) const {
  const JsonNode* member = node.find(key);
  return member == nullptr ? *this : JsonAt{*member, pointer_to(pointer, key)};
}

bool JsonAt::says(const std::string& key, const std::string& text) const {
  const JsonNode* member = node.find(key);
  return member != nullptr && member->kind == Kind::string && member->text == text;
}

DocumentReader::DocumentReader(const JsonDocument& document, std::filesystem::path folder)
    : folder_(std::move(folder)), faults_(document.faults) {
  for (JsonFault& fault : faults_) fault.message = one_line(fault.message);
}

std::filesystem::path DocumentReader::path(const std::string& text) const {
  return text.empty() ? std::filesystem::path() : std::filesystem::absolute(folder_ / text).lexically_normal();
}

void DocumentReader::add(JsonPlace place, const std::string& pointer, const std::string& message) {
  // Names of layers, labels and plugins may hold anything.
  faults_.push_back({place, pointer, one_line(message)});
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

void DocumentReader::refuse(const JsonAt& object, const std::string& key, const std::string& why) {
  fail(object.at(key), "means nothing here: " + why);
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
    if (at.has(key.name)) {
      key.read(at.at(key.name));
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

std::vector<JsonFault> DocumentReader::take_faults() {
  const auto earlier = [](const JsonFault& a, const JsonFault& b) {
    return std::tie(a.place.line, a.place.column) < std::tie(b.place.line, b.place.column);
  };
  std::stable_sort(faults_.begin(), faults_.end(), earlier);
  return std::move(faults_);
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
