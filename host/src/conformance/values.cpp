#include "conformance/values.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

namespace attune::conformance {
namespace {

constexpr double far = 1000;  // as far as numbers without a bound are tried

struct Ends {
  double low;
  double high;
};

Ends ends(const ParameterDeclaration& declared) {
  const double low = declared.minimum.value_or(std::min(-far, declared.maximum.value_or(far) - far));
  return {low, declared.maximum.value_or(std::max(far, low + far))};
}

// In [low,high], evenly on a logarithmic scale where the range spans many orders of magnitude.
double between(const Ends& ends, std::mt19937_64& random) {
  const double share = static_cast<double>(random() >> 11) * 0x1p-53;
  if (ends.low > 0 && ends.high / ends.low > 1e4) return ends.low * std::pow(ends.high / ends.low, share);
  return ends.low + (ends.high - ends.low) * share;
}

std::vector<double> numbers(const ParameterDeclaration& declared, std::mt19937_64& random) {
  const Ends range = ends(declared);
  std::vector<double> values{range.low, range.high};
  for (int i = 0; i < 4; ++i) values.push_back(std::clamp(between(range, random), range.low, range.high));
  return values;
}

void append_numbers(const ParameterDeclaration& declared, std::mt19937_64& random,
                    std::vector<ParameterValue>& values) {
  for (const double number : numbers(declared, random)) {
    if (declared.type == ParameterType::integer) {
      values.emplace_back(static_cast<int64_t>(std::llround(number)));
    } else {
      values.emplace_back(number);
    }
  }
}

template <class Names>
void append_names(const Names& names, std::vector<ParameterValue>& values) {
  for (const std::string& name : names) values.emplace_back(name);
}

}  // namespace

std::vector<ParameterValue> allowed_values(const ParameterDeclaration& declared, const Subject& subject,
                                           uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<ParameterValue> values;
  switch (declared.type) {
    case ParameterType::boolean:
      return {false, true};
    case ParameterType::integer:
    case ParameterType::real:
      append_numbers(declared, random, values);
      break;
    case ParameterType::choice_or_real:
      append_names(declared.choices, values);
      append_numbers(declared, random, values);
      break;
    case ParameterType::choice:
      append_names(declared.choices, values);
      break;
    case ParameterType::list: {
      const std::vector<double> entries = numbers(declared, random);
      values = {std::vector<double>{}, std::vector<double>{entries[0]}, std::vector<double>{entries[1]}, entries};
      break;
    }
    case ParameterType::layer:
      append_names(subject.layers(), values);
      break;
    case ParameterType::layers: {
      const std::vector<std::string> names = subject.layers();
      values = {std::vector<std::string>{}, std::vector<std::string>{names.front()}, names};
      break;
    }
    case ParameterType::method:
      for (const std::string& id : subject.methods()) values.emplace_back(ComponentSpec{id, {}});
      if (std::get<ComponentSpec>(declared.default_value).id.empty()) return values;
      break;
    case ParameterType::map:
      append_names(subject.map_names(), values);
      return values;
    default:
      values = {std::string(), std::string("text"), std::string("two words\n\"\xc3\xa5\"")};
  }
  values.push_back(declared.default_value);
  return values;
}

std::vector<ParameterValue> refused_values(const ParameterDeclaration& declared) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const double infinite = std::numeric_limits<double>::infinity();
  std::vector<double> numbers{nan, infinite};
  if (declared.minimum) numbers.push_back(*declared.minimum - std::max(1.0, std::abs(*declared.minimum)));
  if (declared.maximum) numbers.push_back(*declared.maximum + std::max(1.0, std::abs(*declared.maximum)));
  std::vector<ParameterValue> values;
  switch (declared.type) {
    case ParameterType::integer:
      values = {0.5, std::string("1"), true};
      for (size_t i = 2; i < numbers.size(); ++i) values.emplace_back(static_cast<int64_t>(numbers[i]));
      break;
    case ParameterType::real:
      values.assign(numbers.begin(), numbers.end());
      values.insert(values.end(), {std::string("1"), true});
      break;
    case ParameterType::choice_or_real:
      values.assign(numbers.begin(), numbers.end());
      values.insert(values.end(), {std::string("no such choice"), true});
      break;
    case ParameterType::list:
      for (const double number : numbers) values.emplace_back(std::vector<double>{number});
      values.emplace_back(1.0);
      break;
    case ParameterType::choice:
      values = {std::string("no such choice"), true};
      break;
    case ParameterType::boolean:
      values = {int64_t{1}, std::string("true")};
      break;
    case ParameterType::layers:
      values = {std::string("auto"), std::vector<std::string>{"auto", "auto"}};
      break;
    default:
      values = {int64_t{1}, true};
  }
  return values;
}

std::vector<Given> variants(const Subject& subject) {
  std::vector<Given> all{{}};
  for (const ParameterDeclaration& declared : subject.descriptor().parameters) {
    const bool named = declared.type == ParameterType::boolean || declared.type == ParameterType::choice ||
                       declared.type == ParameterType::map;
    if (!named) continue;
    for (const ParameterValue& value : allowed_values(declared, subject, 0)) all.push_back({{declared.name, value}});
  }
  return all;
}

}  // namespace attune::conformance
