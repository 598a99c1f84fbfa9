// What the tests of this folder share.
#pragma once

#include <filesystem>
#include <gtest/gtest.h>
#include <string>

#include <attune/catalogue.h>
#include <attune/sdk/error.h>

#include "folder.h"

namespace attune {

// The folder with the fixture plugin attune-<name>.so alone in it.
inline std::filesystem::path fixture_folder(const std::string& name) {
  return std::filesystem::path(ATTUNE_BUILD_DIR) / "tests/plugins" / name;
}

inline std::filesystem::path fixture(const std::string& name) {
  return fixture_folder(name) / ("attune-" + name + ".so");
}

// Loads folders that must exist, and no others.
inline Catalogue load(const std::vector<std::filesystem::path>& folders) {
  SearchPath search;
  for (const auto& folder : folders) search.push_back({folder, "--plugin-dir", IfMissing::fail});
  return Catalogue::load(search);
}

using test::read_bytes;
using test::TemporaryFolder;

// The message of the attune::Error that `call` throws.
template <class Call>
std::string message_of(Call call) {
  try {
    call();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

}  // namespace attune
