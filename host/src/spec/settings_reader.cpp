#include "spec/settings_reader.h"

#include <algorithm>

namespace attune {
namespace {

std::string setting_fault(const Setting& setting, const JsonNode& node) {
  const std::string fault = parameter_fault(setting.declared, node);
  if (!fault.empty()) return fault;
  if (setting.required && node.kind == JsonNode::Kind::string && node.text.empty()) return "must not be empty";
  if (setting.length == 0 || node.items.size() == setting.length) return "";
  if (setting.or_one && node.items.size() == 1) return "";
  return std::string("must be a list of ") + (setting.or_one ? "1 or " : "") + std::to_string(setting.length) +
         " numbers, not of " + std::to_string(node.items.size());
}

}  // namespace

void SettingsReader::read(const JsonAt& at, const Setting& setting, Given& given) {
  if (!items_are_good(at, setting)) return;
  const std::string fault = setting_fault(setting, at.node);
  if (!fault.empty()) return reader_.fail(at, fault);
  given[setting.declared.name] = *parameter_value(setting.declared, at.node);
}

bool SettingsReader::items_are_good(const JsonAt& at, const Setting& setting) {
  ParameterDeclaration item = setting.declared;
  item.type = setting.items;
  bool are_good = true;
  for (size_t i = 0; i < at.node.items.size() && setting.declared.type == ParameterType::list; ++i) {
    const std::string fault = parameter_fault(item, at.node.items[i]);
    if (!fault.empty()) reader_.fail(at.item(i), fault);
    are_good = are_good && fault.empty();
  }
  return are_good;
}

Read SettingsReader::settings(const JsonAt& at, const Settings& declared, const Keys& others) {
  Given given;
  std::vector<ParameterDeclaration> declarations;
  Keys keys;
  for (const Setting& setting : declared) {
    const auto& choices = setting.declared.choices;
    declarations.push_back(setting.declared);
    keys.push_back({setting.declared.name, [&](const JsonAt& value) { read(value, setting, given); }, setting.required,
                    choices.empty() ? "" : "one of " + quoted_list(choices)});
  }
  keys.insert(keys.end(), others.begin(), others.end());
  reader_.object(at, keys);
  Read result{Parameters(declarations, given), {}};
  for (const auto& [name, value] : given) result.given.insert(name);
  return result;
}

std::optional<std::pair<size_t, Parameters>> SettingsReader::part(const JsonAt& at, const PartDeclarations& parts) {
  const bool is_object = at.node.kind == JsonNode::Kind::object;
  const JsonNode* use = is_object ? at.node.find("use") : &at.node;
  const std::string choices = "one of " + quoted_list(names_of(parts));
  if (use == nullptr) {
    reader_.fail_without_use(at, choices);
    return std::nullopt;
  }
  if (!is_object && use->kind != JsonNode::Kind::string) {
    reader_.fail(at, "must be " + choices + " or an object {\"use\": ...}, not " + shown(*use));
    return std::nullopt;
  }
  const auto index = reader_.choice({*use, is_object ? pointer_to(at.pointer, "use") : at.pointer}, names_of(parts));
  if (!index) return std::nullopt;
  return std::pair{*index, parameters(at, parts[*index])};
}

Parameters SettingsReader::parameters(const JsonAt& at, const PartDeclaration& part) {
  Given given;
  std::vector<std::string> names;
  for (const ParameterDeclaration& parameter : part.parameters) names.push_back(parameter.name);
  for (const JsonMember& member : at.node.members) {
    const auto found = std::find(names.begin(), names.end(), member.key);
    if (found != names.end()) {
      read(at.member(member), {part.parameters[static_cast<size_t>(found - names.begin())]}, given);
    } else if (member.key != "use") {
      reader_.fail(at, member, unknown_parameter(part.name, member.key, names));
    }
  }
  return Parameters(part.parameters, given);
}

void SettingsReader::for_each(const JsonAt& list, const std::function<void(const JsonAt&)>& read) {
  if (!reader_.is_filled_list(list)) return;
  for (size_t i = 0; i < list.node.items.size(); ++i) read(list.item(i));
}

std::vector<std::string> SettingsReader::texts(const JsonAt& list) {
  std::vector<std::string> all;
  for_each(list, [&](const JsonAt& item) { all.push_back(reader_.text(item).value_or("")); });
  return all;
}

void SettingsReader::fail_at(const JsonAt& object, const std::string& key, const std::string& message) {
  const JsonNode* value = object.node.find(key);
  reader_.fail(value == nullptr ? object : JsonAt{*value, pointer_to(object.pointer, key)}, message);
}

void SettingsReader::refuse(const JsonAt& object, const std::vector<std::string>& keys, const std::string& why) {
  for (const std::string& key : keys) {
    if (object.node.find(key) != nullptr) fail_at(object, key, "means nothing here: " + why);
  }
}

}  // namespace attune
