// model.json beside model.pt, and files with preprocessing.
#include "config/sidecar.h"

#include <gtest/gtest.h>

#include <attune/spec.h>

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

  // Why such a sidecar is refused, a line for each fault, without the file's name.
  std::string refusal(const std::string& json) const {
    return without_name(message_of(Fault::spec, [&] { read(json); }));
  }

  // The same for a file of its own.
  std::string preprocess_refusal(const std::string& json) const {
    const auto path = folder_.write("model.json", json);
    return without_name(message_of(Fault::spec, [&] { read_preprocess(path); }));
  }

  std::string without_name(std::string message) const {
    const std::string name = (folder_ / "model.json").string() + ":";
    EXPECT_EQ(message.rfind(name, 0), 0u) << message;
    for (size_t at = message.find(name); at != std::string::npos; at = message.find(name))
      message.erase(at, name.size());
    return message;
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
            "1:12 at /labels: cannot be used: '" + (folder_ / "none.txt").string() + "' cannot be read");
}

TEST_F(SidecarFile, IsReadBackAsItIsWritten) {
  Sidecar sidecar;
  EXPECT_EQ(read(sidecar_text(sidecar)).layer, "auto");
  sidecar.labels = {"caf\xc3\xa9", ""};
  sidecar.multi_label = true;
  sidecar.preprocess = {{{240, 320}}, true, {{0.5}}, {{0.25}}};
  sidecar.output = "logits";
  sidecar.layer = "layer4";
  sidecar.layout = "tokens";
  sidecar.frames = 8;
  sidecar.frames_per_second = 2.5;
  const Sidecar again = read(sidecar_text(sidecar));
  EXPECT_EQ(sidecar_text(again), sidecar_text(sidecar));
  EXPECT_EQ(again.labels, sidecar.labels);
  EXPECT_TRUE(again.multi_label);
  EXPECT_EQ(again.preprocess.size, sidecar.preprocess.size);
  EXPECT_EQ(again.preprocess.std, sidecar.preprocess.std);
  EXPECT_EQ(again.frames_per_second, 2.5);
}

TEST_F(SidecarFile, RefusesUnknownKeys) {
  const std::string keys =
      "; keys are \"labels\", \"task\", \"preprocess\", \"output\", \"layer\", \"layout\", \"frames\", "
      "\"frames_per_second\", \"$schema\"";
  EXPECT_EQ(refusal(R"({"layers": "a"})"),
            "1:2 at /layers: unknown key \"layers\"" + keys + " (did you mean \"layer\"?)");
  EXPECT_EQ(refusal(R"({"zzz": 1})"), "1:2 at /zzz: unknown key \"zzz\"" + keys);
  EXPECT_EQ(
      refusal(R"({"preprocess": {"sizes": 1}})"),
      "1:17 at /preprocess/sizes: unknown key \"sizes\"; keys are \"size\", \"crop\", \"mean\", \"std\" (did you mean "
      "\"size\"?)");
}

TEST_F(SidecarFile, RefusesKeysThatStandTwice) {
  EXPECT_EQ(refusal(R"({"layer": "a", "layer": "b"})"), "1:16 at /layer: the key \"layer\" stands twice in its object");
  EXPECT_EQ(refusal(R"({"frames": 4, "preprocess": {"size": 3, "crop": true, "size": 3}})"),
            "1:55 at /preprocess/size: the key \"size\" stands twice in its object");
}

TEST_F(SidecarFile, SaysEverythingThatIsWrong) {
  try {
    read("{\n  \"frames\": 0,\n  \"preprocess\": {\"crop\": 1, \"size\": [224, 0]},\n  \"layer\": 4\n}");
    ADD_FAILURE() << "is a good sidecar";
  } catch (const SpecError& error) {
    EXPECT_EQ(without_name(error.what()),
              "2:13 at /frames: must be at least 1, not 0\n"
              "3:26 at /preprocess/crop: must be true or false, not 1\n"
              "3:43 at /preprocess/size/1: must be at least 1, not 0\n"
              "4:12 at /layer: must be a string, not 4");
  }
}

