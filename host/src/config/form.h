// How single values stand in documents: what reads them with their faults, writes them, and their JSON Schema.
#pragma once

#include <algorithm>
#include <array>
#include <filesystem>
#include <functional>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <attune/sdk/parameters.h>

#include "config/parameters.h"
#include "json/reader.h"

#pragma GCC visibility push(hidden)  // what stays inside of the library
namespace attune {

using Json = nlohmann::ordered_json;

// Names of maps, terms, stages and monitors, which also name files and columns.
inline const char* const name_pattern = "^[A-Za-z0-9_-]{1,64}$";

// Words of documents and what they stand for.
template <class Value>
using Words = std::vector<std::pair<std::string, Value>>;

template <class Value>
std::vector<std::string> names_of(const Words<Value>& words) {
  std::vector<std::string> names;
  for (const auto& [name, value] : words) names.push_back(name);
  return names;
}

inline constexpr Range any_number = {-std::numeric_limits<double>::infinity(), std::numeric_limits<double>::infinity()};

// How a value of type M stands in a document.
template <class M>
struct Form {
  std::function<void(DocumentReader&, const JsonAt&, M&)> read;           // with a fault the value may be anything
  std::function<Json(const M&)> write = [](const M&) { return Json(); };  // null: there is nothing to say
  Json schema;
  std::string expected = "";  // for the fault of a key that is missing
};

// Reads a text by `read`. Throws SpecError with everything that is wrong with it; `name` is what that calls it.
void parse_document(const std::string& text, const std::string& name, const std::filesystem::path& folder,
                    const std::function<void(DocumentReader&, const JsonAt&)>& read);

// Which of `names` is used; nothing, with a fault, for none.
std::optional<size_t> read_use(DocumentReader& reader, const JsonAt& at, const std::vector<std::string>& names);

namespace form {

template <class M>
Form<M> declared_as(const ParameterDeclaration& declared) {
  const auto read = [declared](DocumentReader& reader, const JsonAt& at, M& value) {
    const std::string fault = parameter_fault(declared, at.node);
    if (!fault.empty()) return reader.fail(at, fault);
    if constexpr (std::is_same_v<M, bool>) {
      value = at.node.boolean;
    } else if constexpr (std::is_integral_v<M>) {
      value = static_cast<M>(at.node.integer);
    } else {
      value = at.node.real;
    }
  };
  return {read, [](const M& value) -> Json { return value; }, value_schema(declared)};
}

template <class M>
Form<M> number(Range range) {
  return declared_as<M>(std::is_integral_v<M> ? integer("", 0, range, "") : real("", 0, range, ""));
}

inline Form<bool> flag() { return declared_as<bool>(boolean("", false, "")); }
Form<std::string> text();
// Relative to the document's folder.
Form<std::filesystem::path> file();
// One of the names that name_pattern allows.
Form<std::string> name();

// So many numbers, or any number of them for 0; with `or_one` also a list of one.
Form<std::vector<double>> numbers(Range range, size_t count = 0, bool or_one = false);
// Height and width; with `or_one` also one number for both.
Form<std::array<int64_t, 2>> size(double most, bool or_one);

// With what `check` finds after reading.
template <class M>
Form<M> checked(Form<M> form, const std::function<void(DocumentReader&, const JsonAt&, M&)>& check) {
  form.read = [check, read = form.read](DocumentReader& reader, const JsonAt& at, M& value) {
    read(reader, at, value);
    check(reader, at, value);
  };
  return form;
}

template <class M>
Form<M> filled(Form<M> form) {
  form.schema["minLength"] = 1;
  return checked<M>(std::move(form), [](DocumentReader& reader, const JsonAt& at, M&) {
    if (at.node.kind == JsonNode::Kind::string && at.node.text.empty()) reader.fail(at, "must not be empty");
  });
}

template <class E>
Form<E> one_of(const Words<E>& words) {
  const auto read = [words](DocumentReader& reader, const JsonAt& at, E& value) {
    if (const auto chosen = reader.choice(at, names_of(words))) value = words[*chosen].second;
  };
  const auto write = [words](const E& value) -> Json {
    const auto found = std::find_if(words.begin(), words.end(), [&](const auto& word) { return word.second == value; });
    return found == words.end() ? Json() : Json(found->first);
  };
  return {read, write, {{"enum", names_of(words)}}, "one of " + quoted_list(names_of(words))};
}

template <class M>
Form<std::optional<M>> optional(const Form<M>& form, const M& first = {}) {
  const auto read = [first, read = form.read](DocumentReader& reader, const JsonAt& at, std::optional<M>& value) {
    value = first;
    read(reader, at, *value);
  };
  const auto write = [write = form.write](const std::optional<M>& value) { return value ? write(*value) : Json(); };
  return {read, write, form.schema, form.expected};
}

// At least so many; of a list that must have some, an empty one is not written.
template <class M>
Form<std::vector<M>> list(const Form<M>& item, size_t least = 1) {
  const auto read = [least, read = item.read](DocumentReader& reader, const JsonAt& at, std::vector<M>& values) {
    values.clear();
    const bool is_empty = at.node.kind == JsonNode::Kind::array && at.node.items.empty();
    if ((is_empty && least == 0) || !reader.is_filled_list(at)) return;
    for (size_t i = 0; i < at.node.items.size(); ++i) read(reader, at.item(i), values.emplace_back());
  };
  const auto write = [least, write = item.write](const std::vector<M>& values) {
    Json json = values.empty() && least > 0 ? Json() : Json::array();
    for (const M& value : values) json.push_back(write(value));
    return json;
  };
  Json schema = {{"type", "array"}, {"items", item.schema}};
  if (least > 0) schema["minItems"] = least;
  return {read, write, schema};
}

}  // namespace form

}  // namespace attune
#pragma GCC visibility pop
