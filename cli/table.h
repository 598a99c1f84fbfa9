// Columns of text, each as wide as its widest cell.
#pragma once

#include <algorithm>
#include <ostream>
#include <string>
#include <vector>

namespace attune::cli {

using Cells = std::vector<std::string>;

// Of UTF-8, in characters.
inline size_t width_of(const std::string& text) {
  const auto begins_one = [](char c) { return (static_cast<unsigned char>(c) & 0xc0U) != 0x80U; };
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), begins_one));
}

// With spaces behind it, or before it.
inline std::string padded(const std::string& text, size_t width, bool to_the_right = false) {
  const std::string space(std::max(width, width_of(text)) - width_of(text), ' ');
  return to_the_right ? space + text : text + space;
}

// Rows may be of different lengths; nothing follows the last cell of each. `align`: "lr" of a column of words and one
// of numbers, whose cells end below each other; further columns are words.
inline void print_table(std::ostream& out, const std::vector<Cells>& rows, const std::string& align = "",
                        const std::string& indent = "") {
  std::vector<size_t> widths;
  for (const Cells& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));
  }
  for (const Cells& row : rows) {
    std::string line = indent;
    for (size_t i = 0; i < row.size(); ++i) {
      line += (i == 0 ? "" : "  ") + padded(row[i], widths[i], i < align.size() && align[i] == 'r');
    }
    out << line.substr(0, line.find_last_not_of(' ') + 1) << '\n';
  }
}

}  // namespace attune::cli
