#include "spec/json_document.h"

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include <attune/sdk/error.h>

#include "spec/json_syntax.h"
#include "spec/quoting.h"

namespace attune {
namespace {

using nlohmann::json;
using After = JsonProgress::After;

constexpr size_t deepest = 64;
constexpr size_t most_doubles = 100;
constexpr uintmax_t largest_file = 1 << 20;

// Finds the tokens of a text that another parser reads at the same time.
class Cursor {
 public:
  struct Token {
    JsonPlace place;
    size_t begin = 0;
    size_t end = 0;
  };

  explicit Cursor(const std::string& text) : text_(text) {
    if (text_.compare(0, 3, "\xef\xbb\xbf") == 0) at_ = line_begin_ = 3;  // a byte order mark
  }

  Token next() {
    while (at_ < text_.size() && is_between_tokens(text_[at_])) step();
    const JsonPlace place{line_, static_cast<int>(at_ - line_begin_) + 1};
    const size_t begin = at_;
    at_ = std::min(token_end(), text_.size());
    return {place, begin, at_};
  }

  size_t at() const { return at_; }

 private:
  static bool is_between_tokens(char c) {
    return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == ',' || c == ':';
  }

  void step() {
    if (text_[at_++] != '\n') return;
    ++line_;
    line_begin_ = at_;
  }

  size_t token_end() const {
    if (at_ == text_.size()) return at_;
    switch (text_[at_]) {
      case '"':
        return string_end();
      case 't':
      case 'n':
        return at_ + 4;
      case 'f':
        return at_ + 5;
      case '{':
      case '}':
      case '[':
      case ']':
        return at_ + 1;
      default:
        return number_end(text_, at_);
    }
  }

  size_t string_end() const {
    size_t at = at_ + 1;
    while (at < text_.size() && text_[at] != '"') at += text_[at] == '\\' ? 2 : 1;
    return at + 1;
  }

  const std::string& text_;
  size_t at_ = 0;
  size_t line_begin_ = 0;
  int line_ = 1;
};

class Builder final : public nlohmann::json_sax<json> {
 public:
  explicit Builder(const std::string& text) : text_(text), cursor_(text) { progress_.end = cursor_.at(); }

  bool null() override { return add(JsonNode::Kind::null) != nullptr; }
  bool boolean(bool value) override {
    add(JsonNode::Kind::boolean)->boolean = value;
    return true;
  }
  bool number_integer(number_integer_t value) override {
    JsonNode* node = add(JsonNode::Kind::integer);
    node->integer = value;
    node->real = static_cast<double>(value);
    return keep_number(*node);
  }
  bool number_unsigned(number_unsigned_t value) override {
    if (value <= static_cast<number_unsigned_t>(INT64_MAX)) return number_integer(static_cast<int64_t>(value));
    return number_float(static_cast<double>(value), "");
  }
  bool number_float(number_float_t value, const string_t&) override {
    JsonNode* node = add(JsonNode::Kind::real);
    node->real = value;
    return keep_number(*node);
  }
  bool string(string_t& value) override {
    add(JsonNode::Kind::string)->text = std::move(value);
    return true;
  }
  bool binary(binary_t&) override { return false; }
  bool start_object(size_t) override { return open(JsonNode::Kind::object); }
  bool key(string_t& value) override {
    const JsonPlace place = pass(After::key);
    Level& level = open_.back();
    if (!level.keys.insert(value).second && document_.faults.size() < most_doubles) {
      document_.faults.push_back(
          {place, pointer_to(pointer(), value), "the key " + in_quotes(value) + " stands twice in its object"});
    }
    level.node->members.push_back({value, place, {}});
    return true;
  }
  bool end_object() override { return close(); }
  bool start_array(size_t) override { return open(JsonNode::Kind::array); }
  bool end_array() override { return close(); }
  bool parse_error(size_t, const std::string&, const json::exception&) override {
    document_.faults.push_back(syntax_fault(text_, progress_));
    return false;
  }

