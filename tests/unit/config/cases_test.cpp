// Files of cases as they are read.
#include "cases.h"

#include <functional>
#include <gtest/gtest.h>
#include <stdexcept>

#include "folder.h"

namespace attune::test {
namespace {

std::string problem(const std::string& cases, const std::string& base = "{}") {
  const TemporaryFolder folder;
  const std::string file = folder.write("kind.cases", cases).string();
  try {
    read_cases(file, base);
  } catch (const std::runtime_error& error) {
    return std::string(error.what()).substr(file.size());
  }
  return "";
}

TEST(Cases, AreReadAsTheyWereWritten) {
  const TemporaryFolder folder;
  const auto file = folder.write("kind.cases",
                                 "# kind_plain\n{\n\n# no name\n----\none: two\nthree\n\n"
                                 "# kind_bytes\nescaped \\xff\\x00[\\n]\\\n----\nfour\n\n"
                                 "# kind_empty\n----\nfive\n\n"
                                 "# kind_patch\npatch {\"b\": {\"c\": null, \"d\": [1]},\n \"z\": 2.0}\n----\nsix\n");
  const std::vector<Case> cases = read_cases(file, R"({"b": {"c": 1}, "a": 1e-3})");
  ASSERT_EQ(cases.size(), 4u);
  EXPECT_EQ(cases[0].place, file.string() + ":1: kind_plain");
  EXPECT_EQ(cases[0].document, "{\n\n# no name\n");
  EXPECT_EQ(cases[0].messages, "one: two\nthree\n");
  EXPECT_EQ(cases[1].place, file.string() + ":9: kind_bytes");
  EXPECT_EQ(cases[1].document, std::string("\xff\0[\\n]", 6));
  EXPECT_EQ(cases[2].document, "");
  EXPECT_EQ(cases[3].name, "kind_patch");
  EXPECT_EQ(cases[3].document, "{\n  \"b\": {\n    \"d\": [\n      1\n    ]\n  },\n  \"a\": 0.001,\n  \"z\": 2.0\n}\n");
  write_cases(folder / "again.cases", cases);
  EXPECT_EQ(read_bytes(folder / "again.cases"), read_bytes(file));
}

TEST(Cases, ThatAreNotWholeAreNotRead) {
  EXPECT_EQ(problem("# kind_good\n{}\n----\nmessage\n"), "");
  EXPECT_EQ(problem("{}\n----\nmessage\n"), ":1: must be \"# \" and the name of a case");
  EXPECT_EQ(problem("# kind_a\n{}\n----\nmessage\n\n\n# kind_b\n"), ":6: must be \"# \" and the name of a case");
  EXPECT_EQ(problem("# kind_cut\n{}\n"), ":1: kind_cut: line 2: \"----\" is missing");
  EXPECT_EQ(problem("# kind_silent\n{}\n----\n"), ":1: kind_silent has no messages");
  EXPECT_EQ(problem("# kind_no_base\npatch {}\n----\nmessage\n", "").rfind(":1: kind_no_base: ", 0), 0u);
}

}  // namespace
}  // namespace attune::test
