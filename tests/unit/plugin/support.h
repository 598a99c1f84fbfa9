// What the tests of this folder share.
#pragma once

#include <filesystem>
#include <fstream>
#include <gtest/gtest.h>
#include <iterator>
#include <stdlib.h>
#include <string>

#include <attune/catalogue.h>
#include <attune/sdk/error.h>

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

// A folder of the test's own, gone with the test.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "attune-test-XXXXXX").string();
    if (!mkdtemp(name.data())) throw std::runtime_error("cannot make a temporary folder");
    path_ = std::filesystem::canonical(name);
  }
  ~TemporaryFolder() {
    std::error_code error;
    std::filesystem::remove_all(path_, error);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;

  const std::filesystem::path& path() const { return path_; }

  std::filesystem::path write(const std::string& name, const std::string& bytes) const {
    std::ofstream(path_ / name, std::ios::binary) << bytes;
    return path_ / name;
  }

 private:
  std::filesystem::path path_;
};

inline std::string read_bytes(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(stream), {}};
}

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
