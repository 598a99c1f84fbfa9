// attune demo: everything it says is there.

#include <sstream>

#include "image/image.h"
#include "support.h"

namespace attune::test {
namespace {

using Demo = CommandLine;

std::set<std::string> expected_files() {
  std::set<std::string> names{"model.pt",
                              "model.json",
                              "boxes.json",
                              "heatmaps/contact_sheet.png",
                              "heatmaps/summary.json",
                              "consistency/contact_sheet.png",
                              "consistency/summary.json"};
  for (int i = 1; i <= 8; ++i) {
    const std::string picture = "picture" + std::to_string(i);
    names.insert("pictures/" + picture + ".png");
    for (const char* method : {"gradcam", "guided_backprop", "saliency"}) {
      names.insert("heatmaps/" + picture + "." + method + ".png");
    }
    for (const char* map : {"cam", "gb", "mask", "masked_input", "cam_again"}) {
      names.insert("consistency/" + picture + "." + map + ".png");
    }
  }
  return names;
}

TEST_F(Demo, WritesWhatItSays) {
  const Outcome outcome = run({"demo", "--quick", "--output", "story", "--threads", "2"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(files("story"), expected_files());
  expect_parts(outcome.out, {"Training a small network on 64 pictures", "macro F1 on pictures it has never seen: ",
                             "agreement h = ", "The pictures lie in story/heatmaps and story/consistency; begin with"});
  std::istringstream words(outcome.out);
  int named = 0;
  for (std::string word; words >> word;) {
    if (word.compare(0, 15, "story/heatmaps/") != 0) continue;
    EXPECT_EQ(read_image(folder_ / word).size(2), 3) << word;
    ++named;
  }
  EXPECT_EQ(named, 24);
  EXPECT_EQ(parsed(read("story/boxes.json")).size(), 8U);
  const Json summary = parsed(read("story/heatmaps/summary.json"));
  ASSERT_EQ(summary["items"].size(), 8U);
  EXPECT_TRUE(summary["items"][0]["maps"][0]["target"]["label"].is_string());

  const Json layers = document({"layers", "story/model.pt", "--json"});
  EXPECT_EQ(layers["auto"], summary["items"][0]["maps"][0]["layer"]);
}

}  // namespace
}  // namespace attune::test
