// What a library shows to the dynamic linker, read from its file.

#include <gtest/gtest.h>

#include "conformance/checks.h"
#include "folder.h"

namespace attune::conformance {
namespace {

Outcome exports_of(const std::string& name) {
  return check_exports(std::string(ATTUNE_BUILD_DIR) + "/tests/plugins/" + name + "/attune-" +
                       (name == "stripped" ? "good" : name) + ".so");
}

TEST(LibraryExports, TheEntryAloneIsGood) {
  for (const char* name : {"good", "stripped", "wrong.methods"}) {
    const Outcome outcome = exports_of(name);
    EXPECT_EQ(outcome.verdict, Verdict::passed) << name << ": " << outcome.message;
  }
}

TEST(LibraryExports, OthersAreNamed) {
  const Outcome outcome = exports_of("wrong.exports");
  EXPECT_EQ(outcome.verdict, Verdict::failed);
  EXPECT_NE(outcome.message.find("attune_test_helper"), std::string::npos) << outcome.message;
}

TEST(LibraryExports, ATruncatedFileIsNoCrash) {
  const test::TemporaryFolder folder;
  const std::string whole = test::read_bytes(std::string(ATTUNE_BUILD_DIR) + "/tests/plugins/good/attune-good.so");
  for (const size_t length : {size_t{0}, size_t{63}, size_t{64}, whole.size() / 2, whole.size() - 1}) {
    const auto file = folder.write("attune-good.so", whole.substr(0, length));
    EXPECT_EQ(check_exports(file).verdict, Verdict::failed) << length;
  }
}

}  // namespace
}  // namespace attune::conformance
