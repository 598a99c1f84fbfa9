#include "conformance/values.h"

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "base/numbers.h"
#include "base/text.h"

namespace attune::conformance {

at::Tensor noise(at::IntArrayRef shape, uint64_t seed) {
  return at::randn(shape, at::detail::createCPUGenerator(seed), at::TensorOptions().dtype(at::kDouble));
}

Tensors copies(const Tensors& tensors) {
  Tensors copied;
  for (const at::Tensor& tensor : tensors) {
    copied.push_back(tensor.detach().clone().set_requires_grad(tensor.requires_grad()));
  }
  return copied;
}

Tensors rows(const Tensors& tensors, int64_t begin, int64_t count) {
  Tensors chosen;
  for (const at::Tensor& tensor : tensors) chosen.push_back(tensor.narrow(0, begin, count));
  return chosen;
}

bool same(const at::Tensor& a, const at::Tensor& b) {
  return a.sizes() == b.sizes() && a.scalar_type() == b.scalar_type() &&
         ((a == b) | (a.isnan() & b.isnan())).all().item<bool>();
}

bool finite(const at::Tensor& tensor) { return at::isfinite(tensor.detach()).all().item<bool>(); }

double difference(const at::Tensor& found, const at::Tensor& expected) {
  if (found.sizes() != expected.sizes() || !finite(found) || !finite(expected)) {
    return std::numeric_limits<double>::infinity();
  }
  if (found.numel() == 0) return 0;
  const at::Tensor wanted = expected.detach().to(at::kDouble);
  const double largest = (found.detach().to(at::kDouble) - wanted).abs().max().item<double>();
  return largest == 0 ? 0 : largest / std::max(wanted.abs().max().item<double>(), 1e-30);
}

double difference(const Tensors& found, const Tensors& expected) {
  if (found.size() != expected.size()) return std::numeric_limits<double>::infinity();
  double largest = 0;
  for (size_t i = 0; i < found.size(); ++i) largest = std::max(largest, difference(found[i], expected[i]));
  return largest;
}

std::string shape_of(const at::Tensor& tensor) { return shape_text(tensor.sizes().vec()); }

std::string text_of(double value) { return significant(value, 3); }

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

std::vector<double> numbers_of(const ParameterDeclaration& declared, std::mt19937_64& random) {
  const Ends range = ends(declared);
  std::vector<double> values{range.low, range.high};
  for (int i = 0; i < 4; ++i) values.push_back(std::clamp(between(range, random), range.low, range.high));
  return values;
}

void append_numbers(const ParameterDeclaration& declared, std::mt19937_64& random,
                    std::vector<ParameterValue>& values) {
  const bool whole = declared.type == ParameterType::integer;
  for (const double number : numbers_of(declared, random)) {
    values.push_back(whole ? ParameterValue(int64_t{std::llround(number)}) : ParameterValue(number));
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
    case ParameterType::choice_or_real:
    case ParameterType::choice:
      append_names(declared.choices, values);
      if (declared.type != ParameterType::choice) append_numbers(declared, random, values);
      break;
    case ParameterType::list: {
      const std::vector<double> entries = numbers_of(declared, random);
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
    case ParameterType::choice_or_real:
      values.assign(numbers.begin(), numbers.end());
      values.insert(values.end(), {std::string(declared.type == ParameterType::real ? "1" : "no such choice"), true});
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
