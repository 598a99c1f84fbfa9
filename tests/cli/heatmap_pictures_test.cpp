// How `attune heatmap` draws, and what it prints while it does.

#include <ATen/TensorOperators.h>
#include <algorithm>
#include <sstream>

#include "image/image.h"
#include "image/npy.h"
#include "models.h"
#include "support.h"

namespace attune::test {
namespace {

using Arguments = std::vector<std::string>;

class HeatmapPictures : public CommandLine {
 protected:
  HeatmapPictures() {
    save_classifier(folder_ / "model.pt");
    write_picture("picture.png", 240, 360);
  }

  static Arguments heatmap(Arguments flags) {
    flags.insert(flags.begin(), {"heatmap", "model.pt", "--threads", "1", "--size", "32", "--output", "out"});
    return flags;
  }

  Image drawn(const Arguments& flags, const std::string& name = "picture.gradcam.png") const {
    fs::remove_all(folder_ / "out");
    const Outcome outcome = run(heatmap(flags));
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    return read_image(folder_ / "out" / name);
  }
};

int largest_change(const Image& a, const Image& b) { return (a.to(at::kInt) - b.to(at::kInt)).abs().max().item<int>(); }

TEST_F(HeatmapPictures, PlainOnesHaveThePhotosSize) {
  const Image photo = read_image(folder_ / "picture.png");
  const Image legend = drawn({"picture.png"}), plain = drawn({"picture.png", "--plain"});
  EXPECT_EQ(plain.sizes(), photo.sizes());
  EXPECT_GT(legend.size(0), photo.size(0));
  EXPECT_TRUE(at::equal(legend.narrow(0, 0, photo.size(0)), plain));
  EXPECT_EQ(drawn({"picture.png", "--plain", "--method", "saliency"}, "picture.saliency.png").sizes(), photo.sizes());
}

TEST_F(HeatmapPictures, HeatAloneDoesNotShowThePhoto) {
  const Arguments only = {"picture.png", "--heat-only", "--plain", "--crop", "--colormap", "grey"};
  const Image heat = drawn(only);
  EXPECT_EQ(heat.sizes(), at::IntArrayRef({240, 360, 3}));
  EXPECT_EQ(largest_change(heat.select(2, 0), heat.select(2, 2)), 0) << "a colour of the photo";
  EXPECT_GT(heat.max().item<int>(), 240);
  EXPECT_EQ(heat.narrow(1, 0, 50).max().item<int>(), 0) << "the part that was cut off";
}

TEST_F(HeatmapPictures, OpacityMayBeUniform) {
  const Image photo = read_image(folder_ / "picture.png");
  const Image heat = drawn({"picture.png", "--plain", "--heat-only"});
  const Image even = drawn({"picture.png", "--plain", "--opacity", "uniform", "--alpha", "0.25"});
  const at::Tensor expected = photo.to(at::kFloat) * 0.75 + heat.to(at::kFloat) * 0.25;
  EXPECT_LE((even.to(at::kFloat) - expected).abs().max().item<double>(), 1.01);
}

TEST_F(HeatmapPictures, JetIsTurbo) {
  const Image turbo = drawn({"picture.png", "--colormap", "turbo"});
  fs::remove_all(folder_ / "out");
  const Outcome outcome = run(heatmap({"picture.png", "--colormap", "jet"}));
  EXPECT_EQ(outcome.code, 0);
  expect_parts(outcome.err, {"attune: note: the colormap jet is drawn as turbo"});
  EXPECT_TRUE(at::equal(read_image(folder_ / "out/picture.gradcam.png"), turbo));
  EXPECT_EQ(parsed(read("out/summary.json"))["run"]["pictures"]["colormap"], "turbo");
}

TEST_F(HeatmapPictures, RawMapsMayHaveTheInputsSize) {
  drawn({"picture.png", "--raw"});
  const at::Tensor map = read_npy(folder_ / "out/picture.gradcam.npy");
  ASSERT_EQ(map.sizes(), at::IntArrayRef({1, 4, 4}));
  drawn({"picture.png", "--raw", "--raw-size", "input"});
  const at::Tensor large = read_npy(folder_ / "out/picture.gradcam.npy");
  ASSERT_EQ(large.sizes(), at::IntArrayRef({1, 32, 32}));
  EXPECT_NEAR(large[0][0][12].item<double>(), (15 * map[0][0][1] + map[0][0][2]).item<double>() / 16, 1e-6);
  EXPECT_NEAR(large.mean().item<double>(), map.mean().item<double>(), 1e-6);
  EXPECT_NEAR(large[0][0][0].item<double>(), map[0][0][0].item<double>(), 1e-6);
  save_signal_classifier(folder_ / "model.pt");
  write_npy(folder_ / "signal.npy", noise({2, 64}));
  EXPECT_EQ(run(heatmap({"signal.npy", "--raw", "--raw-size", "input"})).code, 0);
  EXPECT_EQ(read_npy(folder_ / "out/signal.gradcam.npy").sizes(), at::IntArrayRef({1, 64}));
  expect_parts(refusal(2, heatmap({"picture.png", "--raw-size", "input"})), {"--raw-size", "--raw"});
}

// Two pictures of two maps are rows; of one map a grid, in which a page holds more.
TEST_F(HeatmapPictures, OneMapOfManyInputsIsAGrid) {
  for (int i = 0; i < 10; ++i) {
    fs::create_hard_link(folder_ / "picture.png", folder_ / ("p" + std::to_string(i) + ".png"));
  }
  const Image grid = drawn({"."}, "contact_sheet.png");
  const Image rows = drawn({".", "--method", "gradcam", "--method", "saliency"}, "contact_sheet.png");
  EXPECT_GT(grid.size(1), 3 * 224);
  EXPECT_LT(grid.size(0), 4 * 224);
  EXPECT_GT(rows.size(0), 10 * 150);
  EXPECT_LT(rows.size(1), 4 * 224);
}

// Whose class is asked for is not what the model answers.
TEST_F(HeatmapPictures, TheSummaryTellsTheAnswerFromTheTarget) {
  const Json best = document(heatmap({"picture.png", "--json"}))["items"][0];
  EXPECT_EQ(best["answer"], best["maps"][0]["target"]);
  const int64_t other = (best["answer"]["index"].get<int64_t>() + 1) % 4;
  const Json chosen = document(heatmap({"picture.png", "--json", "--target", std::to_string(other)}))["items"][0];
  EXPECT_EQ(chosen["answer"], best["answer"]);
  EXPECT_EQ(chosen["maps"][0]["target"]["index"], other);
}

TEST_F(HeatmapPictures, TheSummaryCanRepeatTheRun) {
  write("text.png", "no picture");
  const Outcome outcome = run(heatmap({"picture.png", "text.png", "--json", "--crop", "--method",
                                       "cam=gradcam:layer=relu1", "--method", "saliency", "--target", "top2"}));
  EXPECT_EQ(outcome.code, 5);
  const Json document = parsed(outcome.out);
  const Json run = document["run"];
  const Json methods = {{{"name", "cam"}, {"id", "gradcam"}, {"parameters", {{"layer", "relu1"}, {"relu", false}}}},
                        {{"name", "saliency"}, {"id", "saliency"}, {"parameters", run["methods"][1]["parameters"]}}};
  EXPECT_EQ(run["methods"], methods);
  EXPECT_EQ(run["methods"][1]["parameters"]["channels"], "keep");
  EXPECT_EQ(run["targets"], Json::array({"top2"}));
  EXPECT_EQ(run["model"], (folder_ / "model.pt").string());
  EXPECT_EQ(run["preprocess"]["size"], (Json{32, 32}));
  EXPECT_EQ(run["preprocess"]["crop"], true);
  EXPECT_EQ(run["preprocess"]["mean"].size(), 3U);
  EXPECT_TRUE(run["attune"].is_string());
  EXPECT_TRUE(run["libtorch"].is_string());
  EXPECT_EQ(document["stopped"], false);
  ASSERT_EQ(document["failed"].size(), 1U);
  EXPECT_EQ(document["failed"][0]["input"], "text.png");
  expect_parts(document["failed"][0]["error"], {"text.png: is not a picture that can be decoded"});
  const Json box = document["items"][0]["crop_box"];  // of 360 x 240: the middle 7/8 of the height
  EXPECT_EQ(box.size(), 4U);
  EXPECT_NEAR(box[0].get<double>(), 75, 6);
  EXPECT_NEAR(box[2].get<double>(), 210, 6);
}

TEST_F(HeatmapPictures, ASpecsSummaryHoldsTheSpec) {
  const Json run = document({"heatmap", "model.pt", "picture.png", "--json", "--spec", "atcon_gb_mask_pearson"})["run"];
  EXPECT_EQ(run["spec"]["file"], "atcon_gb_mask_pearson");
  EXPECT_EQ(run["spec"]["document"]["version"], 1);
  EXPECT_TRUE(run["spec"]["document"]["maps"].is_object());
}

// In files and summaries names stay what they are, whatever can be drawn.
TEST_F(HeatmapPictures, NamesAndLabelsOfAnyScript) {
  write("labels.txt", "猫\nсобака\nchâteau\nzebra\n");
  fs::copy(folder_ / "picture.png", folder_ / "写真.png");
  const Outcome outcome = run(heatmap({"写真.png", "picture.png", "--labels", "labels.txt", "--target", "猫"}));
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  expect_parts(outcome.out, {"写真.png\n", "gradcam  猫 ", "out/写真.gradcam.png"});
  EXPECT_EQ(parsed(read("out/summary.json"))["items"][0]["maps"][0]["target"]["label"], "猫");
  EXPECT_EQ(files("out").count("写真.gradcam.png"), 1U);
}

TEST_F(HeatmapPictures, WithoutAnyFontThereAreBoxes) {
  ASSERT_EQ(run(heatmap({"picture.png"})).code, 0);
  const std::string written = read("out/picture.gradcam.png");
  Surroundings bare;
  bare.environment = {{"FONTCONFIG_FILE", write("none.conf", "<fontconfig></fontconfig>").string()}};
  const Outcome outcome = run(heatmap({"picture.png"}), bare);
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.err.find("WARNING"), std::string::npos) << outcome.err;
  EXPECT_NE(read("out/picture.gradcam.png"), written);
}

// What stands on the screen, line by line: a carriage return with "erase" begins a line anew.
std::vector<std::string> screen(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    const std::string erase = "\r\x1b[K";
    const size_t begin = line.rfind(erase);
    lines.push_back(begin == std::string::npos ? line : line.substr(begin + erase.size()));
  }
  return lines;
}

TEST_F(HeatmapPictures, OnATerminalTheBarLeavesResultsAndNotesAlone) {
  write("text.png", "no picture");
  write_picture("other.png");
  Surroundings terminal;
  terminal.terminal = true;
  const Outcome outcome =
      run(heatmap({"picture.png", "text.png", "other.png", "--batch", "1", "--method", "gradcam"}), terminal);
  EXPECT_EQ(outcome.code, 5);
  expect_parts(outcome.out, {"[########                ] 1/3 inputs"});
  const auto lines = screen(outcome.out);
  for (const char* whole : {"picture.png", "other.png"}) {
    EXPECT_EQ(std::count(lines.begin(), lines.end(), whole), 1) << outcome.out;
  }
  for (const std::string& line : lines) EXPECT_EQ(line.find("##"), std::string::npos) << line;
  EXPECT_EQ(
      std::count_if(lines.begin(), lines.end(),
                    [](const std::string& line) { return line.rfind("attune: text.png: is not a picture", 0) == 0; }),
      1)
      << outcome.out;
}

}  // namespace
}  // namespace attune::test
