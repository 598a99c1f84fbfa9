// The specs that show a plugin: the JSON in the comment at the head of its source.
#pragma once

#include <algorithm>
#include <filesystem>
#include <sstream>
#include <string>
#include <vector>

#include "folder.h"

namespace attune::test {

struct ExampleSpec {
  std::string name;  // of the file, or the plugin's id
  std::string text;
};

// The lines of the comment that the text begins with, between ```json and ```.
inline std::string json_at_head(const std::string& source) {
  std::istringstream stream(source);
  std::string json;
  bool inside = false;
  for (std::string line; std::getline(stream, line) && line.rfind("//", 0) == 0;) {
    const bool begins = line == "// ```json", ends = line == "// ```";
    if (inside && !ends) json += line.substr(std::min<size_t>(3, line.size())) + "\n";
    inside = begins || (inside && !ends);
  }
  return json;
}

inline std::vector<ExampleSpec> plugin_examples() {
  std::vector<ExampleSpec> examples;
  for (const char* kind : {"method", "matcher", "correlation"}) {
    const auto folder = std::filesystem::path(ATTUNE_SOURCE_DIR) / "plugins" / kind;
    for (const auto& plugin : std::filesystem::directory_iterator(folder)) {
      const std::string id = plugin.path().filename().string();
      examples.push_back({id, json_at_head(read_bytes(plugin.path() / (id + ".cpp")))});
    }
  }
  return examples;
}

// docs/specs.
inline std::vector<ExampleSpec> specs_that_ship() {
  std::vector<ExampleSpec> specs;
  const auto folder = std::filesystem::path(ATTUNE_SOURCE_DIR) / "docs" / "specs";
  for (const auto& file : files_in(folder, ".json")) specs.push_back({file.stem().string(), read_bytes(file)});
  return specs;
}

}  // namespace attune::test
