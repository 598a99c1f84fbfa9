#include "plugin/contract.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <sstream>

#include <attune/sdk/error.h>

#include "plugin/elf_section.h"
#include "plugin/registration.h"
#include "plugin/sentences.h"

namespace attune {
namespace {

const std::string section_name = ATTUNE_ABI_SECTION;

std::map<std::string, std::string> parse_lines(const std::string& section) {
  std::map<std::string, std::string> facts;
  std::istringstream lines(section.substr(0, section.find('\0')));
  for (std::string line; std::getline(lines, line);) {
    const size_t equals = line.find('=');
    // Facts end up in messages: no control characters, which a terminal would obey.
    const bool printable = std::all_of(line.begin(), line.end(), [](unsigned char c) { return c >= 32 && c != 127; });
    if (equals == std::string::npos || !printable) refuse("the library's section " + section_name + " is malformed");
    facts[line.substr(0, equals)] = line.substr(equals + 1);
  }
  return facts;
}

std::string fact(const std::map<std::string, std::string>& facts, const std::string& key) {
  const auto found = facts.find(key);
  if (found == facts.end()) refuse("the library's section " + section_name + " does not say \"" + key + "\"");
  return found->second;
}

uint32_t number(const std::string& text) {
  uint32_t value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || result.ec != std::errc() || result.ptr != text.data() + text.size()) {
    refuse("the library's section " + section_name + " says \"" + text + "\" where a version number belongs");
  }
  return value;
}

}  // namespace

PluginFacts read_facts(const std::filesystem::path& file) {
  const auto facts = parse_lines(read_elf_section(file, section_name));
  return {fact(facts, "sdk_major"), fact(facts, "sdk_minor"), fact(facts, "torch"),
          fact(facts, "abi"),       fact(facts, "name"),      fact(facts, "version")};
}

void check_facts(const PluginFacts& facts) {
  if (!is_component_id(facts.name)) {
    refuse("the plugin calls itself \"" + facts.name +
           "\"; names have lower-case letters, digits and underscores, with at most one dot (vendor.name)");
  }
  const std::string ours = std::to_string(ATTUNE_SDK_MAJOR) + "." + std::to_string(ATTUNE_SDK_MINOR);
  const std::string theirs = facts.sdk_major + "." + facts.sdk_minor;
  if (number(facts.sdk_major) != ATTUNE_SDK_MAJOR) {
    refuse("the plugin was built with SDK " + theirs + ", but this attune takes SDK " + ours + "; build it again");
  }
  if (number(facts.sdk_minor) > ATTUNE_SDK_MINOR) {
    refuse("the plugin needs SDK " + theirs + ", but this attune is older and has SDK " + ours + "; update attune");
  }
  if (facts.torch != ATTUNE_ABI_TORCH) {
    refuse("the plugin was built with LibTorch " + facts.torch + ", but this attune runs LibTorch " + ATTUNE_ABI_TORCH +
           "; build it again");
  }
  if (facts.abi != ATTUNE_ABI_TAG) {
    refuse("the plugin was built with the binary interface " + facts.abi + ", but this attune has " + ATTUNE_ABI_TAG +
           "; build it again");
  }
}

void check_entry(const PluginEntry& entry, const PluginFacts& facts) {
  // The size comes first: fields behind it may not exist.
  if (entry.struct_size < sizeof(PluginEntry)) {
    refuse("the plugin's entry has " + std::to_string(entry.struct_size) + " bytes, but this attune expects " +
           std::to_string(sizeof(PluginEntry)));
  }
  const auto agree = [](const char* key, const char* said, const std::string& fact) {
    if (said && said == fact) return;
    refuse("the plugin's entry says " + std::string(key) + " \"" + (said ? said : "") + "\", but its section " +
           section_name + " says \"" + fact + "\"");
  };
  agree("sdk_major", std::to_string(entry.sdk_major).c_str(), facts.sdk_major);
  agree("sdk_minor", std::to_string(entry.sdk_minor).c_str(), facts.sdk_minor);
  agree("torch", entry.torch_version, facts.torch);
  agree("abi", entry.abi_tag, facts.abi);
  agree("name", entry.name, facts.name);
  agree("version", entry.version, facts.version);
  if (!entry.register_components) refuse("the plugin's entry has no register function");
}

}  // namespace attune
