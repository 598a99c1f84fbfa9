// Training configs against attune's own components and the specs that ship.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "config/train_config.h"
#include "folder.h"
#include "specs.h"

namespace attune::test {

inline std::filesystem::path config_folder() { return source_dir / "tests" / "configs"; }

inline std::filesystem::path bad_configs() { return config_folder() / "bad"; }

// What the patches of bad configs are applied to.
inline std::string good_config() { return read_bytes(config_folder() / "good" / "supervised.json"); }

// tests/configs/good, and the examples of the documentation.
inline std::vector<std::filesystem::path> good_configs() {
  std::vector<std::filesystem::path> files = files_in(config_folder() / "good", ".json");
  for (const auto& file : files_in(source_dir / "docs" / "examples" / "training", ".json")) files.push_back(file);
  return files;
}

// As the program does for the specs that are installed with it.
inline std::filesystem::path shipped_spec(const std::string& name) {
  std::vector<std::string> names;
  for (const auto& file : files_in(source_dir / "docs" / "specs", ".json")) {
    if (file.stem() == name) return file;
    names.push_back(file.stem().string());
  }
  throw Error(Fault::spec, "there is no file '" + name + "', and no spec of that name ships with attune" +
                               did_you_mean(name, names));
}

inline TrainContext config_context() { return {components(), shipped_spec}; }

// Paths in it are relative to tests/configs/bad.
inline TrainConfig parse_config(const std::string& text) {
  return parse_train_config(text, "config.json", config_folder() / "bad", config_context());
}

// What is wrong with the text, a line for each fault; "" when nothing is. The path of tests/configs is left out.
inline std::string config_faults(const std::string& text) {
  std::string faults;
  try {
    parse_config(text);
  } catch (const SpecError& error) {
    faults = error.what();
  }
  const std::string folder = config_folder().string() + "/";
  for (size_t at = 0; (at = faults.find(folder)) != std::string::npos;) faults.erase(at, folder.size());
  return faults;
}

}  // namespace attune::test
