// Where tests find models, photos and reference maps that are not part of the project.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <gtest/gtest.h>
#include <string>

namespace attune::test {

inline std::filesystem::path folder_from(const char* variable, const std::string& fallback) {
  const char* value = std::getenv(variable);
  return value != nullptr ? std::filesystem::path(value) : std::filesystem::path(ATTUNE_SOURCE_DIR) / fallback;
}

inline std::filesystem::path shared() { return folder_from("ATTUNE_SHARED", "../shared"); }

// torchvision's architectures as TorchScript files, written by an export script.
inline std::filesystem::path zoo() { return folder_from("ATTUNE_ZOO", "../zoo"); }

}  // namespace attune::test

#define ATTUNE_NEED(path)                                                            \
  do {                                                                               \
    if (!std::filesystem::exists(path)) GTEST_SKIP() << "needs " << (path).string(); \
  } while (false)
