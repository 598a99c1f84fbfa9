// Numbers and lists as text, alike wherever they are written.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

namespace attune {

// "0.442"; "-" of NaN.
inline std::string fixed(double value, int digits = 3) {
  if (std::isnan(value)) return "-";
  char text[400];  // the greatest number has 309 digits before its point
  std::snprintf(text, sizeof text, "%.*f", digits, value);
  return text;
}

// As many digits as matter: "0.77", "1.2e-05".
inline std::string significant(double value, int digits = 6) {
  char text[64];
  std::snprintf(text, sizeof text, "%.*g", digits, value);
  return text;
}

// "98.3 %" of a share.
inline std::string percent(double share) { return fixed(100 * share, 1) + " %"; }

// The middles of `parts` equal parts of `count`; some repeat when there are more.
inline std::vector<int64_t> even_places(int64_t count, int64_t parts) {
  std::vector<int64_t> places;
  for (int64_t i = 0; i < parts; ++i) places.push_back((2 * i + 1) * count / (2 * parts));
  return places;
}

// "cam, gb"
inline std::string listed(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

}  // namespace attune
