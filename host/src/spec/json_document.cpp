#include "spec/json_document.h"

#include <algorithm>
#include <nlohmann/json.hpp>

namespace attune {
namespace {

using nlohmann::json;

constexpr size_t deepest = 64;
constexpr size_t longest_quote = 60;

// Finds the tokens of a text that another parser has found to be well formed up to there.
class Cursor {
 public:
  explicit Cursor(const std::string& text) : text_(text) {
    if (text_.compare(0, 3, "\xef\xbb\xbf") == 0) at_ = line_begin_ = 3;  // a byte order mark
  }

  // The place of the next token, which is passed.
  JsonPlace next() {
    while (at_ < text_.size() && is_between_tokens(text_[at_])) step();
    const JsonPlace place{line_, static_cast<int>(at_ - line_begin_) + 1};
    pass_token();
    return place;
  }

  // The place of the byte at `offset`, not before the last token.
  JsonPlace at(size_t offset) {
    while (at_ < std::min(offset, text_.size())) step();
    return {line_, static_cast<int>(at_ - line_begin_) + 1};
  }

 private:
  static bool is_between_tokens(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == ',' || c == ':'; }
  static bool ends_word(char c) { return is_between_tokens(c) || c == '[' || c == ']' || c == '{' || c == '}'; }

  void step() {
    if (text_[at_++] != '\n') return;
    ++line_;
    line_begin_ = at_;
  }

  void pass_token() {
    if (at_ >= text_.size()) return;
    if (text_[at_] == '"') {
      for (++at_; at_ < text_.size() && text_[at_] != '"'; ++at_) {
        if (text_[at_] == '\\') ++at_;
      }
      ++at_;
    } else if (ends_word(text_[at_])) {
      ++at_;
    } else {
      while (at_ < text_.size() && !ends_word(text_[at_])) ++at_;
    }
  }

  const std::string& text_;
  size_t at_ = 0;
  size_t line_begin_ = 0;
  int line_ = 1;
};

// "[json.exception.parse_error.101] parse error at line 1, column 3: syntax error while parsing value - unexpected
// ','; last read: '1,'; expected end of input" -> "unexpected ',' while parsing value; expected end of input"
std::string reason_of(const json::exception& error) {
  std::string text = error.what();
  text.erase(0, text.find("] ") + 2);
  if (text.compare(0, 11, "parse error") == 0) text.erase(0, text.find(": ") + 2);
  const size_t read = text.find("; last read: '");
  if (read != std::string::npos) {
    const size_t expected = text.find("; expected", read);
    text.erase(read, expected == std::string::npos ? expected : expected - read);
  }
  const std::string lead = "syntax error while parsing ";
  const size_t dash = text.find(" - ");
  if (text.compare(0, lead.size(), lead) != 0 || dash == std::string::npos) return text;
  const std::string what = text.substr(lead.size(), dash - lead.size());
  const size_t end = std::min(text.find(';', dash), text.size());
  return text.substr(dash + 3, end - dash - 3) + " while parsing " + what + text.substr(end);
}

class Builder final : public nlohmann::json_sax<json> {
 public:
  explicit Builder(const std::string& text) : cursor_(text) {}

  bool null() override { return add(JsonNode::Kind::null) != nullptr; }
  bool boolean(bool value) override {
    add(JsonNode::Kind::boolean)->boolean = value;
    return true;
  }
  bool number_integer(number_integer_t value) override {
    JsonNode* node = add(JsonNode::Kind::integer);
    node->integer = value;
    node->real = static_cast<double>(value);
    return true;
  }
  bool number_unsigned(number_unsigned_t value) override {
    if (value <= static_cast<number_unsigned_t>(INT64_MAX)) return number_integer(static_cast<int64_t>(value));
    add(JsonNode::Kind::real)->real = static_cast<double>(value);
    return true;
  }
  bool number_float(number_float_t value, const string_t&) override {
    add(JsonNode::Kind::real)->real = value;
    return true;
  }
  bool string(string_t& value) override {
    add(JsonNode::Kind::string)->text = std::move(value);
    return true;
  }
  bool binary(binary_t&) override { return false; }
  bool start_object(size_t) override { return open(JsonNode::Kind::object); }
  bool key(string_t& value) override {
    const JsonPlace place = cursor_.next();
    auto& members = open_.back()->members;
    const auto same = [&](const JsonMember& m) { return m.key == value; };
    if (std::any_of(members.begin(), members.end(), same)) {
      document_.faults.push_back({place, pointer_to(pointers_.back(), value), "the key stands twice in its object"});
    }
    members.push_back({value, place, {}});
    return true;
  }
  bool end_object() override { return close(); }
  bool start_array(size_t) override { return open(JsonNode::Kind::array); }
  bool end_array() override { return close(); }
  bool parse_error(size_t position, const std::string&, const json::exception& error) override {
    const size_t offset = position == 0 ? 0 : position - 1;
    document_.faults.push_back({cursor_.at(offset), "", "this is no JSON: " + reason_of(error)});
    return false;
  }

  JsonDocument finish(bool complete) {
    document_.complete = complete;
    if (!complete) document_.root = {};
    return std::move(document_);
  }

 private:
  JsonNode* add(JsonNode::Kind kind) {
    JsonNode* node = &document_.root;
    if (!open_.empty() && open_.back()->kind == JsonNode::Kind::array) {
      node = &open_.back()->items.emplace_back();
    } else if (!open_.empty()) {
      node = &open_.back()->members.back().value;
    }
    node->kind = kind;
    node->place = cursor_.next();
    return node;
  }

  bool open(JsonNode::Kind kind) {
    std::string pointer;
    if (!open_.empty()) {
      const JsonNode& parent = *open_.back();
      pointer = parent.kind == JsonNode::Kind::array ? pointer_to(pointers_.back(), parent.items.size())
                                                     : pointer_to(pointers_.back(), parent.members.back().key);
    }
    JsonNode* node = add(kind);
    open_.push_back(node);
    pointers_.push_back(pointer);
    if (open_.size() <= deepest) return true;
    document_.faults.push_back({node->place, "", "this is nested deeper than 64 levels"});
    return false;
  }

  bool close() {
    cursor_.next();
    open_.pop_back();
    pointers_.pop_back();
    return true;
  }

  Cursor cursor_;
  JsonDocument document_;
  std::vector<JsonNode*> open_;  // stays valid: a parent's list does not grow while its child is open
  std::vector<std::string> pointers_;
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

std::string pointer_to(const std::string& pointer, const std::string& key) {
  std::string step;
  for (const char c : key) step += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
  const std::string escaped = json(step).dump(-1, ' ', false, json::error_handler_t::replace);
  return pointer + "/" + escaped.substr(1, escaped.size() - 2);
}

std::string pointer_to(const std::string& pointer, size_t index) { return pointer + "/" + std::to_string(index); }

std::string in_quotes(const std::string& text) {
  const std::string shown = text.size() <= longest_quote ? text : text.substr(0, longest_quote) + "...";
  return json(shown).dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace attune
