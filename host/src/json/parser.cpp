// Reads JSON (RFC 8259) by recursive descent, and says in plain words why a text is none.

#include <algorithm>
#include <set>
#include <string_view>
#include <utility>

#include "json/document.h"
#include "json/quoting.h"

namespace attune {
namespace {

constexpr size_t deepest = 64;
constexpr size_t most_doubles = 100;
constexpr const char* byte_order_mark = "\xef\xbb\xbf";

bool is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
// Of what number, true, false and null are made, and what is taken for them.
bool is_word(char c) {
  return is_hex(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         std::string_view("_$.+-").find(c) != std::string_view::npos;
}

std::string control_reason(char c) {
  if (c == '\t') return "a tab in a string is written \\t";
  const std::string name = code_point_name(static_cast<unsigned char>(c));
  return "the control character " + name + " in a string is written \\u" + name.substr(2);
}

class Parser {
 public:
  explicit Parser(const std::string& text) : text_(text) {
    if (text_.compare(0, 3, byte_order_mark) == 0) at_ = end_ = line_begin_ = 3;
  }

  JsonDocument read() {
    try {
      if (is_utf16()) fail(0, "the text is not in UTF-8; it looks like UTF-16");
      next();
      if (at_ == text_.size()) fail(0, "the text is empty; expected an object {...}");
      value(document_.root, "an object {...}");
      next();
      if (at_ < text_.size()) fail_if_unusual();
      if (at_ < text_.size()) fail(at_, "unexpected " + found() + " after the end of the document");
      document_.complete = true;
    } catch (const JsonFault& fault) {
      document_.faults.push_back(fault);
      document_.root = {};
    }
    return std::move(document_);
  }

 private:
  bool is_utf16() const {
    const std::string start = text_.substr(0, 2);
    return start == "\xff\xfe" || start == "\xfe\xff" || (start.size() == 2 && (start[0] == 0 || start[1] == 0));
  }

  // The first character from at_ on that is no white space, where at_ then is; zero at the end.
  char next() {
    for (; at_ < text_.size() && std::string_view(" \t\r\n").find(text_[at_]) != std::string_view::npos; ++at_) {
      if (text_[at_] != '\n') continue;
      ++line_;
      line_begin_ = at_ + 1;
    }
    return at_ < text_.size() ? text_[at_] : '\0';
  }

  JsonPlace here() const { return {line_, static_cast<int>(at_ - line_begin_) + 1}; }

  void take(size_t length) { end_ = at_ += length; }

  void value(JsonNode& node, const std::string& expected) {
    const char first = next();
    node.place = here();
    if (first == '{') {
      object(node);
    } else if (first == '[') {
      list(node);
    } else if (first == '"') {
      node.kind = JsonNode::Kind::string;
      node.text = string();
    } else if (is_word(first)) {
      word(node);
    } else {
      fail_for(expected);
    }
  }

  void object(JsonNode& node) {
    node.kind = JsonNode::Kind::object;
    std::set<std::string> keys;
    sequence(node, '}', "a key in double quotes", [&](const std::string& expected) {
      if (next() != '"') fail_for(expected);
      JsonMember& member = node.members.emplace_back();
      member.place = here();
      member.key = string();
      if (next() != ':') fail_for("':' after the key");
      ++at_;
      inside(pointer_to(pointer_, member.key), [&] {
        if (!keys.insert(member.key).second) note_double(member);
        value(member.value, "a value");
      });
    });
  }

  void list(JsonNode& node) {
    node.kind = JsonNode::Kind::array;
    sequence(node, ']', "a value", [&](const std::string& expected) {
      JsonNode& item = node.items.emplace_back();
      inside(pointer_to(pointer_, node.items.size() - 1), [&] { value(item, expected); });
    });
  }

  // What stands between two brackets, with commas in between.
  template <class Item>
  void sequence(const JsonNode& node, char closing, const std::string& item_name, const Item& item) {
    const std::string end = {'\'', closing, '\''};
    const size_t outer = std::exchange(opened_, at_);
    if (++depth_ > deepest) throw JsonFault{node.place, "", "objects and lists are nested deeper than 64 levels"};
    take(1);
    if (next() != closing) {
      item(item_name + " or " + end);
      while (next() == ',') {
        const size_t comma = at_++;
        if (next() == closing) fail(comma, "there must be no ',' before " + end);
        item(item_name);
      }
    }
    if (next() != closing) fail_for("',' or " + end);
    take(1);
    --depth_;
    opened_ = outer;
  }

  template <class Read>
  void inside(std::string pointer, const Read& read) {
    pointer_.swap(pointer);
    read();
    pointer_.swap(pointer);
  }

  void note_double(const JsonMember& member) {
    if (document_.faults.size() == most_doubles) return;
    document_.faults.push_back(
        {member.place, pointer_, "the key " + in_quotes(member.key) + " stands twice in its object"});
  }

  void word(JsonNode& node) {
    const std::string run = run_at(at_);
    const std::string fault = read_word(run, node);
    if (!fault.empty()) fail(at_, fault);
    take(run.size());
  }

  std::string string() {
    std::string value;
    size_t at = at_ + 1;
    while (at < text_.size() && text_[at] != '"') {
      const char c = text_[at];
      if (c == '\\') {
        at += escape(at, value);
        continue;
      }
      const size_t length = utf8_length(text_, at);
      if (length == 0) fail(at, "the byte " + byte_name(c) + " in a string is no UTF-8");
      if (c == '\n' || c == '\r') fail(at_, "the string is not closed on its line; a line break in it is written \\n");
      if (static_cast<unsigned char>(c) < 0x20) fail(at, control_reason(c));
      value.append(text_, at, length);
      at += length;
    }
    if (at == text_.size()) fail(at_, "the string is not closed");
    take(at + 1 - at_);
    return value;
  }

  // How long the escape is.
  size_t escape(size_t at, std::string& value) {
    constexpr std::string_view letters = "\"\\/bfnrt", bytes = "\"\\/\b\f\n\r\t";
    if (at + 1 == text_.size()) fail(at_, "the string is not closed");
    if (text_[at + 1] == 'u') return code_escape(at, value);
    const size_t letter = letters.find(text_[at + 1]);
    if (letter == std::string_view::npos) {
      const std::string escape = text_.substr(at, 1 + std::max<size_t>(utf8_length(text_, at + 1), 1));
      fail(at, one_line(escape) + " is no escape; a backslash itself is written \\\\");
    }
    value += bytes[letter];
    return 2;
  }

  size_t code_escape(size_t at, std::string& value) {
    const int first = hex_value(at + 2);
    if (first < 0) fail(at, "four hexadecimal digits must follow \\u");
    if (first < 0xd800 || first > 0xdfff) {
      append_utf8(value, static_cast<char32_t>(first));
      return 6;
    }
    const int second = first < 0xdc00 && text_.compare(at + 6, 2, "\\u") == 0 ? hex_value(at + 8) : -1;
    if (second < 0xdc00 || second > 0xdfff) {
      fail(at,
           text_.substr(at, 6) + " is half of a pair: a code from d800 to dbff and one from dc00 to dfff go together");
    }
    append_utf8(value, static_cast<char32_t>(0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00)));
    return 12;
  }

  // -1 when the four digits are not there.
  int hex_value(size_t at) const {
    if (at + 4 > text_.size() || !std::all_of(&text_[at], &text_[at] + 4, is_hex)) return -1;
    return std::stoi(text_.substr(at, 4), nullptr, 16);
  }

  [[noreturn]] void fail(size_t offset, const std::string& message) const {
    throw JsonFault{place_of(offset), "", message};
  }

  // Where something else was expected.
  [[noreturn]] void fail_for(const std::string& expected) const {
    fail_if_unusual();
    fail(at_, "expected " + expected + ", not " + found());
  }

  // For what would be wrong anywhere between two tokens.
  void fail_if_unusual() const {
    if (at_ == text_.size()) fail_for_end();
    const char c = text_[at_];
    if (c == '/' || c == '#') fail(at_, "JSON has no comments; a \"description\" can say what this is about");
    if (utf8_length(text_, at_) == 0) fail(at_, "the byte " + byte_name(c) + " is no UTF-8");
    const char32_t point = code_point(text_, at_);
    if (c == '\'' || c == '`' || (point >= 0x2018 && point <= 0x201f)) {
      fail(at_, "a string stands in double quotes, \"like this\"");
    }
    if (is_invisible(point) || point > 0x7f) fail(at_, "unexpected character " + code_point_name(point));
  }

  [[noreturn]] void fail_for_end() const {
    const JsonPlace place = place_of(opened_);
    const std::string what = text_[opened_] == '{' ? "object" : "list";
    fail(end_, "the text ends here, but the " + what + " that begins at line " + std::to_string(place.line) +
                   ", column " + std::to_string(place.column) + " is not closed");
  }

  JsonPlace place_of(size_t offset) const {
    size_t begin = text_.compare(0, 3, byte_order_mark) == 0 ? 3 : 0;  // which is no column
    offset = std::max(offset, begin);
    const auto lines = std::count(text_.begin(), text_.begin() + static_cast<std::ptrdiff_t>(offset), '\n');
    if (lines > 0) begin = text_.rfind('\n', offset - 1) + 1;
    return {static_cast<int>(lines) + 1, static_cast<int>(offset - begin) + 1};
  }

  // The token at at_, which is printable.
  std::string found() const {
    if (is_word(text_[at_])) return "'" + shortened(run_at(at_)) + "'";
    if (text_[at_] != '"') return {'\'', text_[at_], '\''};
    size_t end = at_ + 1;  // behind the closing quote, or at the end of the line
    while (end < text_.size() && text_[end] != '"' && text_[end] != '\n') end += text_[end] == '\\' ? 2 : 1;
    if (end < text_.size() && text_[end] == '"') ++end;
    return one_line(shortened(text_.substr(at_, end - at_)));
  }

  std::string run_at(size_t begin) const {
    const auto end = std::find_if_not(text_.begin() + static_cast<std::ptrdiff_t>(begin), text_.end(), is_word);
    return {text_.begin() + static_cast<std::ptrdiff_t>(begin), end};
  }

  const std::string& text_;
  JsonDocument document_;
  size_t at_ = 0;
  size_t end_ = 0;     // of the last token
  size_t opened_ = 0;  // where the innermost object or list begins that is open
  size_t depth_ = 0;
  std::string pointer_;
  int line_ = 1;
  size_t line_begin_ = 0;
};

}  // namespace

JsonDocument parse_json(const std::string& text) { return Parser(text).read(); }

}  // namespace attune
