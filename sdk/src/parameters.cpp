// Declarations, and the values a component is made from. values.cpp checks and converts single values.
#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include <attune/sdk/error.h>
#include <attune/sdk/parameters.h>

namespace attune {
namespace {

constexpr double unbounded = std::numeric_limits<double>::infinity();

// An infinite bound is no bound, so that documentation and errors never print one.
ParameterDeclaration declare(std::string name, ParameterType type, ParameterValue value, std::string help,
                             Range range = {-unbounded, unbounded}, std::vector<std::string> choices = {}) {
  const auto bound = [](double end) { return std::isfinite(end) ? std::optional(end) : std::nullopt; };
  return {std::move(name),    type,           std::move(value), bound(range.minimum), bound(range.maximum),
          std::move(choices), std::move(help)};
}

std::string joined(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "\"" : ", \"") + name + "\"";
  return text;
}

void refuse_unknown(const std::vector<ParameterDeclaration>& declarations,
                    const std::map<std::string, ParameterValue>& given) {
  std::vector<std::string> names;
  for (const ParameterDeclaration& declaration : declarations) names.push_back(declaration.name);
  for (const auto& [name, value] : given) {
    if (std::find(names.begin(), names.end(), name) != names.end()) continue;
    const std::string known = names.empty() ? "there are no parameters" : "parameters are " + joined(names);
    throw Error(Fault::spec, "unknown parameter \"" + name + "\"; " + known + did_you_mean(name, names));
  }
}

template <class T>
const T& get(const std::map<std::string, ParameterValue>& values, const std::string& name, const char* type) {
  const auto found = values.find(name);
  if (found == values.end()) {
    std::vector<std::string> names;
    for (const auto& [known, value] : values) names.push_back(known);
    throw Error(Fault::run, "parameter \"" + name + "\" is read but was never declared" + did_you_mean(name, names));
  }
  const T* value = std::get_if<T>(&found->second);
  if (!value) throw Error(Fault::run, "parameter \"" + name + "\" is read as " + type + " but not declared as one");
  return *value;
}

}  // namespace

ParameterDeclaration integer(std::string name, int64_t value, Range range, std::string help) {
  return declare(std::move(name), ParameterType::integer, value, std::move(help), range);
}

ParameterDeclaration real(std::string name, double value, Range range, std::string help) {
  return declare(std::move(name), ParameterType::real, value, std::move(help), range);
}

ParameterDeclaration boolean(std::string name, bool value, std::string help) {
  return declare(std::move(name), ParameterType::boolean, value, std::move(help));
}

ParameterDeclaration string(std::string name, std::string value, std::string help) {
  return declare(std::move(name), ParameterType::string, std::move(value), std::move(help));
}

ParameterDeclaration choice(std::string name, std::string value, std::vector<std::string> choices, std::string help) {
  return declare(std::move(name), ParameterType::choice, std::move(value), std::move(help), {-unbounded, unbounded},
                 std::move(choices));
}

ParameterDeclaration choice_or_real(std::string name, ParameterValue value, std::vector<std::string> choices,
                                    Range range, std::string help) {
  return declare(std::move(name), ParameterType::choice_or_real, std::move(value), std::move(help), range,
                 std::move(choices));
}

ParameterDeclaration list(std::string name, std::vector<double> value, Range range, std::string help) {
  return declare(std::move(name), ParameterType::list, std::move(value), std::move(help), range);
}

ParameterDeclaration layer(std::string name, std::string value, std::string help) {
  return declare(std::move(name), ParameterType::layer, std::move(value), std::move(help));
}

ParameterDeclaration map(std::string name, std::string value, std::string help) {
  return declare(std::move(name), ParameterType::map, std::move(value), std::move(help));
}

ParameterDeclaration layers(std::string name, std::vector<std::string> value, std::string help) {
  return declare(std::move(name), ParameterType::layers, std::move(value), std::move(help));
}

ParameterDeclaration method(std::string name, ComponentSpec value, std::string help) {
  return declare(std::move(name), ParameterType::method, std::move(value), std::move(help));
}

Parameters::Parameters(const std::vector<ParameterDeclaration>& declarations,
                       std::map<std::string, ParameterValue> given) {
  refuse_unknown(declarations, given);
  for (const ParameterDeclaration& declaration : declarations) {
    const auto found = given.find(declaration.name);
    ParameterValue value = found == given.end() ? declaration.default_value : std::move(found->second);
    const std::string fault = check_value(declaration, value);
    if (!fault.empty()) throw Error(Fault::spec, "parameter \"" + declaration.name + "\" " + fault);
    const int64_t* whole = std::get_if<int64_t>(&value);
    if (whole && declaration.type != ParameterType::integer) value = static_cast<double>(*whole);
    values_[declaration.name] = std::move(value);
  }
}

int64_t Parameters::integer(const std::string& name) const { return get<int64_t>(values_, name, "an integer"); }

double Parameters::real(const std::string& name) const { return get<double>(values_, name, "a real"); }

bool Parameters::boolean(const std::string& name) const { return get<bool>(values_, name, "a boolean"); }

const std::string& Parameters::string(const std::string& name) const {
  return get<std::string>(values_, name, "a string");
}

const std::vector<double>& Parameters::list(const std::string& name) const {
  return get<std::vector<double>>(values_, name, "a list");
}

const std::vector<std::string>& Parameters::layers(const std::string& name) const {
  return get<std::vector<std::string>>(values_, name, "layers");
}

const ComponentSpec& Parameters::method(const std::string& name) const {
  return get<ComponentSpec>(values_, name, "a method");
}

std::optional<double> Parameters::number(const std::string& name) const {
  const auto found = values_.find(name);
  if (found != values_.end() && std::holds_alternative<std::string>(found->second)) return std::nullopt;
  return real(name);
}

}  // namespace attune
