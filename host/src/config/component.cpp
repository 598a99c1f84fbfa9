#include "config/component.h"

#include <algorithm>
#include <cctype>
#include <set>

#include <attune/sdk/error.h>

#include "base/numbers.h"

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
  throw Error(Fault::spec, "method \"" + descriptor.id + "\" has no parameter '" + key + "'; it has " +
                               (names.empty() ? "none" : listed(names)) + did_you_mean(key, names));
}

// Where the parameter ends that begins at `begin`. A comma parts two parameters only when another key=value follows:
// lists hold commas too.
size_t end_of_parameter(const std::string& text, size_t begin) {
  size_t end = text.find(',', begin);
  while (end != std::string::npos && text.find('=', end) > text.find(',', end + 1)) end = text.find(',', end + 1);
  return text.find('=', end) == std::string::npos ? text.size() : end;
}

// Reads ID[:key=value,...], in which a method may stand as a value: its id, or all of it in parentheses.
class MethodText {
 public:
  MethodText(const std::string& whole, const Catalogue& catalogue)
      : place_(" in --method '" + whole + "'"), catalogue_(catalogue) {}

  ComponentSpec read(const std::string& text, int depth = 0) const {
    if (depth > deepest_nesting) {
      throw Error(Fault::usage, "methods are nested more than " + std::to_string(deepest_nesting) + " deep" + place_);
    }
    const size_t colon = text.find(':');
    ComponentSpec method{text.substr(0, colon), {}};
    const Descriptor& descriptor = catalogue_.component(ComponentKind::method, method.id).descriptor;
    if (colon == std::string::npos) return method;
    for (size_t begin = colon + 1; begin <= text.size();) {
      size_t end = end_of_parameter(text, begin);
      const size_t sign = text.find('=', begin);
      if (sign >= end || sign == begin) {
        throw Error(Fault::usage, "'" + text.substr(begin, end - begin) + "'" + place_ + " is no key=value");
      }
      const std::string key = text.substr(begin, sign - begin);
      if (method.parameters.count(key)) throw Error(Fault::usage, "parameter '" + key + "' stands twice" + place_);
      const ParameterDeclaration& declared = declared_parameter(descriptor, key);
      const bool is_method = declared.type == ParameterType::method;
      if (is_method && text[sign + 1] == '(') end = behind_parentheses(text, sign + 1);
      const std::string value = text.substr(sign + 1, end - sign - 1);
      method.parameters[key] = is_method ? nested(key, value, depth) : parse_value(declared, value);
      begin = end + 1;
    }
    return method;
  }

 private:
  ParameterValue nested(const std::string& key, const std::string& text, int depth) const {
    if (!text.empty() && text[0] == '(') return read(text.substr(1, text.size() - 2), depth + 1);
    if (text.find(':') == std::string::npos) return read(text, depth + 1);
    throw Error(Fault::usage, "'" + text + "'" + place_ + " must stand in parentheses: " + key + "=(" + text + ")");
  }

  size_t behind_parentheses(const std::string& text, size_t begin) const {
    int open = 0;
    size_t end = begin;
    do {
      if (end == text.size()) {
        throw Error(Fault::usage, "'" + text.substr(begin) + "'" + place_ + " lacks a closing parenthesis");
      }
      open += text[end] == '(' ? 1 : text[end] == ')' ? -1 : 0;
      ++end;
    } while (open > 0);
    if (end == text.size() || text[end] == ',') return end;
    throw Error(Fault::usage, "'" + text.substr(end) + "'" + place_ + " stands behind a closing parenthesis, where a " +
                                  "comma or the end is expected");
  }

  std::string place_;
  const Catalogue& catalogue_;
};

}  // namespace

ComponentText parse_method(const std::string& text, const Catalogue& catalogue) {
  const size_t colon = text.find(':');
  const std::string head = text.substr(0, colon);
  const size_t equals = head.find('=');
  if (equals != std::string::npos) check_name(head.substr(0, equals), text);
  const ComponentSpec method =
      MethodText(text, catalogue).read(equals == std::string::npos ? text : text.substr(equals + 1));
  return {equals == std::string::npos ? method.id : head.substr(0, equals), method.id, method.parameters};
}

std::vector<ComponentText> parse_methods(const std::string& text, const Catalogue& catalogue) {
  const std::string all = "all";
  const bool is_group = text.compare(0, all.size() + 1, all + "-") == 0;
  if (text != all && !is_group) return {parse_method(text, catalogue)};
  const std::string group = is_group ? text.substr(all.size() + 1) : "";
  std::vector<ComponentText> methods;
  std::set<std::string> groups;
  for (const std::string& id : catalogue.ids(ComponentKind::method)) {
    const auto& of = catalogue.find(id)->descriptor.groups;
    groups.insert(of.begin(), of.end());
    const bool is_in = is_group ? std::count(of.begin(), of.end(), group) > 0 : !of.empty();
    if (is_in) methods.push_back({id, id, {}, /*optional=*/true});
  }
  if (!methods.empty()) return methods;
  const std::vector<std::string> known(groups.begin(), groups.end());
  throw Error(Fault::usage, "no method is of the group '" + group + "' in --method '" + text + "'; " +
                                (known.empty() ? "there are no groups" : "groups are " + listed(known)) +
                                did_you_mean(group, known));
}

std::vector<std::string> named_layers(const ComponentSpec& method, const Catalogue& catalogue) {
  std::vector<std::string> layers;
  const auto add = [&](const std::vector<std::string>& more) { layers.insert(layers.end(), more.begin(), more.end()); };
  const ComponentSpec whole = catalogue.resolved(ComponentKind::method, method);
  for (const auto& declared : catalogue.find(method.id)->descriptor.parameters) {
    const ParameterValue& value = whole.parameters.at(declared.name);
    if (declared.type == ParameterType::layer) add({std::get<std::string>(value)});
    if (declared.type == ParameterType::layers) add(std::get<std::vector<std::string>>(value));
    if (declared.type == ParameterType::method) add(named_layers(std::get<ComponentSpec>(value), catalogue));
  }
  return layers;
}

std::string title_of(const ComponentSpec& method, const Catalogue& catalogue) {
  std::string title = catalogue.find(method.id)->descriptor.title;
  for (const auto& [name, value] : catalogue.resolved(ComponentKind::method, method).parameters) {
    const auto* nested = std::get_if<ComponentSpec>(&value);
    if (nested != nullptr) title += " of " + title_of(*nested, catalogue);
  }
  return title;
}

MapInfo info_of(const MapSpec& map, const Catalogue& catalogue) {
  if (map.annotated) return {map.name, true};
  const bool is_known = catalogue.find(map.method.id) != nullptr;
  return {map.name, is_known && catalogue.descriptor(ComponentKind::method, map.method).at_input_resolution};
}

void number_repeated_names(std::vector<ComponentText>& components) {
  std::map<std::string, int> seen;
  for (ComponentText& component : components) {
    const int count = ++seen[component.name];
    if (count > 1) component.name += "#" + std::to_string(count);
  }
}

}  // namespace attune
