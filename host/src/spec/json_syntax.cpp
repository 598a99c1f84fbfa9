#include "spec/json_syntax.h"

#include <algorithm>
#include <cstdio>
#include <optional>

#include <attune/sdk/error.h>

#include "spec/quoting.h"

namespace attune {
namespace {

using After = JsonProgress::After;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$'; }
bool is_word(char c) { return is_digit(c) || is_letter(c) || c == '.' || c == '+' || c == '-'; }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

std::string byte_name(char byte) {
  char buffer[8];
  std::snprintf(buffer, sizeof buffer, "0x%02x", static_cast<unsigned>(static_cast<unsigned char>(byte)));
  return buffer;
}

size_t digits_end(const std::string& text, size_t at) {
  while (at < text.size() && is_digit(text[at])) ++at;
  return at;
}

// Why a run of letters, digits, points and signs is no number.
std::string number_reason(const std::string& run) {
  if (number_end(run, 0) == run.size()) return "the number " + shortened(run) + " is too large";
  const std::string lead = "'" + shortened(run) + "' is no number";
  const size_t digits = run[0] == '-' ? 1 : 0;
  const size_t point = run.find('.');
  if (run[0] == '+') return lead + ": a number has no plus sign in front";
  if (digits_end(run, digits) > digits + 1 && run[digits] == '0') return lead + ": leave out the 0 in front";
  if (point == digits) return lead + ": a digit must stand before the point";
  if (point != std::string::npos && digits_end(run, point + 1) == point + 1) {
    return lead + ": a digit must follow the point";
  }
  return lead;
}

std::string word_reason(const std::string& word) {
  if (word == "NaN" || word == "nan" || word == "Infinity" || word == "inf") {
    return "'" + word + "' is no number that JSON can hold";
  }
  const std::string hint = word.size() > 10 ? "" : did_you_mean(word, {"true", "false", "null"});
  return "'" + shortened(word) + "' is none of the words true, false and null" +
         (hint.empty() ? "; a string stands in double quotes" : hint);
}

class Diagnosis {
 public:
  Diagnosis(const std::string& text, const JsonProgress& progress)
      : text_(text), progress_(progress), at_(space_end(text, progress.end)) {}

  JsonFault find() {
    if (is_glued()) return lone(progress_.begin);
    switch (progress_.after) {
      case After::nothing:
        return in_place_of_root();
      case After::open_object:
        return in_place_of_key("a key in double quotes or '}'");
      case After::open_list:
        return in_place_of_value("a value or ']'");
      case After::key:
        return after_key();
      case After::member:
        return after_value('}');
      case After::item:
        return after_value(']');
      default:
        return unusual(at_).value_or(fault(at_, "unexpected " + found() + " after the end of the document"));
    }
  }

 private:
  JsonFault fault(size_t offset, const std::string& message) const { return {place_of(text_, offset), "", message}; }

  // "1.5.2" and "truest" begin with a good token.
  bool is_glued() const {
    const size_t end = progress_.end;
    return end > progress_.begin && is_word(text_[progress_.begin]) && end < text_.size() && is_word(text_[end]);
  }

  std::string run(size_t begin) const {
    size_t end = begin;
    while (end < text_.size() && is_word(text_[end])) ++end;
    return text_.substr(begin, end - begin);
  }

  // A number or word that is none.
  JsonFault lone(size_t begin) const {
    const std::string whole = run(begin);
    return fault(begin, is_letter(whole[0]) ? word_reason(whole) : number_reason(whole));
  }

  JsonFault in_place_of_root() {
    const std::string start = text_.substr(0, 2);
    if (start == "\xff\xfe" || start == "\xfe\xff" || (start.size() == 2 && (start[0] == 0 || start[1] == 0))) {
      return fault(0, "the text is not in UTF-8; it looks like UTF-16");
    }
    if (at_ == text_.size()) return fault(0, "the text is empty; expected an object {...}");
    return in_place_of_value("an object {...}");
  }

  JsonFault after_key() {
    if (at_ == text_.size() || text_[at_] != ':') return in_place_of_sign("':' after the key");
    at_ = space_end(text_, at_ + 1);
    return in_place_of_value("a value");
  }

  JsonFault after_value(char closing) {
    const std::string end = {'\'', closing, '\''};
    if (at_ == text_.size() || text_[at_] != ',') return in_place_of_sign("',' or " + end);
    const size_t comma = at_;
    at_ = space_end(text_, at_ + 1);
    if (at_ < text_.size() && text_[at_] == closing) return fault(comma, "there must be no ',' before " + end);
    return closing == '}' ? in_place_of_key("a key in double quotes") : in_place_of_value("a value");
  }

  JsonFault in_place_of_sign(const std::string& expected) const {
    return unusual(at_).value_or(fault(at_, "expected " + expected + ", not " + found()));
  }

  JsonFault in_place_of_key(const std::string& expected) const {
    if (at_ < text_.size() && text_[at_] == '"') return in_string();
    return in_place_of_sign(expected);
  }

  JsonFault in_place_of_value(const std::string& expected) const {
    if (at_ == text_.size()) return in_place_of_sign(expected);
    if (text_[at_] == '"') return in_string();
    return is_word(text_[at_]) ? lone(at_) : in_place_of_sign(expected);
  }

