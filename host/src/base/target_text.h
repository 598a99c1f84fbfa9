// What the text of a target says, on command lines and in specs: CLASS[:key=value,...].
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <regex>
#include <string>
#include <vector>

#include <attune/sdk/error.h>

namespace attune {

// Keys of a target, declared once: the parser, the schema of specs and the documentation read them.
struct TargetKey {
  std::string name;
  std::string values;
  std::string pattern;
  std::string help;
};

inline const std::vector<TargetKey>& target_keys() {
  static const std::vector<TargetKey> keys = {
      {"minus", "CLASS or similarK", "(?!(similar|top)0+$).+",
       "The score of another class is taken off, or that of the K nearest, weighted"},
      {"of", "score, probability or log_probability", "score|(log_)?probability",
       "What the output's numbers become first"},
      {"output", "NAME", ".+", "Of several outputs this one: an index of a tuple, a key of a dict"},
      {"axis", "INDEX", "[1-9][0-9]{0,8}", "Where the classes are in an output of more than two axes"},
      {"boxes", "COUNT", "[0-9]{1,9}",
       "So many numbers in front of the classes are none; 4 for [N,A,4+K] and [N,4+K,A]"},
      {"region", "predicted, all, X0,Y0,X1,Y1 or FILE", ".+", "Which positions of [N,K,H,W] count"},
      {"pick", "sum, mean, max or topN", "sum|mean|max|top[1-9][0-9]{0,8}",
       "How positions or anchors become one number"},
      {"similar_to", "FILE", ".+", "The cosine of the output and the vector in a .npy file"},
      {"value", "INDEX", "([0-9]{1,9})?", "A number of the output that is no class; without INDEX its only one"},
  };
  return keys;
}

struct TargetText {
  enum class Kind {
    rank,   // "top5": so many of the best classes; top0 is none of them
    index,  // "340"
    label,
    all,    // every class
    other,  // nothing, "-3" and numbers of more than nine digits; a name on command lines, where everything may be one
  };
  Kind kind = Kind::label;
  int64_t number = 0;
  std::string name = "";  // what stands for CLASS
  std::map<std::string, std::string> keys = {};
  std::string fault = "";  // what is wrong with the keys: "has no key ..."

