// The specs that are handed out are good.
#include <gtest/gtest.h>

#include "folder.h"
#include "specs.h"

namespace attune::test {
namespace {

TEST(ShippedSpecs, AreGood) {
  EXPECT_GE(shipped_specs().size(), 42u);
  for (const auto& file : shipped_specs()) {
    SCOPED_TRACE(file);
    EXPECT_EQ(faults_of(read_bytes(file)), "");
    const Spec spec = read_spec(file, components());
    EXPECT_FALSE(spec.description.empty());
    EXPECT_FALSE(spec.terms.empty());
  }
}

// A plugin's example shows the plugin.
TEST(ShippedSpecs, UseTheirPlugin) {
  for (const auto& file : shipped_specs()) {
    if (file.filename() != "example.json") continue;
    const std::string id = file.parent_path().filename().string();
    EXPECT_NE(read_bytes(file).find("\"" + id + "\""), std::string::npos) << file;
    EXPECT_NE(components().find(id), nullptr) << id;
  }
}

}  // namespace
}  // namespace attune::test
