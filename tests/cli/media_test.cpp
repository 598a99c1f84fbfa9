// What comes in: damaged files, folders in folders, and models that take luminance.
#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>

#include "image/image.h"
#include "models.h"
#include "picture.h"
#include "support.h"

namespace attune::test {
namespace {

class Media : public CommandLine {
 protected:
  Outcome heatmap(std::vector<std::string> inputs) const {
    inputs.insert(inputs.begin(), {"heatmap", "model.pt", "--threads", "1", "--size", "32"});
    return run(inputs);
  }

  // Noise with a third of the file zeroed, in its middle: decoders go on after that.
  void write_damaged(const std::string& name) const {
    cv::Mat noise(96, 96, CV_8UC3);
    cv::RNG(7).fill(noise, cv::RNG::UNIFORM, 0, 255);
    cv::imwrite((folder_ / name).string(), noise);
    std::string bytes = read(name);
    bytes.replace(bytes.size() / 2, bytes.size() / 3, bytes.size() / 3, '\0');
    write(name, bytes);
  }
};

TEST_F(Media, ADamagedPictureIsNamedAndTheOthersDone) {
  save_classifier(folder_ / "model.pt");
  fs::create_directory(folder_ / "in");
  write_picture("in/a.png");
  write_damaged("in/b.jpg");
  write_picture("in/c.png");
  const Outcome outcome = heatmap({"in", "--output", "out"});
  EXPECT_EQ(outcome.code, 5);
  expect_parts(outcome.err, {"attune: in/b.jpg: the picture is damaged: "});
  EXPECT_EQ(outcome.err.find("Corrupt"), std::string::npos) << "the decoder itself writes nothing";
  EXPECT_EQ(files("out"),
            (std::set<std::string>{"a.gradcam.png", "c.gradcam.png", "contact_sheet.png", "summary.json"}));
}

// The second run does not take the pictures of the first for inputs.
TEST_F(Media, FoldersInFoldersAreRead) {
  save_classifier(folder_ / "model.pt");
  for (const char* name : {"in/x/cat", "in/y/cat"}) fs::create_directories(folder_ / name);
  for (const char* name : {"in/top.png", "in/x/cat/1.png", "in/y/cat/1.png", "in/y/2.png"}) write_picture(name);
  for (int run = 0; run < 2; ++run) {
    const Outcome outcome = heatmap({"in", "--output", "in/out"});
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_EQ(files("in/out"),
              (std::set<std::string>{"top.gradcam.png", "x_cat_1_png.gradcam.png", "y_cat_1_png.gradcam.png",
                                     "2.gradcam.png", "contact_sheet.png", "summary.json"}));
  }
}

TEST_F(Media, AModelOfOneChannelSeesLuminance) {
  save_brightness(folder_ / "model.pt");
  write_png(folder_ / "a.png", plain(40, 40, 200, 100, 50));
  const auto score = [&] {
    const Json summary = document({"heatmap", "model.pt", "a.png", "--threads", "1", "--json"});
    return summary.at("items").at(0).at("maps").at(0).at("target").at("score").get<double>();
  };
  write("model.json", R"({"preprocess": {"size": 8, "mean": [0.5], "std": [0.25]}})");
  EXPECT_NEAR(score(), (124 / 255.0 - 0.5) / 0.25, 1e-5);
  write("model.json", R"({"preprocess": {"size": 8, "mean": [0.1, 0.2, 0.3], "std": [0.5, 0.5, 0.5]}})");
  EXPECT_NEAR(score(), (124 / 255.0 - (0.0299 + 0.1174 + 0.0342)) / 0.5, 1e-5);
  write("model.json", R"({"preprocess": {"mean": [0.5, 0.5]}})");
  EXPECT_EQ(refusal(2, {"heatmap", "model.pt", "a.png"}),
            "preprocessing: mean needs one number, or three (red, green, blue), not 2");
}

TEST_F(Media, LabelsMayBeOfAnotherProgramsModel) {
  save_classifier(folder_ / "model.pt");
  write_picture("a.png");
  write("config.json", R"({"model_type": "x", "id2label": {"0": "ant", "1": "bee", "2": "cat", "3": "dog"}})");
  const Json summary =
      document({"heatmap", "model.pt", "a.png", "--labels", "config.json", "--target", "cat", "--json"});
  EXPECT_EQ(summary.at("items").at(0).at("maps").at(0).at("target").at("index"), 2);
}

}  // namespace
}  // namespace attune::test
