// docs/reference is what the components say of themselves.

#include "support.h"

namespace attune::test {
namespace {

class Reference : public CommandLine {};

TEST_F(Reference, IsUpToDate) {
  const fs::path reference = fs::path(ATTUNE_SOURCE_DIR) / "docs" / "reference";
  std::set<std::string> expected{"README.md"};
  const Json listed = document({"plugins", "--json"});
  for (const Json& component : listed.at("components")) {
    const std::string id = component.at("id");
    expected.insert(id + ".md");
    const Outcome page = run({"describe", id, "--markdown"});
    EXPECT_EQ(page.code, 0) << page.err;
    EXPECT_EQ(page.out, read_bytes(reference / (id + ".md"))) << "docs/reference/make.sh brings the pages up to date";
    EXPECT_NE(read_bytes(reference / "README.md").find("(" + id + ".md)"), std::string::npos) << id;
  }
  expected.insert("make.sh");
  std::set<std::string> found;
  for (const auto& entry : fs::directory_iterator(reference)) found.insert(entry.path().filename().string());
  EXPECT_EQ(found, expected);
}

}  // namespace
}  // namespace attune::test
