// docs/reference, and the tables of components in README.md, docs/methods.md and docs/specs.md, are what components say
// of themselves.

#include "support.h"

namespace attune::test {
namespace {

class Reference : public CommandLine {};

TEST_F(Reference, IsUpToDate) {
  const fs::path docs = fs::path(ATTUNE_SOURCE_DIR) / "docs";
  const TemporaryFolder made;
  const std::string make = "'" + (docs / "reference" / "make.sh").string() + "' '" + ATTUNE_BUILD_DIR "/bin/attune' '";
  ASSERT_EQ(std::system((make + made.path().string() + "'").c_str()), 0);
  std::set<std::string> expected{"README.md", "make.sh"}, found;
  const Json listed = document({"plugins", "--json"});
  for (const Json& component : listed.at("components")) expected.insert(component.at("id").get<std::string>() + ".md");
  for (const auto& entry : fs::directory_iterator(docs / "reference")) found.insert(entry.path().filename().string());
  EXPECT_EQ(found, expected);
  expected.erase("make.sh");
  for (const std::string& page : expected) {
    EXPECT_EQ(read_bytes(docs / "reference" / page), read_bytes(made / ("docs/reference/" + page)))
        << "docs/reference/make.sh brings the pages up to date";
  }
  for (const char* page : {"methods.md", "specs.md"}) {
    EXPECT_EQ(read_bytes(docs / page), read_bytes(made / "docs" / page)) << page;
  }
  EXPECT_EQ(read_bytes(docs.parent_path() / "README.md"), read_bytes(made / "README.md"));
}

}  // namespace
}  // namespace attune::test
