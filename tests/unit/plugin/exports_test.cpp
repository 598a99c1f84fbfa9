// What the libraries show to the dynamic linker.
#include <cstdio>
#include <gtest/gtest.h>
#include <sstream>

#include "support.h"

namespace attune {
namespace {

// The names of the symbols that a library defines for others.
std::vector<std::string> exports(const std::filesystem::path& library) {
  const std::string command = std::string(ATTUNE_NM) + " -D --defined-only '" + library.string() + "'";
  std::FILE* pipe = popen(command.c_str(), "r");
  if (!pipe) throw std::runtime_error("cannot run " + command);
  std::string text;
  for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) text += static_cast<char>(c);
  EXPECT_EQ(pclose(pipe), 0) << command;
  std::vector<std::string> names;
  std::istringstream lines(text);
  for (std::string address, type, name; lines >> address >> type >> name;) names.push_back(name);
  return names;
}

TEST(Exports, PluginsExportTheirEntryOnly) {
  const std::vector<std::string> entry = {"attune_plugin_entry"};
  EXPECT_EQ(exports(fixture("good")), entry);
  EXPECT_EQ(exports(fixture_folder("stripped") / "attune-good.so"), entry);
}

TEST(Exports, TheSdkExportsItsOwnNamesOnly) {
  const auto names = exports(std::filesystem::path(ATTUNE_BUILD_DIR) / "lib/libattune_sdk.so");
  size_t fences = 0;
  for (const std::string& name : names) {
    const bool fence = name.rfind("attune_abi_", 0) == 0;
    fences += fence;
    EXPECT_TRUE(fence || name.find("6attune") != std::string::npos) << name;
  }
  EXPECT_EQ(fences, 1u);
}

}  // namespace
}  // namespace attune
