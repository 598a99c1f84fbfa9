// model.json beside model.pt, and files with preprocessing.
#include "spec/sidecar.h"

#include <gtest/gtest.h>

#include "errors.h"
#include "folder.h"

namespace attune::test {
namespace {

class SidecarFile : public testing::Test {
 protected:
  Sidecar read(const std::string& json) const {
    folder_.write("model.json", json);
    return read_sidecar(folder_ / "model.pt");
  }

  // Why such a sidecar is refused, after the file's name.
  std::string refusal(const std::string& json) const {
    return after_name(message_of(Fault::spec, [&] { read(json); }));
  }

  // The same for a file of its own.
  std::string preprocess_refusal(const std::string& json) const {
    const auto path = folder_.write("model.json", json);
    return after_name(message_of(Fault::spec, [&] { read_preprocess(path); }));
  }

  std::string after_name(const std::string& message) const {
    const std::string name = "'" + (folder_ / "model.json").string() + "'";
    EXPECT_EQ(message.rfind(name, 0), 0u) << message;
    return message.substr(std::min(name.size(), message.size()));
  }

  const TemporaryFolder folder_;
};

void expect_defaults(const Sidecar& sidecar) {
  EXPECT_TRUE(sidecar.labels.empty());
  EXPECT_FALSE(sidecar.preprocess.size);
  EXPECT_FALSE(sidecar.preprocess.crop);
  EXPECT_FALSE(sidecar.preprocess.mean);
  EXPECT_FALSE(sidecar.preprocess.std);
  EXPECT_EQ(sidecar.output, "auto");
  EXPECT_EQ(sidecar.layer, "auto");
  EXPECT_EQ(sidecar.layout, "auto");
  EXPECT_FALSE(sidecar.frames);
  EXPECT_FALSE(sidecar.frames_per_second);
  EXPECT_FALSE(sidecar.multi_label);
}

TEST_F(SidecarFile, NeedNotBeThere) {
  expect_defaults(read_sidecar(folder_ / "model.pt"));
  expect_defaults(read_sidecar(folder_ / "none/model.pt"));
  expect_defaults(read_sidecar(folder_.write("file", "x") / "model.pt"));
  expect_defaults(read("{}"));
  expect_defaults(read("{\"preprocess\": {}}"));
}

// Whoever loads the model says what is wrong with its path.
TEST_F(SidecarFile, LeavesImpossiblePathsToTheModel) {
  expect_defaults(read_sidecar(folder_ / (std::string(300, 'm') + ".pt")));
}

TEST_F(SidecarFile, LiesBesideTheModel) {
  folder_.write("model.json", "{\"layer\": \"one\"}");
  folder_.write("model.v2.json", "{\"layer\": \"two\"}");
  EXPECT_EQ(read_sidecar(folder_ / "model.torchscript").layer, "one");
  EXPECT_EQ(read_sidecar(folder_ / "model").layer, "one");
  EXPECT_EQ(read_sidecar(folder_ / "model.v2.pt").layer, "two");
  EXPECT_EQ(read_sidecar(folder_ / "model.json").layer, "auto");  // that is the model itself
}

TEST_F(SidecarFile, SaysEverything) {
  const Sidecar sidecar = read(R"({
    "labels": ["cat", "dog"], "output": "logits", "layer": "layer4", "layout": "tokens", "frames": 8,
    "frames_per_second": 2.5, "task": "multi_label",
    "preprocess": {"size": [240, 320], "crop": true, "mean": [0.5, 0, 1], "std": [1, 2, 0.25]}})");
  EXPECT_EQ(sidecar.labels, (std::vector<std::string>{"cat", "dog"}));
  EXPECT_EQ(sidecar.output, "logits");
  EXPECT_EQ(sidecar.layer, "layer4");
  EXPECT_EQ(sidecar.layout, "tokens");
  EXPECT_EQ(sidecar.frames, 8);
  EXPECT_EQ(sidecar.frames_per_second, 2.5);
  EXPECT_TRUE(sidecar.multi_label);
  EXPECT_EQ(sidecar.preprocess.size, (std::array<int64_t, 2>{240, 320}));
  EXPECT_EQ(sidecar.preprocess.crop, true);
  EXPECT_EQ(sidecar.preprocess.mean, (std::vector<double>{0.5, 0, 1}));
  EXPECT_EQ(sidecar.preprocess.std, (std::vector<double>{1, 2, 0.25}));
}

TEST_F(SidecarFile, TakesShortForms) {
  EXPECT_EQ(read(R"({"output": 1})").output, "1");
  EXPECT_EQ(read(R"({"preprocess": {"size": 299}})").preprocess.size, (std::array<int64_t, 2>{299, 299}));
  EXPECT_EQ(read(R"({"preprocess": {"crop": false}})").preprocess.crop, false);
  EXPECT_FALSE(read(R"({"task": "single_label"})").multi_label);
}

TEST_F(SidecarFile, LabelsMayBeAnObject) {
  EXPECT_EQ(read(R"({"labels": {"1": "dog", "0": "cat"}})").labels, (std::vector<std::string>{"cat", "dog"}));
}

TEST_F(SidecarFile, LabelsMayLieInAFile) {
  std::filesystem::create_directory(folder_ / "names");
  folder_.write("names/all.txt", "cat\ndog\n");
  EXPECT_EQ(read(R"({"labels": "names/all.txt"})").labels, (std::vector<std::string>{"cat", "dog"}));
  const std::string absolute = (folder_ / "names/all.txt").string();
  EXPECT_EQ(read("{\"labels\": \"" + absolute + "\"}").labels.size(), 2u);
  EXPECT_EQ(refusal(R"({"labels": "none.txt"})"),
            ": /labels cannot be used: '" + (folder_ / "none.txt").string() + "' cannot be read");
}

TEST_F(SidecarFile, RefusesUnknownKeys) {
  EXPECT_EQ(refusal(R"({"layers": "a"})"), ": /layers is an unknown key (did you mean \"layer\"?)");
  EXPECT_EQ(refusal(R"({"zzz": 1})"), ": /zzz is an unknown key");
  EXPECT_EQ(refusal(R"({"preprocess": {"sizes": 1}})"),
            ": /preprocess/sizes is an unknown key (did you mean \"size\"?)");
}

TEST_F(SidecarFile, RefusesKeysThatStandTwice) {
  EXPECT_EQ(refusal(R"({"layer": "a", "layer": "b"})"), ": the key \"layer\" stands twice in one object");
  EXPECT_EQ(refusal(R"({"frames": 4, "preprocess": {"size": 3, "crop": true, "size": 3}})"),
            ": the key \"size\" stands twice in one object");
}

TEST_F(SidecarFile, RefusesOtherTypes) {
  EXPECT_EQ(refusal("[]"), ": is no object {...}");
  EXPECT_EQ(refusal("3"), ": is no object {...}");
  EXPECT_EQ(refusal(R"({"preprocess": "imagenet"})"), ": /preprocess is no object {...}");
  for (const std::string key : {"output", "layer", "layout", "task"}) {
    for (const std::string value : {"-1", "true", "null", "[\"a\"]", "1.5"}) {
      EXPECT_EQ(refusal("{\"" + key + "\": " + value + "}"), ": /" + key + " must be a string") << value;
    }
  }
  for (const std::string labels : {"3", "null", "true"}) {
    EXPECT_EQ(refusal("{\"labels\": " + labels + "}"),
              ": /labels must be a list of strings, an object as {\"0\": \"cat\"} or the name of a file");
  }
  for (const std::string labels : {"[1]", "[\"a\", null]"}) {
    EXPECT_EQ(refusal("{\"labels\": " + labels + "}"),
              ": /labels is no list of strings, nor an object as {\"0\": \"cat\"}");
  }
  EXPECT_EQ(refusal(R"({"labels": {"1": "a"}})"), ": /labels has no label for class 0");
  EXPECT_EQ(refusal(R"({"task": "both"})"), ": /task must be single_label or multi_label");
}

TEST_F(SidecarFile, RefusesNumbers) {
  for (const std::string frames : {"0", "-3", "2.0", "10001", "18446744073709551615", "\"8\"", "true", "null"}) {
    EXPECT_EQ(refusal("{\"frames\": " + frames + "}"), ": /frames must be an integer from 1 to 10000") << frames;
  }
  EXPECT_EQ(read(R"({"frames": 10000})").frames, 10000);
  for (const std::string rate : {"0", "-3", "1001", "\"8\"", "true", "null"}) {
    EXPECT_EQ(refusal("{\"frames_per_second\": " + rate + "}"),
              ": /frames_per_second must be a number from 0.001 to 1000")
        << rate;
  }
  const std::string count = ": /preprocess/size must be an integer from 1 to 100000";
  const std::string pair = ": /preprocess/size must be [height, width]";
  EXPECT_EQ(refusal(R"({"preprocess": {"size": 0}})"), count);
  EXPECT_EQ(refusal(R"({"preprocess": {"size": [224, 2.5]}})"), count);
  EXPECT_EQ(refusal(R"({"preprocess": {"size": [[1, 2], 3]}})"), count);
  for (const std::string size : {"[1]", "[1, 2, 3]", "[]", "\"224\"", "null", "{\"a\": 1, \"b\": 2}"}) {
    EXPECT_EQ(refusal("{\"preprocess\": {\"size\": " + size + "}}"), pair) << size;
  }
}

TEST_F(SidecarFile, RefusesMeanAndDeviation) {
  for (const std::string key : {"mean", "std"}) {
    for (const std::string value : {"0.5", "[]", "[\"0.5\"]", "[1, null, 1]", "[[1, 1, 1]]"}) {
      EXPECT_EQ(refusal("{\"preprocess\": {\"" + key + "\": " + value + "}}"),
                ": /preprocess/" + key + " must be a list of numbers")
          << value;
    }
  }
  EXPECT_EQ(refusal(R"({"preprocess": {"crop": 1}})"), ": /preprocess/crop must be true or false");
}

TEST_F(SidecarFile, RefusesWhatIsNoJson) {
  const std::string no_json = " is no JSON: parse error at line 1, column ";
  EXPECT_TRUE(contains(refusal("{"), no_json + "2"));
  EXPECT_TRUE(contains(refusal(""), no_json + "1"));
  EXPECT_TRUE(contains(refusal("{'layer': 'a'}"), no_json + "2"));
  EXPECT_TRUE(contains(refusal("{\"layer\": \"\xff\"}"), no_json));
  EXPECT_TRUE(contains(refusal("{\n\"layer\": \"a\",}"), " is no JSON: parse error at line 2, column 14"));
  EXPECT_TRUE(contains(refusal(R"({"preprocess": {"mean": [1e999, 0, 0]}})"), "number overflow parsing '1e999'"));
  std::filesystem::remove(folder_ / "model.json");
  std::filesystem::create_directory(folder_ / "model.json");
  EXPECT_EQ(after_name(message_of(Fault::spec, [&] { read_sidecar(folder_ / "model.pt"); })), " cannot be read");
}

TEST_F(SidecarFile, PreprocessingHasTheSameFormInAFileOfItsOwn) {
  const auto path = folder_.write("own.json", R"({"size": [8, 9], "std": [1, 1, 2]})");
  EXPECT_EQ(read_preprocess(path).size, (std::array<int64_t, 2>{8, 9}));
  EXPECT_EQ(read_preprocess(path).std, (std::vector<double>{1, 1, 2}));
  EXPECT_FALSE(read_preprocess(path).mean);
  EXPECT_EQ(preprocess_refusal(R"({"sise": 8})"), ": /sise is an unknown key (did you mean \"size\"?)");
  EXPECT_EQ(preprocess_refusal(R"({"crop": "yes"})"), ": /crop must be true or false");
  EXPECT_EQ(preprocess_refusal("[]"), ": is no object {...}");
  EXPECT_EQ(message_of(Fault::spec, [&] { read_preprocess(folder_ / "none.json"); }),
            "'" + (folder_ / "none.json").string() + "' cannot be read");
}

}  // namespace
}  // namespace attune::test