TEST_F(SidecarFile, RefusesOtherTypes) {
  EXPECT_EQ(refusal("[]"), "1:1: must be an object {...}, not a list");
  EXPECT_EQ(refusal("3"), "1:1: must be an object {...}, not 3");
  EXPECT_EQ(refusal(R"({"preprocess": "imagenet"})"), "1:16 at /preprocess: must be an object {...}, not \"imagenet\"");
  for (const std::string key : {"output", "layer", "layout"}) {
    for (const std::string value : {"-1", "true", "null", "1.5"}) {
      EXPECT_TRUE(
          contains(refusal("{\"" + key + "\": " + value + "}"), " at /" + key + ": must be a string, not " + value));
    }
    EXPECT_TRUE(contains(refusal("{\"" + key + "\": [\"a\"]}"), " at /" + key + ": must be a string, not a list"));
  }
  const std::string tasks = "1:10 at /task: must be one of \"single_label\", \"multi_label\", not ";
  EXPECT_EQ(refusal(R"({"task": true})"), tasks + "true");
  EXPECT_EQ(refusal(R"({"task": "both"})"), tasks + "\"both\"");
  for (const std::string labels : {"3", "null", "true"}) {
    EXPECT_EQ(refusal("{\"labels\": " + labels + "}"),
              "1:12 at /labels: must be a list of strings, an object as {\"0\": \"cat\"} or the name of a file, not " +
                  labels);
  }
  for (const std::string labels : {"[1]", "[\"a\", null]"}) {
    EXPECT_EQ(refusal("{\"labels\": " + labels + "}"),
              "1:12 at /labels: is no list of strings, nor an object as {\"0\": \"cat\"}");
  }
  EXPECT_EQ(refusal(R"({"labels": {"1": "a"}})"), "1:12 at /labels: has no label for class 0");
}

TEST_F(SidecarFile, RefusesNumbers) {
  const std::string frames = "1:12 at /frames: must be ", rate = "1:23 at /frames_per_second: must be ";
  EXPECT_EQ(refusal(R"({"frames": 0})"), frames + "at least 1, not 0");
  EXPECT_EQ(refusal(R"({"frames": -3})"), frames + "at least 1, not -3");
  EXPECT_EQ(refusal(R"({"frames": 10001})"), frames + "at most 10000, not 10001");
  EXPECT_EQ(refusal(R"({"frames": 18446744073709551615})"), frames + "at most 10000, not 18446744073709551615");
  for (const std::string other : {"2.0", "\"8\"", "true", "null"}) {
    EXPECT_EQ(refusal("{\"frames\": " + other + "}"), frames + "an integer, not " + other);
  }
  EXPECT_EQ(read(R"({"frames": 10000})").frames, 10000);
  EXPECT_EQ(refusal(R"({"frames_per_second": 0})"), rate + "at least 0.001, not 0");
  EXPECT_EQ(refusal(R"({"frames_per_second": 1001})"), rate + "at most 1000, not 1001");
  for (const std::string other : {"\"8\"", "true", "null"}) {
    EXPECT_EQ(refusal("{\"frames_per_second\": " + other + "}"), rate + "a number, not " + other);
  }
}

