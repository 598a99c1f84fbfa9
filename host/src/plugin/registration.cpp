#include "plugin/registration.h"

#include <algorithm>
#include <set>
#include <utility>

#include <attune/sdk/error.h>

#include "plugin/contract.h"

namespace attune {
namespace {

bool is_name(const std::string& text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
}

// Keys that a spec gives a meaning of its own beside a component's parameters.
const std::set<std::string> reserved = {"use", "name", "normalise", "stop_gradient", "weight"};

// What is wrong with one declaration, or "".
std::string fault_of(const ParameterDeclaration& declaration) {
  if (!is_name(declaration.name)) return "has a name that is not made of lower-case letters, digits and underscores";
  if (reserved.count(declaration.name))
    return "has a name that specs reserve (use, name, normalise, stop_gradient, weight)";
  if (declaration.minimum && declaration.maximum && *declaration.minimum > *declaration.maximum) {
    return "has a minimum above its maximum";
  }
  const std::string fault = check_value(declaration, declaration.default_value);
  return fault.empty() ? "" : "has a default that its own declaration does not allow: it " + fault;
}

bool has_method(const Descriptor& descriptor, const std::string& name) {
  const auto& declared = descriptor.parameters;
  return std::any_of(declared.begin(), declared.end(), [&](const ParameterDeclaration& one) {
    return one.type == ParameterType::method && one.name == name;
  });
}

std::string fault_of(const Descriptor& descriptor) {
  if (!is_component_id(descriptor.id)) {
    return "has an id that is not made of lower-case letters, digits and underscores, with at most one dot "
           "(vendor.name)";
  }
  const bool ranks =
      std::all_of(descriptor.ranks.begin(), descriptor.ranks.end(), [](int d) { return d >= 1 && d <= 3; });
  if (descriptor.ranks.empty() || !ranks) return "has spatial ranks other than 1, 2 and 3";
  for (const std::string& group : descriptor.groups) {
    if (!is_name(group)) {
      return "is of a group " + quoted(group) + " that is not made of lower-case letters, digits and underscores";
    }
  }
  std::set<std::string> names;
  for (const ParameterDeclaration& declaration : descriptor.parameters) {
    const std::string subject = "has a parameter " + quoted(declaration.name) + " that ";
    if (!names.insert(declaration.name).second) return subject + "is declared twice";
    if (declaration.type == ParameterType::map && descriptor.kind != ComponentKind::matcher) {
      return subject + "names a map, which only matchers are given";
    }
    if (declaration.type == ParameterType::method && descriptor.kind != ComponentKind::method) {
      return subject + "names a method, which only methods are given";
    }
    const std::string fault = fault_of(declaration);
    if (!fault.empty()) return subject + fault;
  }
  if (!descriptor.resolution_of.empty() && !has_method(descriptor, descriptor.resolution_of)) {
    return "has maps of the resolution of " + quoted(descriptor.resolution_of) + ", which is no method parameter";
  }
  return "";
}

}  // namespace

bool is_component_id(const std::string& text) {
  const size_t dot = text.find('.');
  if (dot == std::string::npos) return is_name(text);
  return is_name(text.substr(0, dot)) && is_name(text.substr(dot + 1));
}

Registration::Registration(std::string file, std::function<std::string(const std::string& id)> owner)
    : file_(std::move(file)), owner_(std::move(owner)) {}

void Registration::add(Descriptor descriptor, MethodFactory factory) {
  stage(std::move(descriptor), ComponentKind::method, std::move(factory));
}

void Registration::add(Descriptor descriptor, MatcherFactory factory) {
  stage(std::move(descriptor), ComponentKind::matcher, std::move(factory));
}

void Registration::add(Descriptor descriptor, CorrelationFactory factory) {
  stage(std::move(descriptor), ComponentKind::correlation, std::move(factory));
}

std::map<std::string, Registered> Registration::take() {
  if (!fault_.empty()) throw Error(Fault::plugin, fault_);
  if (staged_.empty()) throw Error(Fault::plugin, "the plugin registers no component");
  return std::move(staged_);
}

void Registration::stage(Descriptor descriptor, ComponentKind kind, Factory factory) {
  const bool callable = std::visit([](const auto& function) { return static_cast<bool>(function); }, factory);
  const std::string id = descriptor.id;
  descriptor.kind = kind;
  std::string fault = fault_of(descriptor);
  if (fault.empty() && !callable) fault = "has an empty factory";
  if (fault.empty() && staged_.count(id)) fault = "is registered twice by " + file_;
  if (fault.empty() && !owner_(id).empty()) {
    fault = "is registered by " + file_ + ", but " + owner_(id) +
            " comes first on the search path and registered it already";
  }
  if (fault.empty()) {
    staged_.emplace(id, Registered{std::move(descriptor), std::move(factory)});
    return;
  }
  fault = to_string(kind) + " " + quoted(id) + " " + fault;
  if (fault_.empty()) fault_ = fault;
  throw Error(Fault::plugin, fault);
}

}  // namespace attune
