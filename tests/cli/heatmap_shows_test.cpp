// attune heatmap with components that do as they like: what they show, what cannot be drawn, and what it is drawn over.

#include <ATen/TensorOperators.h>

#include "image/image.h"
#include "models.h"
#include "support.h"

namespace attune::test {
namespace {

using Arguments = std::vector<std::string>;

class HeatmapShows : public CommandLine {
 protected:
  HeatmapShows() {
    save_colours(folder_ / "model.pt", 0);
    for (const char* name : {"a.png", "c.png"}) write_png(folder_ / name, at::full({32, 32, 3}, 230, at::kByte));
    write_png(folder_ / "b.png", at::full({32, 32, 3}, 20, at::kByte));
  }

  Outcome heatmap(Arguments flags, const std::string& size = "32") const {
    flags.insert(flags.begin(), {"heatmap", "model.pt", "--threads", "1", "--size", size, "--output", "out",
                                 "--plugin-dir", ATTUNE_BUILD_DIR "/tests/plugins/shows"});
    return run(flags);
  }

  void write_spec(const std::string& shows) const {
    write("spec.json", R"({"version": 1, "target": 0, "maps": {"cam": "gradcam", "gb": "saliency"}, "terms": [)"
                       R"({"maps": ["cam", "gb"], "match": {"use": "mirror", "shows": ")" +
                           shows + R"("}, "compare": "pearson"}]})");
  }

  Json summary() const { return parsed(read("out/summary.json")); }

  static Arguments names(const Json& item) {
    Arguments names;
    for (const Json& map : item["maps"]) names.push_back(map["name"]);
    return names;
  }
};

int64_t occurrences(const std::string& text, const std::string& part) {
  int64_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST_F(HeatmapShows, MatchersMayShowOtherTensorsInEveryBatch) {
  write_spec("light");
  for (const Arguments& inputs : {Arguments{"a.png", "b.png"}, Arguments{"b.png", "a.png"}}) {
    fs::remove_all(folder_ / "out");
    const Outcome outcome = heatmap({inputs[0], inputs[1], "--spec", "spec.json", "--batch", "1"});
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    for (const Json& item : summary()["items"]) {
      const Arguments expected =
          item["input"] == "a.png" ? Arguments{"cam", "gb", "light", "cam_again"} : Arguments{"cam", "gb", "cam_again"};
      EXPECT_EQ(names(item), expected);
    }
    EXPECT_EQ(files("out").count("contact_sheet.png"), 1U);
    EXPECT_EQ(files("out").count("b.light.png"), 0U);
  }
}

TEST_F(HeatmapShows, WhatASpecCannotDrawIsTheFaultOfItsInputAlone) {
  write_spec("root");
  const Outcome outcome = heatmap({"a.png", "b.png", "c.png", "--spec", "spec.json"});
  EXPECT_EQ(outcome.code, 6);
  EXPECT_EQ(occurrences(outcome.err, "attune: b.png: 'root' is not finite (NaN or infinity)\n"), 1) << outcome.err;
  const Json document = summary();
  ASSERT_EQ(document["items"].size(), 2U);
  EXPECT_EQ(document["items"][0]["input"], "a.png");
  EXPECT_EQ(document["items"][1]["input"], "c.png");
  ASSERT_EQ(document["failed"].size(), 1U);
  const Json failed = {
      {"input", "b.png"}, {"index", nullptr}, {"error", "b.png: 'root' is not finite (NaN or infinity)"}};
  EXPECT_EQ(document["failed"][0], failed);
}

TEST_F(HeatmapShows, WhatAMethodGivesToo) {
  for (const char* batch : {"1", "3"}) {
    fs::remove_all(folder_ / "out");
    const Outcome outcome = heatmap({"b.png", "a.png", "c.png", "--method", "steep", "--batch", batch});
    EXPECT_EQ(outcome.code, 6);
    for (const char* name : {"a.png", "c.png"}) {
      const std::string line = std::string("attune: ") + name + ": the map [8, 8] has values that are not finite\n";
      EXPECT_EQ(occurrences(outcome.err, line), 1) << outcome.err;
    }
    ASSERT_EQ(summary()["items"].size(), 1U);
    EXPECT_EQ(summary()["items"][0]["input"], "b.png");
    EXPECT_EQ(summary()["failed"].size(), 2U);
  }
}

TEST_F(HeatmapShows, WhatIsNoTensorOfTheBatchIsRefused) {
  write_spec("number");
  const Outcome outcome = heatmap({"a.png", "--spec", "spec.json"});
  EXPECT_EQ(outcome.code, 6);
  expect_parts(outcome.err, {"a.png: ", "it shows a tensor [] as 'number', not one [N,C,S1..Sd] of 1 samples"});
}

// A red spot at the left; in the mirrored input it lies at the right, and so does the heat.
TEST_F(HeatmapShows, AMapLiesOverTheInputThatItWasComputedOn) {
  Image picture = at::full({64, 96, 3}, 20, at::kByte);
  picture.narrow(0, 24, 16).narrow(1, 8, 16).select(2, 0).fill_(220);
  write_png(folder_ / "spot.png", picture);
  write_spec("nothing");
  const Outcome outcome = heatmap({"spot.png", "--spec", "spec.json", "--plain"}, "64,96");
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  const Image first = read_image(folder_ / "out/spot.cam.png"), again = read_image(folder_ / "out/spot.cam_again.png");
  ASSERT_EQ(again.sizes(), picture.sizes());
  EXPECT_LE((again.flip({1}).to(at::kInt) - first.to(at::kInt)).abs().max().item<int>(), 3);
  EXPECT_LE((again.narrow(1, 0, 40).to(at::kInt) - 20).abs().max().item<int>(), 3) << "the photo is not mirrored";
}

}  // namespace
}  // namespace attune::test
