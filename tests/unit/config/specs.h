// Specs against attune's own components.
#pragma once

#include <filesystem>
#include <string>

#include <attune/spec.h>

namespace attune::test {

inline const std::filesystem::path source_dir = ATTUNE_SOURCE_DIR;

inline const Catalogue& components() {
  static const Catalogue loaded = Catalogue::load({{ATTUNE_BUILD_DIR "/lib/attune/plugins", "test"}});
  return loaded;
}

// Of cases whose names begin with "model_"; those of all others are not known.
inline ModelNames model_of(const std::string& name) {
  if (name.rfind("model_", 0) != 0) return {};
  return {{"conv1", "layer1", "layer2", "layer3", "layer4", "fc"},
          {"cat", "dog", "great white shark", "crane", "crane"}};
}

// What is wrong with the text, a line for each fault; "" when nothing is.
inline std::string faults_of(const std::string& text, const ModelNames& model = {}) {
  try {
    parse_spec(text, "spec.json", components(), model);
  } catch (const SpecError& error) {
    return error.what();
  }
  return "";
}

inline std::filesystem::path bad_specs() { return source_dir / "tests" / "specs" / "bad"; }

}  // namespace attune::test
