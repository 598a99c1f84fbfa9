// Text that somebody else wrote, made fit to be shown in a message.
#pragma once

#include <string>

namespace attune {

// How many bytes the character at `at` has; 0 when there is no well-formed UTF-8.
size_t utf8_length(const std::string& text, size_t at);

// The code point of the well-formed character at `at`.
char32_t code_point(const std::string& text, size_t at);

// "U+00A0"
std::string code_point_name(char32_t point);

// "0x1f"
std::string byte_name(char byte);

void append_utf8(std::string& text, char32_t point);

// Line breaks and other characters that do not show, or that change how a terminal shows the rest.
bool is_invisible(char32_t point);

// As valid UTF-8 on one line: what is_invisible is escaped as in JSON.
std::string one_line(const std::string& text);

// At most `most` bytes of it, ending with "..." when that is not all.
std::string shortened(const std::string& text, size_t most = 60);

// In double quotes and on one line, whatever it holds; shortened.
std::string in_quotes(const std::string& text);

// "a", "b"
template <class Names>
std::string quoted_list(const Names& names) {
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "" : ", ") + in_quotes(name);
  return list;
}

}  // namespace attune
