// The specs that are handed out are good.
#include <gtest/gtest.h>

#include "examples.h"
#include "specs.h"

namespace attune::test {
namespace {

TEST(ShippedSpecs, AreGood) {
  std::vector<ExampleSpec> shipped = specs_that_ship();
  for (const ExampleSpec& example : plugin_examples()) shipped.push_back(example);
  EXPECT_GE(shipped.size(), 42u);
  for (const auto& [name, text] : shipped) {
    SCOPED_TRACE(name);
    const Spec spec = parse_spec(text, name, components());
    EXPECT_FALSE(spec.description.empty());
    EXPECT_FALSE(spec.terms.empty());
  }
}

// A plugin's example shows the plugin.
TEST(ShippedSpecs, UseTheirPlugin) {
  for (const auto& [id, text] : plugin_examples()) {
    EXPECT_NE(text.find("\"" + id + "\""), std::string::npos) << id;
    EXPECT_NE(components().find(id), nullptr) << id;
  }
}

}  // namespace
}  // namespace attune::test
