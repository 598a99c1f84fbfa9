#include "json/quoting.h"

#include <cstdio>

namespace attune {
namespace {

unsigned char byte_at(const std::string& text, size_t at) { return static_cast<unsigned char>(text[at]); }

// The length that the first byte announces; 0 for one that begins no character.
size_t announced_length(unsigned char first) {
  if (first < 0x80) return 1;
  if (first < 0xc2 || first > 0xf4) return 0;
  return first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
}

std::string escaped(char32_t point) {
  if (point == '\n') return "\\n";
  if (point == '\r') return "\\r";
  if (point == '\t') return "\\t";
  char buffer[16];
  std::snprintf(buffer, sizeof buffer, "\\u%04x", static_cast<unsigned>(point));
  return buffer;
}

}  // namespace

size_t utf8_length(const std::string& text, size_t at) {
  const size_t length = announced_length(byte_at(text, at));
  if (length == 0 || at + length > text.size()) return 0;
  for (size_t i = 1; i < length; ++i) {
    if ((byte_at(text, at + i) & 0xc0) != 0x80) return 0;
  }
  const char32_t point = code_point(text, at);
  const bool is_overlong = (length == 3 && point < 0x800) || (length == 4 && point < 0x10000);
  const bool is_surrogate = point >= 0xd800 && point < 0xe000;
  return is_overlong || is_surrogate || point > 0x10ffff ? 0 : length;
}

char32_t code_point(const std::string& text, size_t at) {
  const unsigned char first = byte_at(text, at);
  const size_t length = announced_length(first);
  if (length == 1) return first;
  char32_t point = first & (0xffu >> (length + 1));
  for (size_t i = 1; i < length; ++i) point = point << 6 | (byte_at(text, at + i) & 0x3fu);
  return point;
}

std::string code_point_name(char32_t point) {
  char buffer[16];
  std::snprintf(buffer, sizeof buffer, "U+%04X", static_cast<unsigned>(point));
  return buffer;
}

std::string byte_name(char byte) {
  char buffer[8];
  std::snprintf(buffer, sizeof buffer, "0x%02x", static_cast<unsigned>(static_cast<unsigned char>(byte)));
  return buffer;
}

void append_utf8(std::string& text, char32_t point) {
  const auto last = [&](int shift) { text += static_cast<char>(0x80 | (point >> shift & 0x3f)); };
  if (point < 0x80) {
    text += static_cast<char>(point);
  } else if (point < 0x800) {
    text += static_cast<char>(0xc0 | point >> 6);
    last(0);
  } else if (point < 0x10000) {
    text += static_cast<char>(0xe0 | point >> 12);
    last(6), last(0);
  } else {
    text += static_cast<char>(0xf0 | point >> 18);
    last(12), last(6), last(0);
  }
}

bool is_invisible(char32_t point) {
  const bool is_control = point < 0x20 || (point >= 0x7f && point < 0xa0);
  const bool has_no_width =
      point == 0xad || (point >= 0x200b && point <= 0x200d) || (point >= 0x2060 && point <= 0x2064) || point == 0xfeff;
  const bool ends_line = point == 0x2028 || point == 0x2029;
  const bool turns_text = point == 0x61c || point == 0x200e || point == 0x200f ||
                          (point >= 0x202a && point <= 0x202e) || (point >= 0x2066 && point <= 0x2069);
  return is_control || has_no_width || ends_line || turns_text;
}

std::string one_line(const std::string& text) {
  std::string line;
  for (size_t at = 0; at < text.size();) {
    const size_t length = utf8_length(text, at);
    if (length == 0) {
      line += "\xef\xbf\xbd";  // the replacement character
      ++at;
      continue;
    }
    const char32_t point = code_point(text, at);
    line += is_invisible(point) ? escaped(point) : text.substr(at, length);
    at += length;
  }
  return line;
}

std::string shortened(const std::string& text, size_t most) {
  if (text.size() <= most) return text;
  size_t end = most;
  while (end + 3 > most && end > 0 && (byte_at(text, end) & 0xc0) == 0x80) --end;  // not inside a character
  return text.substr(0, end) + "...";
}

std::string in_quotes(const std::string& text) {
  std::string quoted = "\"";
  for (const char c : shortened(text)) quoted += c == '"' || c == '\\' ? std::string{'\\', c} : std::string(1, c);
  return one_line(quoted + '"');
}

}  // namespace attune