  bool has(const std::string& key) const { return keys.count(key) != 0; }
  std::string get(const std::string& key, const std::string& otherwise = "") const {
    const auto found = keys.find(key);
    return found == keys.end() ? otherwise : found->second;
  }
};

namespace target_parts {

inline bool is_number(const std::string& text) {
  return !text.empty() && text.size() <= 9 && text.find_first_not_of("0123456789") == std::string::npos;
}

// "top5" after "top", "similar3" after "similar".
inline bool is_counted(const std::string& text, const std::string& word) {
  return text.compare(0, word.size(), word) == 0 && is_number(text.substr(word.size()));
}

inline TargetText class_of(const std::string& text) {
  const auto is_digits = [](const std::string& digits) {
    return !digits.empty() && digits.find_first_not_of("0123456789") == std::string::npos;
  };
  const bool has_rank = text.compare(0, 3, "top") == 0 && is_digits(text.substr(3));
  const std::string digits = has_rank ? text.substr(3) : text;
  const bool is_negative = !text.empty() && text[0] == '-' && is_digits(text.substr(1));
  if (text.empty() || is_negative || (is_digits(digits) && digits.size() > 9)) {
    return {TargetText::Kind::other, 0, text};
  }
  if (text == "all") return {TargetText::Kind::all, 0, text};
  if (!is_digits(digits)) return {TargetText::Kind::label, 0, text};
  return {has_rank ? TargetText::Kind::rank : TargetText::Kind::index, std::stoll(digits), text};
}

// "minus" of "minus=3", "value" of "value"; "" for what begins no key.
inline std::string key_of(const std::string& segment) {
  const size_t end = segment.find_first_not_of("abcdefghijklmnopqrstuvwxyz_");
  if (end == std::string::npos) return segment == "value" ? segment : "";
  return segment[end] == '=' ? segment.substr(0, end) : "";
}

// "1,2,3,4"; empty when there are not exactly `count` numbers.
inline std::vector<int64_t> numbers_of(const std::string& text, size_t count) {
  std::vector<int64_t> numbers;
  for (size_t begin = 0, end = 0; end != std::string::npos; begin = end + 1) {
    end = text.find(',', begin);
    const std::string part = text.substr(begin, end == std::string::npos ? end : end - begin);
    if (!is_number(part)) return {};
    numbers.push_back(std::stoll(part));
  }
  return numbers.size() == count ? numbers : std::vector<int64_t>();
}

inline std::string fault_of(const TargetText& target) {
  std::vector<std::string> names;
  for (const TargetKey& key : target_keys()) names.push_back(key.name);
  std::string all;
  for (const std::string& name : names) all += (all.empty() ? "" : ", ") + name;
  for (const auto& [key, value] : target.keys) {
    const auto known = std::find(names.begin(), names.end(), key);
    if (known == names.end()) return "has no key '" + key + "'" + did_you_mean(key, names) + "; its keys are " + all;
    const TargetKey& declared = target_keys()[static_cast<size_t>(known - names.begin())];
    constexpr size_t longest = 4000;  // std::regex takes a stack frame for each character
    if (value.size() <= longest && std::regex_match(value, std::regex(declared.pattern))) continue;
    return "gives " + key + " '" + value.substr(0, 60) + "'; expected " + declared.values;
  }
  const auto both = [&](const std::string& one, const std::vector<std::string>& others) {
    for (const std::string& other : others) {
      if (target.has(one) && target.has(other)) return "has both " + one + " and " + other + ", of which it takes one";
    }
    return std::string();
  };
  std::string clash = both("similar_to", {"minus", "of", "axis", "boxes", "region", "pick", "value"});
  if (clash.empty()) clash = both("value", {"minus", "of"});
  if (!clash.empty()) return clash;
  if (target.kind == TargetText::Kind::all && target.has("minus")) return "has no class that minus could take from";
  return "";
}

}  // namespace target_parts

// `labels` come before everything that only looks like a class with keys.
inline TargetText parse_target(const std::string& text, const std::vector<std::string>& labels = {}) {
  using target_parts::class_of, target_parts::key_of;
  if (std::count(labels.begin(), labels.end(), text) != 0) return class_of(text);
  const bool without_class = !key_of(text.substr(0, text.find(','))).empty();
  size_t colon = without_class ? 0 : text.find(':');
  for (; !without_class && colon != std::string::npos; colon = text.find(':', colon + 1)) {
    const bool certain = class_of(text.substr(0, colon)).kind != TargetText::Kind::label;
    if (certain || !key_of(text.substr(colon + 1, text.find(',', colon) - colon - 1)).empty()) break;
  }
  if (colon == std::string::npos) return class_of(text);
  TargetText target = class_of(without_class ? "top1" : text.substr(0, colon));
  std::string* value = nullptr;  // of the last key, which goes on behind a comma
  for (size_t begin = without_class ? 0 : colon + 1, end = 0; end != std::string::npos; begin = end + 1) {
    end = text.find(',', begin);
    const std::string part = text.substr(begin, end == std::string::npos ? end : end - begin);
    const std::string key = key_of(part);
    if (key.empty() && value == nullptr) {
      target.fault = "says '" + part + "' behind its class; expected key=value";
      return target;
    }
    if (key.empty()) {
      *value += "," + part;
      continue;
    }
    const bool is_new = target.keys.count(key) == 0;
    value = &(target.keys[key] = part == key ? "" : part.substr(key.size() + 1));
    if (!is_new) target.fault = "says " + key + " twice";
  }
  if (target.fault.empty()) target.fault = target_parts::fault_of(target);
  return target;
}

// Of what is none, as JSON Schema has it.
inline constexpr const char* no_target_pattern = "^(|top0+|-[0-9]+|(top)?[0-9]{10,})$";

}  // namespace attune
