// What several rooms write and read alike.
#pragma once

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace attune {

// "[3, 224, 224]"
inline std::string shape_text(const std::vector<int64_t>& shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

// Text without the white space around it.
inline std::string trimmed(const std::string& text) {
  constexpr const char* kSpace = " \t\r\n";
  const size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string::npos) return "";
  return text.substr(begin, text.find_last_not_of(kSpace) + 1 - begin);
}

inline std::string in_lower_case(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

// How pictures become inputs; what is not said is left to others.
struct PreprocessText {
  std::optional<std::array<int64_t, 2>> size;  // height, width
  std::optional<bool> crop;
  std::optional<std::vector<double>> mean;
  std::optional<std::vector<double>> std;
};

}  // namespace attune
