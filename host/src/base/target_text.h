// What the text of a target says, on command lines and in specs.
#pragma once

#include <cstdint>
#include <string>

namespace attune {

struct TargetText {
  enum class Kind {
    rank,   // "top5": so many of the best classes; top0 is none of them
    index,  // "340"
    label,
    other,  // nothing, "-3" and numbers of more than nine digits; a name on command lines, where everything may be one
  };
  Kind kind = Kind::label;
  int64_t number = 0;
};

inline TargetText parse_target(const std::string& text) {
  const auto is_number = [](const std::string& digits) {
    return !digits.empty() && digits.find_first_not_of("0123456789") == std::string::npos;
  };
  const bool has_rank = text.compare(0, 3, "top") == 0 && is_number(text.substr(3));
  const std::string digits = has_rank ? text.substr(3) : text;
  const bool is_negative = !text.empty() && text[0] == '-' && is_number(text.substr(1));
  if (text.empty() || is_negative || (is_number(digits) && digits.size() > 9)) return {TargetText::Kind::other};
  if (!is_number(digits)) return {TargetText::Kind::label};
  return {has_rank ? TargetText::Kind::rank : TargetText::Kind::index, std::stoll(digits)};
}

// Of what is none, as JSON Schema has it.
inline constexpr const char* no_target_pattern = "^(|top0+|-[0-9]+|(top)?[0-9]{10,})$";

}  // namespace attune
