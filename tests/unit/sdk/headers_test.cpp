// Every header of the SDK in one source, which is compiled as C++17 and as C++20.
#include <gtest/gtest.h>

#include <attune/sdk/abi.h>
#include <attune/sdk/correlation.h>
#include <attune/sdk/descriptor.h>
#include <attune/sdk/error.h>
#include <attune/sdk/map.h>
#include <attune/sdk/matcher.h>
#include <attune/sdk/method.h>
#include <attune/sdk/model.h>
#include <attune/sdk/parameters.h>
#include <attune/sdk/pass.h>
#include <attune/sdk/plugin.h>
#include <attune/sdk/rules.h>
#include <attune/sdk/tail.h>
#include <attune/sdk/target.h>
#include <attune/sdk/version.h>

namespace attune {
namespace {

TEST(Abi, TagNamesLibTorchAndLibrary) {
  std::string torch = TORCH_VERSION;
  for (char& c : torch) c = c == '.' ? '_' : c;
  const std::string tag = ATTUNE_ABI_TAG;
  EXPECT_EQ(tag.rfind("torch_" + torch + "_lib", 0), 0u) << tag;
  EXPECT_STREQ(ATTUNE_ABI_TORCH, TORCH_VERSION);
}

TEST(Abi, EntryHasTheLayoutOfC) {
  EXPECT_TRUE(std::is_standard_layout<PluginEntry>::value);
  EXPECT_TRUE(std::is_trivial<PluginEntry>::value);
  EXPECT_EQ(offsetof(PluginEntry, struct_size), 0u);
}

TEST(Descriptor, KindsHaveNames) {
  EXPECT_EQ(to_string(ComponentKind::method), "method");
  EXPECT_EQ(to_string(ComponentKind::matcher), "matcher");
  EXPECT_EQ(to_string(ComponentKind::correlation), "correlation");
}

TEST(Error, CarriesFaultAndSentence) {
  const Error error(Fault::spec, "a sentence");
  EXPECT_EQ(error.fault(), Fault::spec);
  EXPECT_STREQ(error.what(), "a sentence");
}

}  // namespace
}  // namespace attune
