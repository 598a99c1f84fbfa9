// Files with the names of classes.
#include <gtest/gtest.h>

#include "config/sidecar.h"
#include "errors.h"
#include "folder.h"

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

// As training scripts and Hugging Face's config.json have them, in any order.
TEST_F(LabelsFile, MayBeAJsonObject) {
  EXPECT_EQ(read(R"({"1": "dog", "0": "cat", "2": "cat"})"), (Names{"cat", "dog", "cat"}));
  EXPECT_EQ(read(R"({"dog": 1, "cat": 0})"), (Names{"cat", "dog"}));
  EXPECT_EQ(read(R"({"7": 0, "8": 1})"), (Names{"7", "8"})) << "names that are digits";
  EXPECT_EQ(read(R"({"model_type": "vit", "id2label": {"0": "cat", "1": "dog"}, "label2id": {"cat": 0, "dog": 1},
                     "hidden_size": 768})"),
            (Names{"cat", "dog"}));
  std::string many = "{\"0\": \"0\"";
  for (int i = 1; i < 12; ++i) many += ", \"" + std::to_string(i) + "\": \"" + std::to_string(i) + "\"";
  EXPECT_EQ(read(many + "}").at(10), "10") << "by number, not by letter";
}

TEST_F(LabelsFile, RefusesObjectsThatAreNoLabels) {
  const std::string neither = " has labels that are neither {\"0\": \"cat\"} nor {\"cat\": 0}, at the key ";
  EXPECT_EQ(refusal(R"({"0": "cat", "2": "dog"})"), " has no label for class 1");
  EXPECT_EQ(refusal(R"({"1": "cat", "2": "dog"})"), " has no label for class 0");
  EXPECT_EQ(refusal(R"({"a": 0, "b": 0})"), " has two labels for class 0");
  EXPECT_EQ(refusal(R"({"model_type": "vit"})"), neither + "\"model_type\"");
  EXPECT_EQ(refusal(R"({"0": ["n01440764", "tench"]})"), neither + "\"0\"");
  EXPECT_EQ(refusal(R"({"cat": -1})"), neither + "\"cat\"");
  EXPECT_EQ(refusal(R"({"-1": "cat"})"), neither + "\"-1\"");
  EXPECT_EQ(refusal(R"({"id2label": ["cat"]})"), " has an \"id2label\" that is no object as {\"0\": \"cat\"}");
}

TEST_F(LabelsFile, RefusesFilesWithoutNames) {
  for (const char* text : {"", "\n", "\r\n\r\n", "[]", "{}"}) {
    EXPECT_EQ(refusal(text), " has no labels; expected one a line") << text;
  }
}

TEST_F(LabelsFile, RefusesOtherJson) {
  const std::string no_list = " is no list of strings, nor an object as {\"0\": \"cat\"}";
  EXPECT_EQ(refusal("[1, 2]"), no_list);
  EXPECT_EQ(refusal("[\"cat\", [\"dog\"]]"), no_list);
  EXPECT_EQ(
      refusal("[\"cat\", "),
      " is no JSON: line 1, column 7: the text ends here, but the list that begins at line 1, column 1 is not closed");
  EXPECT_EQ(refusal("{\"0\": \"cat\", \"0\": \"dog\"}"),
            ": line 1, column 14: the key \"0\" stands twice in its object");
}

TEST_F(LabelsFile, RefusesWhatCannotBeRead) {
  for (const auto& path : {folder_ / "none.txt", folder_.path()}) {
    EXPECT_EQ(message_of(Fault::input, [&] { read_labels(path); }), "'" + path.string() + "' cannot be read");
  }
}

}  // namespace
}  // namespace attune::test
