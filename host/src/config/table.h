// Keys of documents, declared once: a table of them reads an object into a struct, writes the struct with every
// default, and gives the JSON Schema. Types and defaults are those of the struct's members.
//
//   const Table<Schedule> schedule = {{key("floor", &Schedule::floor, Range{0, 1}, "What the rate ends at")}};
#pragma once

#include <algorithm>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "config/form.h"

#pragma GCC visibility push(hidden)  // what stays inside of the library
namespace attune {

template <class T>
struct Key {
  std::string name;
  std::string help;
  std::function<void(DocumentReader&, const JsonAt&, T&)> read;
  std::function<Json(const T&)> write = [](const T&) { return Json(); };  // null: there is nothing to say
  Json schema;
  std::string expected = "";
  bool required = false;
  bool has_default = true;                                               // of its own, rather than one by other keys
  std::function<bool(const T&)> counts = [](const T&) { return true; };  // whether it means something
  std::function<std::string(const T&)> otherwise = nullptr;              // why it means nothing

  Key must_be_given() && {
    required = true;
    return std::move(*this);
  }
  Key depends() && {
    has_default = false;
    return std::move(*this);
  }
  Key only(std::function<bool(const T&)> when, std::function<std::string(const T&)> reason) && {
    counts = std::move(when);
    otherwise = std::move(reason);
    return std::move(*this);
  }
};

template <class T>
struct Table {
  std::vector<Key<T>> keys;
  std::function<void(DocumentReader&, const JsonAt&, T&)> check = nullptr;  // after all keys, of an object
  Json rules = Json::object();                                              // the same, as JSON Schema can say it
  T defaults = {};
};

// One of several things with keys of their own: {"use": name, keys...}, or its name alone.
template <class M>
struct Part {
  std::string name;
  std::string help;
  std::vector<Key<M>> keys;
  M defaults = {};
  std::function<bool(const M&)> is;
};
template <class M>
using Parts = std::vector<Part<M>>;

template <class T>
std::vector<std::string> names_of(const std::vector<T>& named) {
  std::vector<std::string> names;
  for (const T& one : named) names.push_back(one.name);
  return names;
}

template <class T>
void read_object(DocumentReader& reader, const JsonAt& at, const Table<T>& table, T& value) {
  std::vector<DocumentReader::Key> keys;
  for (const Key<T>& key : table.keys) {
    keys.push_back(
        {key.name, [&](const JsonAt& member) { key.read(reader, member, value); }, key.required, key.expected});
  }
  reader.object(at, keys);
  for (const Key<T>& key : table.keys) {
    if (at.has(key.name) && !key.counts(value)) reader.refuse(at, key.name, key.otherwise(value));
  }
  if (table.check && at.node.kind == JsonNode::Kind::object) table.check(reader, at, value);
}

template <class T>
T parse_object(const Table<T>& table, const std::string& text, const std::string& name,
               const std::filesystem::path& folder) {
  T value = table.defaults;
  const auto read = [&](DocumentReader& reader, const JsonAt& root) { read_object(reader, root, table, value); };
  parse_document(text, name, folder, read);
  return value;
}

template <class T>
Json written(const std::vector<Key<T>>& keys, const T& value) {
  Json json = Json::object();
  for (const Key<T>& key : keys) {
    Json member = key.counts(value) ? key.write(value) : Json();
    if (!member.is_null()) json[key.name] = std::move(member);
  }
  return json;
}

template <class T>
Json object_schema(const std::vector<Key<T>>& keys, const T& defaults) {
  Json properties = Json::object(), required = Json::array();
  for (const Key<T>& key : keys) {
    Json& schema = properties[key.name] = key.schema;
    if (schema.is_object() && !key.help.empty()) schema["description"] = key.help;
    const Json value = key.has_default && !key.required ? key.write(defaults) : Json();
    if (schema.is_object() && value.is_primitive() && !value.is_null()) schema["default"] = value;
    if (key.required) required.push_back(key.name);
  }
  Json object = {{"type", "object"}, {"properties", properties}, {"additionalProperties", false}};
  if (!required.empty()) object["required"] = required;
  return object;
}

template <class T>
Json object_schema(const Table<T>& table) {
  Json schema = object_schema(table.keys, table.defaults);
  schema.update(table.rules);
  return schema;
}

namespace form {

template <class M>
Form<M> object(const Table<M>& table) {
  const auto read = [table](DocumentReader& reader, const JsonAt& at, M& value) {
    value = table.defaults;
    read_object(reader, at, table, value);
  };
  return {read, [table](const M& value) { return written(table.keys, value); }, object_schema(table)};
}

template <class M>
Json part_schema(const Parts<M>& parts) {
  Json choices = {{{"enum", names_of(parts)}}};
  for (const Part<M>& part : parts) {
    Json object = object_schema(part.keys, part.defaults);
    object["properties"]["use"] = {{"const", part.name}};
    object["required"] = {"use"};
    object["description"] = part.help;
    choices.push_back(object);
  }
  return {{"anyOf", choices}};
}

template <class M>
Form<M> part(const Parts<M>& parts) {
  const auto read = [parts](DocumentReader& reader, const JsonAt& at, M& value) {
    const auto index = read_use(reader, at, names_of(parts));
    if (!index) return;
    const Part<M>& part = parts[*index];
    value = part.defaults;
    for (const JsonMember& member : at.node.members) {
      const auto is_it = [&](const Key<M>& key) { return key.name == member.key; };
      const auto key = std::find_if(part.keys.begin(), part.keys.end(), is_it);
      if (key != part.keys.end()) {
        key->read(reader, at.member(member), value);
      } else if (member.key != "use") {
        reader.fail(at, member, unknown_parameter(part.name, member.key, names_of(part.keys)));
      }
    }
  };
  const auto write = [parts](const M& value) {
    const auto part = std::find_if(parts.begin(), parts.end(), [&](const Part<M>& one) { return one.is(value); });
    Json json = {{"use", part->name}};
    json.update(written(part->keys, value));
    return json;
  };
  return {read, write, part_schema(parts)};
}

}  // namespace form

template <class T, class M>
Key<T> key(std::string name, M T::*member, const Form<M>& form, std::string help) {
  return {std::move(name),
          std::move(help),
          [member, read = form.read](DocumentReader& reader, const JsonAt& at, T& t) { read(reader, at, t.*member); },
          [member, write = form.write](const T& t) { return write(t.*member); },
          form.schema,
          form.expected};
}

template <class T, class M>
Key<T> key(std::string name, std::optional<M> T::*member, const Form<M>& form, std::string help) {
  return key(std::move(name), member, form::optional(form), std::move(help));
}

template <class T, class M>
Key<T> key(std::string name, M T::*member, Range range, std::string help) {
  return key(std::move(name), member, form::number<M>(range), std::move(help));
}

template <class T, class M>
Key<T> key(std::string name, std::optional<M> T::*member, Range range, std::string help) {
  return key(std::move(name), member, form::number<M>(range), std::move(help));
}

template <class T, class E>
Key<T> key(std::string name, E T::*member, const Words<E>& words, std::string help) {
  return key(std::move(name), member, form::one_of(words), std::move(help));
}

template <class T>
Key<T> key(std::string name, std::string T::*member, std::string help) {
  return key(std::move(name), member, form::text(), std::move(help));
}

template <class T>
Key<T> key(std::string name, bool T::*member, std::string help) {
  return key(std::move(name), member, form::flag(), std::move(help));
}

// The key of a U as one of a T, of which `of` gives the U.
template <class T, class U, class Of>
Key<T> lifted(const Key<U>& inner, const Of& of) {
  return {inner.name,
          inner.help,
          [of, read = inner.read](DocumentReader& reader, const JsonAt& at, T& t) { read(reader, at, of(t)); },
          [of, write = inner.write](const T& t) { return write(of(t)); },
          inner.schema,
          inner.expected};
}

// "version", which has one value only, of the documents that are called `what`.
template <class T>
Key<T> version_key(const std::string& what) {
  const auto read = [what](DocumentReader& reader, const JsonAt& at, T&) {
    if (at.node.kind == JsonNode::Kind::integer && at.node.integer == 1) return;
    reader.fail(at, "must be 1, the version of " + what + " that this attune reads, not " + shown(at.node));
  };
  return {"version", "", read, [](const T&) -> Json { return 1; }, {{"const", 1}}, "", /*required=*/true};
}

// "$schema", which editors read.
template <class T>
Key<T> schema_key() {
  return {.name = "$schema",
          .help = "The schema that an editor checks this file with",
          .read = [](DocumentReader& reader, const JsonAt& at, T&) { reader.text(at); },
          .schema = form::text().schema};
}

}  // namespace attune
#pragma GCC visibility pop
