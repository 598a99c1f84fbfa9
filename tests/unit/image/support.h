// What the tests of this folder share.
#pragma once

#include <ATen/ATen.h>
#include <cstdlib>
#include <filesystem>
#include <gtest/gtest.h>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <string>

#include "errors.h"
#include "folder.h"
#include "image/image.h"
#include "picture.h"

namespace attune::test {

inline int largest_difference(const Image& a, const Image& b) {
  return (a.to(at::kInt) - b.to(at::kInt)).abs().max().item<int>();
}

// The folder with photos and golden maps; empty when this machine has none.
inline std::filesystem::path shared_folder() {
  const char* variable = std::getenv("ATTUNE_SHARED");
  const std::filesystem::path folder =
      variable ? std::filesystem::path(variable) : std::filesystem::path(ATTUNE_SOURCE_DIR) / "../shared";
  return std::filesystem::is_directory(folder / "photos") ? folder : std::filesystem::path();
}

}  // namespace attune::test
