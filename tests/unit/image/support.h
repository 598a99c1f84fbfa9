// What the tests of image and data share.
#pragma once

#include <ATen/ATen.h>
#include <filesystem>
#include <fstream>
#include <functional>
#include <gtest/gtest.h>
#include <iterator>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <stdlib.h>
#include <string>

#include <attune/sdk/error.h>

#include "image/image.h"

namespace attune::test {

// A folder of the test's own, gone with the test.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "attune-test-XXXXXX").string();
    if (!mkdtemp(name.data())) throw std::runtime_error("cannot make a temporary folder");
    path_ = name;
  }
  ~TemporaryFolder() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  std::filesystem::path operator/(const std::string& name) const { return path_ / name; }
  const std::filesystem::path& path() const { return path_; }

  std::filesystem::path write(const std::string& name, const std::string& bytes) const {
    std::ofstream(path_ / name, std::ios::binary) << bytes;
    return path_ / name;
  }
  size_t entries() const { return static_cast<size_t>(std::distance(std::filesystem::directory_iterator(path_), {})); }

 private:
  std::filesystem::path path_;
};

inline std::string read_bytes(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

// Smooth, different in every channel and along both axes, the same on every run.
inline Image gradient(int64_t height, int64_t width) {
  Image image = at::empty({height, width, 3}, at::kByte);
  auto pixels = image.accessor<uint8_t, 3>();
  for (int64_t y = 0; y < height; ++y) {
    for (int64_t x = 0; x < width; ++x) {
      pixels[y][x][0] = static_cast<uint8_t>(255 * x / width);
      pixels[y][x][1] = static_cast<uint8_t>(255 * y / height);
      pixels[y][x][2] = static_cast<uint8_t>(127 * (x + y) / (height + width));
    }
  }
  return image;
}

inline int largest_difference(const Image& a, const Image& b) {
  return (a.to(at::kInt) - b.to(at::kInt)).abs().max().item<int>();
}

// The message of the Error that `action` must throw, of that fault and on one line.
inline std::string message_of(Fault fault, const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(static_cast<int>(error.fault()), static_cast<int>(fault)) << error.what();
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return "";
}

inline bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

// The folder with photos and golden maps; empty when this machine has none.
inline std::filesystem::path shared_folder() {
  const char* variable = std::getenv("ATTUNE_SHARED");
  const std::filesystem::path folder =
      variable ? std::filesystem::path(variable) : std::filesystem::path(ATTUNE_SOURCE_DIR) / "../shared";
  return std::filesystem::is_directory(folder / "photos") ? folder : std::filesystem::path();
}

}  // namespace attune::test