  JsonDocument finish(bool complete) {
    // For the other parser a zero byte ends the text.
    if (complete && space_end(text_, progress_.end) < text_.size()) {
      document_.faults.push_back(syntax_fault(text_, progress_));
      complete = false;
    }
    document_.complete = complete;
    if (!complete) document_.root = {};
    return std::move(document_);
  }

 private:
  struct Level {
    JsonNode* node;  // stays valid: a parent's list does not grow while its child is open
    size_t begin;
    std::set<std::string> keys;
  };

  // Of the innermost open object or list.
  std::string pointer() const {
    std::string pointer;
    for (size_t i = 0; i + 1 < open_.size(); ++i) {
      const JsonNode& node = *open_[i].node;
      pointer = node.kind == JsonNode::Kind::array ? pointer_to(pointer, node.items.size() - 1)
                                                   : pointer_to(pointer, node.members.back().key);
    }
    return pointer;
  }

  JsonPlace pass(After after) {
    const Cursor::Token token = cursor_.next();
    progress_.after = after;
    progress_.begin = token.begin;
    progress_.end = token.end;
    return token.place;
  }

  After after_value() const {
    if (open_.empty()) return After::root;
    return open_.back().node->kind == JsonNode::Kind::array ? After::item : After::member;
  }

  JsonNode* add(JsonNode::Kind kind) {
    JsonNode* node = &document_.root;
    if (!open_.empty() && open_.back().node->kind == JsonNode::Kind::array) {
      node = &open_.back().node->items.emplace_back();
    } else if (!open_.empty()) {
      node = &open_.back().node->members.back().value;
    }
    node->kind = kind;
    node->place = pass(after_value());
    return node;
  }

  bool keep_number(JsonNode& node) {
    node.text = text_.substr(progress_.begin, progress_.end - progress_.begin);
    return true;
  }

  bool open(JsonNode::Kind kind) {
    JsonNode* node = add(kind);
    progress_.after = kind == JsonNode::Kind::array ? After::open_list : After::open_object;
    progress_.opened = progress_.begin;
    open_.push_back({node, progress_.begin, {}});
    if (open_.size() <= deepest) return true;
    document_.faults.push_back({node->place, "", "objects and lists are nested deeper than 64 levels"});
    return false;
  }

  bool close() {
    open_.pop_back();
    pass(after_value());
    if (!open_.empty()) progress_.opened = open_.back().begin;
    return true;
  }

  const std::string& text_;
  Cursor cursor_;
  JsonProgress progress_;
  JsonDocument document_;
  std::vector<Level> open_;
};

}  // namespace

const JsonNode* JsonNode::find(const std::string& key) const {
  const auto found = std::find_if(members.begin(), members.end(), [&](const JsonMember& m) { return m.key == key; });
  return found == members.end() ? nullptr : &found->value;
}

JsonDocument parse_json(const std::string& text) {
  Builder builder(text);
  return builder.finish(json::sax_parse(text, &builder));
}

std::string read_document(const std::filesystem::path& file, const std::string& what) {
  std::error_code error;
  const auto size = std::filesystem::file_size(file, error);
  if (error) throw Error(Fault::spec, what + " '" + file.string() + "' cannot be read");
  if (size > largest_file) {
    throw Error(Fault::spec, what + " '" + file.string() + "' has " + std::to_string(size) + " bytes; a " + what +
                                 " has at most " + std::to_string(largest_file));
  }
  std::ifstream stream(file, std::ios::binary);
  std::string text(size, ' ');
  stream.read(text.data(), static_cast<std::streamsize>(size));
  if (!stream) throw Error(Fault::spec, what + " '" + file.string() + "' cannot be read");
  return text;
}

std::string pointer_to(const std::string& pointer, const std::string& key) {
  std::string longer = pointer + "/";
  for (const char c : key) longer += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
  return longer;
}

std::string pointer_to(const std::string& pointer, size_t index) { return pointer + "/" + std::to_string(index); }

}  // namespace attune