  // What would be wrong anywhere between two tokens.
  std::optional<JsonFault> unusual(size_t at) const {
    if (at == text_.size()) return unclosed();
    const char c = text_[at];
    if (c == '/' || c == '#') return fault(at, "JSON has no comments; a \"description\" can say what this is about");
    const size_t length = utf8_length(text_, at);
    if (length == 0) return fault(at, "the byte " + byte_name(c) + " is no UTF-8");
    const char32_t point = code_point(text_, at);
    if (c == '\'' || c == '`' || (point >= 0x2018 && point <= 0x201f)) {
      return fault(at, "a string stands in double quotes, \"like this\"");
    }
    if (is_invisible(point) || point > 0x7f) return fault(at, "unexpected character " + code_point_name(point));
    return std::nullopt;
  }

  JsonFault unclosed() const {
    const JsonPlace place = place_of(text_, progress_.opened);
    const std::string what = text_[progress_.opened] == '{' ? "object" : "list";
    return fault(progress_.end, "the text ends here, but the " + what + " that begins at line " +
                                    std::to_string(place.line) + ", column " + std::to_string(place.column) +
                                    " is not closed");
  }

  // The token at at_, which is printable.
  std::string found() const {
    if (is_word(text_[at_])) return "'" + shortened(run(at_)) + "'";
    if (text_[at_] != '"') return {'\'', text_[at_], '\''};
    return one_line(shortened(text_.substr(at_, string_end() - at_)));
  }

  // Behind the closing quote of the string at at_, or the end of its line.
  size_t string_end() const {
    for (size_t at = at_ + 1; at < text_.size(); ++at) {
      if (text_[at] == '"') return at + 1;
      if (text_[at] == '\n') return at;
      if (text_[at] == '\\') ++at;
    }
    return text_.size();
  }

  // In the string at at_, which may turn out to be good.
  JsonFault in_string() const {
    for (size_t at = at_ + 1; at < text_.size() && text_[at] != '"';) {
      if (text_[at] == '\\' && at + 1 == text_.size()) break;
      const size_t length = text_[at] == '\\' ? escape_length(at) : utf8_length(text_, at);
      if (length == 0 && text_[at] == '\\') return fault(at, escape_reason(at));
      if (length == 0) return fault(at, "the byte " + byte_name(text_[at]) + " in a string is no UTF-8");
      if (text_[at] == '\n' || text_[at] == '\r') {
        return fault(at_, "the string is not closed on its line; a line break in it is written \\n");
      }
      if (static_cast<unsigned char>(text_[at]) < 0x20) return fault(at, control_reason(text_[at]));
      at += length;
    }
    return fault(at_, "the string is not closed");
  }

  static std::string control_reason(char c) {
    if (c == '\t') return "a tab in a string is written \\t";
    const std::string name = code_point_name(static_cast<unsigned char>(c));
    return "the control character " + name + " in a string is written \\u" + name.substr(2);
  }

  // -1 when the four digits are not there.
  int hex_value(size_t at) const {
    if (at + 4 > text_.size() || !std::all_of(&text_[at], &text_[at] + 4, is_hex)) return -1;
    return std::stoi(text_.substr(at, 4), nullptr, 16);
  }

  // Of a good escape, pairs of surrogates included; 0 for others.
  size_t escape_length(size_t at) const {
    if (text_[at + 1] != 'u') return std::string("\"\\/bfnrt").find(text_[at + 1]) == std::string::npos ? 0 : 2;
    const int first = hex_value(at + 2);
    if (first < 0xd800 || first > 0xdfff) return first < 0 ? 0 : 6;
    const bool is_pair = first < 0xdc00 && text_.compare(at + 6, 2, "\\u") == 0 && hex_value(at + 8) >= 0xdc00 &&
                         hex_value(at + 8) <= 0xdfff;
    return is_pair ? 12 : 0;
  }

  std::string escape_reason(size_t at) const {
    if (text_[at + 1] != 'u') {
      const std::string escape = text_.substr(at, 1 + std::max<size_t>(utf8_length(text_, at + 1), 1));
      return one_line(escape) + " is no escape; a backslash itself is written \\\\";
    }
    if (hex_value(at + 2) < 0) return "four hexadecimal digits must follow \\u";
    return text_.substr(at, 6) + " is half of a pair: a code from d800 to dbff and one from dc00 to dfff go together";
  }

  const std::string& text_;
  const JsonProgress& progress_;
  size_t at_;
};

}  // namespace

JsonPlace place_of(const std::string& text, size_t offset) {
  JsonPlace place;
  size_t line_begin = text.compare(0, 3, "\xef\xbb\xbf") == 0 ? 3 : 0;  // a byte order mark is no column
  offset = std::max(offset, line_begin);
  for (size_t end = text.find('\n', line_begin); end < offset; end = text.find('\n', line_begin)) {
    line_begin = end + 1;
    ++place.line;
  }
  place.column = static_cast<int>(offset - line_begin) + 1;
  return place;
}

size_t number_end(const std::string& text, size_t begin) {
  size_t at = begin < text.size() && text[begin] == '-' ? begin + 1 : begin;
  const size_t whole = at;
  at = at < text.size() && text[at] == '0' ? at + 1 : digits_end(text, at);
  if (at == whole) return begin;
  if (at < text.size() && text[at] == '.' && digits_end(text, at + 1) > at + 1) at = digits_end(text, at + 1);
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    const size_t digits = at + (at + 1 < text.size() && (text[at + 1] == '+' || text[at + 1] == '-') ? 2 : 1);
    if (digits_end(text, digits) > digits) at = digits_end(text, digits);
  }
  return at;
}

size_t space_end(const std::string& text, size_t begin) {
  return std::min(text.find_first_not_of(" \t\r\n", begin), text.size());
}

JsonFault syntax_fault(const std::string& text, const JsonProgress& progress) {
  return Diagnosis(text, progress).find();
}

}  // namespace attune
