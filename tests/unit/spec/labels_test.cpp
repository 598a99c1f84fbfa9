// Files with the names of classes.
#include <gtest/gtest.h>

#include "errors.h"
#include "folder.h"
#include "spec/sidecar.h"

namespace attune::test {
namespace {

using Names = std::vector<std::string>;

class LabelsFile : public testing::Test {
 protected:
  Names read(const std::string& text) const { return read_labels(folder_.write("labels", text)); }

  std::string refusal(const std::string& text) const {
    const std::string name = "'" + (folder_ / "labels").string() + "'";
    const std::string message = message_of(Fault::input, [&] { read(text); });
    EXPECT_EQ(message.rfind(name, 0), 0u) << message;
    return message.substr(std::min(name.size(), message.size()));
  }

  const TemporaryFolder folder_;
};

TEST_F(LabelsFile, HasOneALine) {
  EXPECT_EQ(read("cat\ndog\n"), (Names{"cat", "dog"}));
  EXPECT_EQ(read("cat\ndog"), (Names{"cat", "dog"}));
  EXPECT_EQ(read("cat"), Names{"cat"});
  EXPECT_EQ(read("great white shark\nJack's [dog]\n"), (Names{"great white shark", "Jack's [dog]"}));
}

TEST_F(LabelsFile, MayComeFromWindows) {
  EXPECT_EQ(read("cat\r\ndog\r\n"), (Names{"cat", "dog"}));
  EXPECT_EQ(read("\xef\xbb\xbf"
                 "cat\r\ndog"),
            (Names{"cat", "dog"}));
  EXPECT_EQ(read("\xef\xbb\xbf[\"cat\"]"), Names{"cat"});
}

// The index of a class is its line.
TEST_F(LabelsFile, KeepsEmptyLinesBetweenNames) {
  EXPECT_EQ(read("\ncat\n\ndog\n\n\n"), (Names{"", "cat", "", "dog"}));
}

TEST_F(LabelsFile, MayBeAJsonList) {
  EXPECT_EQ(read("[\"cat\", \"dog\"]"), (Names{"cat", "dog"}));
  EXPECT_EQ(read(" \n\t[\"caf\\u00e9\",\n\"a, b\"]\n"), (Names{"caf\xc3\xa9", "a, b"}));
}

TEST_F(LabelsFile, RefusesFilesWithoutNames) {
  for (const char* text : {"", "\n", "\r\n\r\n", "[]"}) {
    EXPECT_EQ(refusal(text), " has no labels; expected one a line") << text;
  }
}

TEST_F(LabelsFile, RefusesOtherJson) {
  EXPECT_EQ(refusal("[1, 2]"), " is no list of strings");
  EXPECT_EQ(refusal("[\"cat\", [\"dog\"]]"), " is no list of strings");
  EXPECT_TRUE(contains(refusal("[\"cat\", "), " is no JSON: parse error at line 1"));
}

TEST_F(LabelsFile, RefusesWhatCannotBeRead) {
  for (const auto& path : {folder_ / "none.txt", folder_.path()}) {
    EXPECT_EQ(message_of(Fault::input, [&] { read_labels(path); }), "'" + path.string() + "' cannot be read");
  }
}

}  // namespace
}  // namespace attune::test
