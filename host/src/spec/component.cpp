#include "spec/component.h"

#include <algorithm>
#include <cctype>

#include <attune/sdk/error.h>

namespace attune {
namespace {

void check_name(const std::string& name, const std::string& text) {
  const auto allowed = [](unsigned char c) { return std::isalnum(c) != 0 || c == '_' || c == '-'; };
  if (!name.empty() && std::all_of(name.begin(), name.end(), allowed)) return;
  throw Error(Fault::usage,
              "'" + name + "' in --method '" + text + "' is no name for files: letters, digits, '_' and '-' are");
}

const ParameterDeclaration& declared_parameter(const Descriptor& descriptor, const std::string& key) {
  std::vector<std::string> names;
  for (const auto& declared : descriptor.parameters) {
    if (declared.name == key) return declared;
    names.push_back(declared.name);
  }
  std::string list;
  for (const auto& name : names) list += (list.empty() ? "" : ", ") + name;
  throw Error(Fault::spec, "method \"" + descriptor.id + "\" has no parameter '" + key + "'; it has " +
                               (list.empty() ? "none" : list) + did_you_mean(key, names));
}

// A comma parts two parameters only when another key=value follows: lists hold commas too.
std::vector<std::string> split_parameters(const std::string& text) {
  std::vector<std::string> parts;
  for (size_t begin = 0; begin <= text.size();) {
    size_t end = text.find(',', begin);
    while (end != std::string::npos && text.find('=', end) > text.find(',', end + 1)) end = text.find(',', end + 1);
    if (end != std::string::npos && text.find('=', end) == std::string::npos) end = std::string::npos;
    parts.push_back(text.substr(begin, end == std::string::npos ? end : end - begin));
    if (end == std::string::npos) break;
    begin = end + 1;
  }
  return parts;
}

}  // namespace

ComponentText parse_method(const std::string& text, const Catalogue& catalogue) {
  ComponentText component;
  const size_t colon = text.find(':');
  const std::string head = text.substr(0, colon);
  const size_t equals = head.find('=');
  component.id = equals == std::string::npos ? head : head.substr(equals + 1);
  component.name = equals == std::string::npos ? component.id : head.substr(0, equals);
  if (equals != std::string::npos) check_name(component.name, text);
  const Descriptor& descriptor = catalogue.component(ComponentKind::method, component.id).descriptor;
  if (colon == std::string::npos) return component;
  for (const std::string& part : split_parameters(text.substr(colon + 1))) {
    const size_t sign = part.find('=');
    if (sign == std::string::npos || sign == 0) {
      throw Error(Fault::usage, "'" + part + "' in --method '" + text + "' is no key=value");
    }
    const std::string key = part.substr(0, sign);
    if (component.parameters.count(key)) {
      throw Error(Fault::usage, "parameter '" + key + "' stands twice in --method '" + text + "'");
    }
    component.parameters[key] = parse_value(declared_parameter(descriptor, key), part.substr(sign + 1));
  }
  return component;
}

void number_repeated_names(std::vector<ComponentText>& components) {
  std::map<std::string, int> seen;
  for (ComponentText& component : components) {
    const int count = ++seen[component.name];
    if (count > 1) component.name += "#" + std::to_string(count);
  }
}

}  // namespace attune
