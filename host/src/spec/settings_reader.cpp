#include "spec/settings_reader.h"

#include <map>

namespace attune {

Read SettingsReader::settings(const JsonAt& at, const Settings& declared, const Keys& others) {
  std::map<std::string, ParameterValue> given;
  std::vector<ParameterDeclaration> declarations;
  Keys keys;
  for (const Setting& setting : declared) {
    const auto read = [this, &setting, &given](const JsonAt& value) {
      const std::string fault = parameter_fault(setting.declared, value.node);
      if (!fault.empty()) return reader_.fail(value, fault);
      given[setting.declared.name] = *parameter_value(value.node);
    };
    declarations.push_back(setting.declared);
    keys.push_back({setting.declared.name, read, setting.required});
  }
  keys.insert(keys.end(), others.begin(), others.end());
  reader_.object(at, keys);
  Read result{Parameters(declarations, given), {}};
  for (const auto& [name, value] : given) result.given.insert(name);
  return result;
}

std::optional<std::pair<size_t, Parameters>> SettingsReader::part(const JsonAt& at, const PartDeclarations& parts) {
  const bool is_object = at.node.kind == JsonNode::Kind::object;
  const JsonNode* name = is_object ? at.node.find("use") : &at.node;
  if (name == nullptr) {
    reader_.fail(at, "\"use\" is missing: one of " + quoted_list(names_of(parts)));
    return std::nullopt;
  }
  const JsonAt named{*name, is_object ? pointer_to(at.pointer, "use") : at.pointer};
  const auto index = reader_.choice(named, names_of(parts));
  if (!index) return std::nullopt;
  const PartDeclaration& chosen = parts[*index];
  if (!is_object) return std::pair{*index, Parameters(chosen.parameters, {})};
  Settings declared;
  for (const ParameterDeclaration& parameter : chosen.parameters) declared.push_back({parameter});
  return std::pair{*index, settings(at, declared, {{"use", [](const JsonAt&) {}}}).values};
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
