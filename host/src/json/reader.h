// Reads a JsonDocument and collects everything that is wrong with it.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "json/document.h"
#include "json/quoting.h"

#pragma GCC visibility push(hidden)  // what stays inside of the library
namespace attune {

// A value and where it stands.
struct JsonAt {
  const JsonNode& node;
  std::string pointer;

  JsonAt member(const JsonMember& member) const { return {member.value, pointer_to(pointer, member.key)}; }
  JsonAt item(size_t index) const { return {node.items[index], pointer_to(pointer, index)}; }
  // The value of `key`; the object itself where it has none.
  JsonAt at(const std::string& key) const;
  bool has(const std::string& key) const { return node.find(key) != nullptr; }
  // Whether that is the text of `key`.
  bool says(const std::string& key, const std::string& text) const;
};

// Thrown when so much is wrong that nobody would read on; the faults until then are kept.
struct TooManyFaults {};

class DocumentReader {
 public:
  struct Key {
    std::string name;
    std::function<void(const JsonAt&)> read;
    bool required = false;
    std::string expected = "";  // for the fault of a key that is missing
  };

  // Paths in the document are relative to `folder`.
  explicit DocumentReader(const JsonDocument& document, std::filesystem::path folder = {});

  const std::filesystem::path& folder() const { return folder_; }
  // Absolute; "" stays as it is.
  std::filesystem::path path(const std::string& text) const;

  void fail(const JsonAt& at, const std::string& message);
  // The same for a key instead of its value.
  void fail(const JsonAt& object, const JsonMember& key, const std::string& message);

  // Calls the reader of every key that is there, in the order of `keys`; other keys are faults.
  void object(const JsonAt& at, const std::vector<Key>& keys);
  bool is_object(const JsonAt& at);
  // The fault of a key that nobody reads.
  void refuse(const JsonAt& object, const std::string& key, const std::string& why);
  // The fault of an object without "use", which should be `expected`; a key that was meant for it is named.
  void fail_without_use(const JsonAt& at, const std::string& expected);
  // False, with a fault, for anything but a list that is not empty.
  bool is_filled_list(const JsonAt& at);

  // The value of the wanted type, or a fault.
  std::optional<std::string> text(const JsonAt& at);
  std::optional<bool> boolean(const JsonAt& at);
  // The index of the string in `names`.
  std::optional<size_t> choice(const JsonAt& at, const std::vector<std::string>& names);
  // Whether it fits name_pattern, as schemas say it.
  static bool is_name(const std::string& text);
  static std::string no_name(const std::string& text, const std::string& of);

  // All faults in the order of the text.
  std::vector<JsonFault> take_faults();

 private:
  void add(JsonPlace place, const std::string& pointer, const std::string& message);

  std::filesystem::path folder_;
  std::vector<JsonFault> faults_;
};

// So many faults are told. One more is collected, as the sign that there are others.
constexpr size_t most_faults = 100;

// For "must be ..., not ...": 3.7, "text", a list.
std::string shown(const JsonNode& node);

// did_you_mean, but nothing for a text or a list so long that the search would take seconds.
std::string nearest_of(const std::string& text, const std::vector<std::string>& names);

}  // namespace attune
#pragma GCC visibility pop
