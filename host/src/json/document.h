// JSON text as a tree that knows where everything stands, so that errors can point at it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <attune/sdk/error.h>

namespace attune {

// Both count from 1; a column is a byte of the line.
struct JsonPlace {
  int line = 1;
  int column = 1;
};

struct JsonMember;

struct JsonNode {
  enum class Kind { null, boolean, integer, real, string, array, object };

  Kind kind = Kind::null;  // integers beyond 64 bits are real
  JsonPlace place;
  bool boolean = false;
  int64_t integer = 0;
  double real = 0;                  // of an integer too
  std::string text;                 // of a string; of a number, as it is written
  std::vector<JsonNode> items;      // of an array
  std::vector<JsonMember> members;  // of an object, in the order of the text

  bool is_number() const { return kind == Kind::integer || kind == Kind::real; }
  // Null when there is none.
  const JsonNode* find(const std::string& key) const;
};

struct JsonMember {
  std::string key;
  JsonPlace place;  // of the key
  JsonNode value;
};

struct JsonFault {
  JsonPlace place;
  std::string pointer;  // JSON pointer (RFC 6901) of the value that is meant
  std::string message;
};

struct JsonDocument {
  JsonNode root;
  // Keys that stand twice, a hundred at most; or, as the last, why the text could not be read to its end.
  std::vector<JsonFault> faults;
  bool complete = false;  // false: `root` holds nothing
};

// Never throws for what is wrong with the text. Objects and lists may be nested 64 deep.
JsonDocument parse_json(const std::string& text);

// The value of a run of letters, digits, points and signs: null, true, false or a number; or why it is none of these.
std::string read_word(const std::string& run, JsonNode& node);

// The text of a file of at most so many bytes. Throws Error(fault), which calls the file a `what` ("spec"), if that is
// not empty.
std::string read_document(const std::filesystem::path& file, const std::string& what, uintmax_t most = 1 << 20,
                          Fault fault = Fault::spec);

// `pointer` with one more step.
std::string pointer_to(const std::string& pointer, const std::string& key);
std::string pointer_to(const std::string& pointer, size_t index);

}  // namespace attune