TEST_F(SidecarFile, RefusesSizes) {
  const auto refused = [&](const std::string& size) { return refusal("{\"preprocess\": {\"size\": " + size + "}}"); };
  const std::string size = "1:25 at /preprocess/size: must be ";
  EXPECT_EQ(refused("0"), size + "at least 1, not 0");
  EXPECT_EQ(refused("100001"), size + "at most 1e+05, not 100001");
  EXPECT_EQ(refused("2.5"), size + "an integer, not 2.5");
  EXPECT_EQ(refused("[224, 2.5]"), "1:31 at /preprocess/size/1: must be an integer, not 2.5");
  EXPECT_EQ(refused("[[1, 2], 3]"), "1:26 at /preprocess/size/0: must be an integer, not a list");
  EXPECT_EQ(refused("[1]"), size + "a list of 2 numbers, not of 1");
  EXPECT_EQ(refused("[1, 2, 3]"), size + "a list of 2 numbers, not of 3");
  EXPECT_EQ(refused("[]"), size + "a list of 2 numbers, not of 0");
  EXPECT_EQ(refused("\"224\""), size + "a list of 2 numbers or one for both, not \"224\"");
  EXPECT_EQ(refused("{\"a\": 1, \"b\": 2}"), size + "a list of 2 numbers or one for both, not an object");
}

TEST_F(SidecarFile, RefusesMeanAndDeviation) {
  for (const std::string key : {"mean", "std"}) {
    const std::string at = " at /preprocess/" + key;
    const auto refused = [&](const std::string& value) {
      return refusal("{\"preprocess\": {\"" + key + "\": " + value + "}}");
    };
    EXPECT_TRUE(contains(refused("0.5"), at + ": must be a list of numbers, not 0.5"));
    EXPECT_TRUE(contains(refused("[]"), at + ": must not be empty"));
    EXPECT_TRUE(contains(refused("[\"0.5\"]"), at + "/0: must be a number, not \"0.5\""));
    EXPECT_TRUE(contains(refused("[1, null, 1]"), at + "/1: must be a number, not null"));
    EXPECT_TRUE(contains(refused("[[1, 1, 1]]"), at + "/0: must be a number, not a list"));
  }
}

TEST_F(SidecarFile, RefusesWhatIsNoJson) {
  EXPECT_EQ(refusal("{"), "1:2: the text ends here, but the object that begins at line 1, column 1 is not closed");
  EXPECT_EQ(refusal(""), "1:1: the text is empty; expected an object {...}");
  EXPECT_EQ(refusal("{'layer': 'a'}"), "1:2: a string stands in double quotes, \"like this\"");
  EXPECT_EQ(refusal("{\"layer\": \"\xff\"}"), "1:12: the byte 0xff in a string is no UTF-8");
  EXPECT_EQ(refusal("{\n\"layer\": \"a\",}"), "2:13: there must be no ',' before '}'");
  EXPECT_EQ(refusal(R"({"preprocess": {"mean": [1e999, 0, 0]}})"), "1:26: the number 1e999 is too large");
  std::filesystem::remove(folder_ / "model.json");
  std::filesystem::create_directory(folder_ / "model.json");
  EXPECT_EQ(message_of(Fault::spec, [&] { read_sidecar(folder_ / "model.pt"); }),
            "'" + (folder_ / "model.json").string() + "' cannot be read");
}

TEST_F(SidecarFile, PreprocessingHasTheSameFormInAFileOfItsOwn) {
  const auto path = folder_.write("own.json", R"({"size": [8, 9], "std": [1, 1, 2]})");
  EXPECT_EQ(read_preprocess(path).size, (std::array<int64_t, 2>{8, 9}));
  EXPECT_EQ(read_preprocess(path).std, (std::vector<double>{1, 1, 2}));
  EXPECT_FALSE(read_preprocess(path).mean);
  EXPECT_EQ(
      preprocess_refusal(R"({"sise": 8})"),
      "1:2 at /sise: unknown key \"sise\"; keys are \"size\", \"crop\", \"mean\", \"std\" (did you mean \"size\"?)");
  EXPECT_EQ(preprocess_refusal(R"({"crop": "yes"})"), "1:10 at /crop: must be true or false, not \"yes\"");
  EXPECT_EQ(preprocess_refusal("[]"), "1:1: must be an object {...}, not a list");
  EXPECT_EQ(message_of(Fault::spec, [&] { read_preprocess(folder_ / "none.json"); }),
            "'" + (folder_ / "none.json").string() + "' cannot be read");
}

}  // namespace
}  // namespace attune::test
