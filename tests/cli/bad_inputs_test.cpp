// Inputs that cannot be read, and those that look odd but can.

#include "arrays.h"
#include "image/image.h"
#include "models.h"
#include "support.h"

namespace attune::test {
namespace {

class BadInputs : public CommandLine {
 protected:
  BadInputs() { save_classifier(folder_ / "model.pt"); }

  Outcome heatmap(std::vector<std::string> inputs) const {
    inputs.insert(inputs.begin(), {"heatmap", "model.pt", "--threads", "1", "--output", "out", "--size", "32"});
    return run(inputs);
  }
};

TEST_F(BadInputs, EachHasASentenceOfItsOwn) {
  write("empty.jpg", "");
  write("text.jpg", "this is no picture\n");
  write("half.png", "");
  write_picture("whole.png");
  write("half.png", read("whole.png").substr(0, 200));
  fs::create_directory(folder_ / "folder");
  const Outcome outcome = heatmap({"empty.jpg", "text.jpg", "half.png", "missing.png", "folder"});
  EXPECT_EQ(outcome.code, 5);
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(outcome.err,
            "attune: empty.jpg: the file is empty\n"
            "attune: text.jpg: is not a picture that can be decoded (damaged, or of another format)\n"
            "attune: half.png: the picture is cut off: the end of the file is missing\n"
            "attune: missing.png: cannot be read: No such file or directory\n"
            "attune: folder: the folder has no pictures and no .npy or NIfTI files in it\n");
  EXPECT_EQ(files("out"), std::set<std::string>());
}

TEST_F(BadInputs, ArraysToo) {
  std::vector<float> values(3 * 4 * 4);
  values[1 * 16 + 2 * 4 + 3] = std::numeric_limits<float>::quiet_NaN();
  write("nan.npy", npy("<f4", "(3, 4, 4)", bytes_of(values)));
  values[1 * 16 + 2 * 4 + 3] = std::numeric_limits<float>::infinity();
  write("infinity.npy", npy("<f4", "(3, 4, 4)", bytes_of(values)));
  values.assign(3 * 4 * 4, 1);
  write("rank.npy", npy("<f4", "(12, 4)", bytes_of(values)));
  write("big.npy", npy(">f4", "(3, 4, 4)", bytes_of(values)));
  write("double.npy", npy("<f8", "(3, 4, 4)", bytes_of(std::vector<double>(3 * 4 * 4))));
  write("short.npy", npy("<f4", "(3, 4, 5)", bytes_of(values)));
  write("text.npy", "1, 2, 3\n");
  const Outcome outcome =
      heatmap({"nan.npy", "infinity.npy", "rank.npy", "big.npy", "double.npy", "short.npy", "text.npy"});
  EXPECT_EQ(outcome.code, 5);
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(outcome.err,
            "attune: nan.npy: holds values that are not finite: first NaN at index [1, 2, 3]\n"
            "attune: infinity.npy: holds values that are not finite: first infinity at index [1, 2, 3]\n"
            "attune: rank.npy: has the shape [12, 4]; the model takes [C,S1,S2], or [N,C,S1,S2] for several inputs\n"
            "attune: big.npy: is big-endian float32; save it with .astype('<f4')\n"
            "attune: double.npy: holds float64; float32 is expected (save it with .astype('float32'))\n"
            "attune: short.npy: is cut off: [3, 4, 5] takes 240 bytes of values, but the file has 192\n"
            "attune: text.npy: is not a .npy file (it does not begin with NumPy's mark)\n");
  EXPECT_EQ(files("out"), std::set<std::string>());
}

TEST_F(BadInputs, AloneIsOneLine) {
  EXPECT_EQ(refusal(5, {"heatmap", "model.pt", "missing.png", "--json"}),
            "missing.png: cannot be read: No such file or directory");
  EXPECT_EQ(refusal(5, {"heatmap", "model.pt", ""}), ": cannot be read: No such file or directory");
}

TEST_F(BadInputs, ArrayOfOtherChannelsNamesShapeAndLayer) {
  write("grey.npy", npy("<f4", "(1, 8, 8)", bytes_of(std::vector<float>(64))));
  const std::string said = refusal(5, {"heatmap", "model.pt", "grey.npy"});
  EXPECT_EQ(said.compare(0, 10, "grey.npy: "), 0) << said;
  expect_parts(said, {"input of shape [1, 1, 8, 8]", "at layer 'conv1'", "it probably takes [N, 3, 224, 224]"});
}

TEST_F(BadInputs, OddSizesAreFine) {
  write_picture("dot.png", 1, 1);
  write_picture("wide.png", 20, 20000);
  write_picture("high.png", 2000, 3);
  const Outcome outcome = heatmap({"dot.png", "wide.png", "high.png"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  for (const char* name : {"dot", "wide", "high"}) {
    const Image picture = read_image(folder_ / (std::string(name) + ".png"));
    const Image overlay = read_image(folder_ / "out" / (std::string(name) + ".gradcam.png"));
    EXPECT_GE(overlay.size(0), picture.size(0)) << name;
    EXPECT_GE(overlay.size(1), picture.size(1)) << name;
  }
}

// One input of a batch on which the model fails does not take the others with it.
TEST_F(BadInputs, ThatTheModelFailsOnAreNamedAlone) {
  write_picture("a.png");
  write("b.npy", npy("<f4", "(3, 32, 32)", bytes_of(std::vector<float>(3 * 32 * 32, 3e38F))));
  write_picture("c.png", 40, 60, 2);
  const Outcome outcome = heatmap({"a.png", "b.npy", "c.png"});
  EXPECT_EQ(outcome.code, 6);
  expect_parts(outcome.err, {"attune: b.npy: the model's scores are not finite (NaN or infinity)\n"});
  EXPECT_EQ(files("out"),
            (std::set<std::string>{"a.gradcam.png", "c.gradcam.png", "contact_sheet.png", "summary.json"}));
}

// Whatever a plugin throws, the method is named and the other inputs are done, in one batch and one by one.
TEST_F(BadInputs, ThatAPluginFailsOnAreNamedAlone) {
  write_picture("a.png");
  write("b.npy", npy("<f4", "(3, 32, 32)", bytes_of(std::vector<float>(3 * 32 * 32, 1000))));
  write_picture("c.png", 40, 60, 2);
  const std::string method = "attune: b.npy: the method of map 'm'";
  const std::map<std::string, std::string> sentences{
      {"libtorch",
       " failed: The size of tensor a (2) must match the size of tensor b (3) at non-singleton dimension 0"},
      {"standard", " failed: no such weight"},
      {"number", " failed: something was thrown that is not a std::exception"},
      {"error", ": values above 100 are too large"}};
  for (const auto& [how, sentence] : sentences) {
    for (const char* batch : {"1", "8"}) {
      const Outcome outcome = run({"heatmap", "model.pt", "a.png", "b.npy", "c.png", "--size", "32", "--batch", batch,
                                   "--output", how, "--plugin-dir", ATTUNE_BUILD_DIR "/tests/plugins/wrong.methods",
                                   "--method", "m=wrong.fails_on_large_values:how=" + how});
      EXPECT_EQ(outcome.code, 6) << how;
      expect_parts(outcome.err, {(method + sentence + "\n").c_str()});
      EXPECT_TRUE(fs::exists(folder_ / how / "a.m.png") && fs::exists(folder_ / how / "c.m.png")) << how;
      EXPECT_FALSE(fs::exists(folder_ / how / "b.m.png"));
    }
  }
}

TEST_F(BadInputs, AmongGoodOnesAreNamedAndTheOthersDone) {
  write_picture("a.png");
  write("b.png", "no picture");
  std::vector<float> rows(2 * 3 * 32 * 32, 0.5F);
  rows[3 * 32 * 32] = std::numeric_limits<float>::quiet_NaN();
  write("c.npy", npy("<f4", "(2, 3, 32, 32)", bytes_of(rows)));
  write_picture("d.png");
  const Outcome outcome = heatmap({"a.png", "b.png", "c.npy", "d.png", "--json"});
  EXPECT_EQ(outcome.code, 5);
  expect_parts(outcome.err, {"attune: b.png: is not a picture that can be decoded (damaged, or of another format)\n",
                             "attune: c.npy: holds values that are not finite: first NaN at index [1, 0, 0, 0]\n"});
  const Json summary = parsed(outcome.out);
  ASSERT_EQ(summary.at("items").size(), 3U);
  EXPECT_EQ(summary["items"][0]["input"], "a.png");
  EXPECT_EQ(summary["items"][1]["input"], "c.npy");
  EXPECT_EQ(summary["items"][1]["index"], 0);
  EXPECT_EQ(summary["items"][2]["input"], "d.png");
  EXPECT_EQ(files("out"), (std::set<std::string>{"a.gradcam.png", "c_0.gradcam.png", "d.gradcam.png",
                                                 "contact_sheet.png", "summary.json"}));
  EXPECT_EQ(parsed(read("out/summary.json")), summary);
}

}  // namespace
}  // namespace attune::test
