// Lines of comma-separated values.
#pragma once

#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>
#include <string_view>

#include <attune/sdk/error.h>

#include "base/text.h"

namespace attune {

// The fields of a line, without the white space around them. One in double quotes may hold commas and, doubled, quotes.
// Throws Error(Fault::input) when a quote is not closed.
inline std::vector<std::string> csv_fields(std::string_view line) {
  std::vector<std::string> fields(1);
  bool in_quotes = false;
  for (size_t i = 0; i < line.size(); ++i) {
    if (in_quotes && line[i] == '"' && i + 1 < line.size() && line[i + 1] == '"') {
      fields.back() += line[i++];
    } else if (line[i] == '"' && (in_quotes || trimmed(fields.back()).empty())) {
      in_quotes = !in_quotes;
    } else if (line[i] == ',' && !in_quotes) {
      fields.emplace_back();
    } else {
      fields.back() += line[i];
    }
  }
  if (in_quotes) throw Error(Fault::input, "a double quote is not closed");
  for (std::string& field : fields) field = trimmed(field);
  return fields;
}

// Of one field at least, with its end; quotes stand where a field needs them.
inline std::string csv_line(const std::vector<std::string>& fields) {
  std::string line;
  for (const std::string& field : fields) {
    const std::string quote = field.find_first_of(",\"\n\r") == std::string::npos ? "" : "\"";
    line += quote;
    for (const char c : field) line.append(c == '"' ? 2 : 1, c);
    line += quote + ',';
  }
  line.back() = '\n';
  return line;
}

// The shortest text that reads back as the same number; nothing for what is not finite.
inline std::string csv_number(double value) {
  if (!std::isfinite(value)) return "";
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

// NaN for nothing.
inline double csv_value(const std::string& field) {
  return field.empty() ? std::numeric_limits<double>::quiet_NaN() : std::strtod(field.c_str(), nullptr);
}

}  // namespace attune
