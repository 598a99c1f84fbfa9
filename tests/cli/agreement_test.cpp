// Results do not depend on how the work was cut up, and the model's file is only read.

#include <ATen/TensorOperators.h>

#include "image/npy.h"
#include "models.h"
#include "support.h"

namespace attune::test {
namespace {

class Agreement : public CommandLine {
 protected:
  Agreement() {
    save_classifier(folder_ / "model.pt");
    for (int i = 0; i < 6; ++i) write_picture("in/p" + std::to_string(i) + ".png", 40 + 7 * i, 60 - 5 * i, i);
  }

  Json heatmap(const std::string& batch, const std::string& threads, const std::string& output) const {
    return document({"heatmap", "model.pt", "in", "--batch", batch, "--threads", threads, "--output", output, "--raw",
                     "--json", "--method", "gradcam", "--method", "saliency", "--method", "guided_backprop"});
  }

  void expect_same_maps(const std::string& one, const std::string& other) const {
    EXPECT_EQ(files(one), files(other));
    size_t compared = 0;
    for (const std::string& name : files(one)) {
      if (fs::path(name).extension() != ".npy") continue;
      const at::Tensor a = read_npy(folder_ / one / name);
      const at::Tensor b = read_npy(folder_ / other / name);
      ASSERT_EQ(a.sizes(), b.sizes()) << name;
      const double range = (a.max() - a.min()).item<double>();
      EXPECT_GT(range, 0) << name;
      EXPECT_LE((a - b).abs().max().item<double>(), 1e-5 * range) << name << ", " << one << " and " << other;
      ++compared;
    }
    EXPECT_EQ(compared, 18U);
  }
};

TEST_F(Agreement, OfBatchesAndThreads) {
  const std::string model = read("model.pt");
  const auto written = fs::last_write_time(folder_ / "model.pt");
  const Json single = heatmap("1", "1", "single");
  const Json batched = heatmap("4", "1", "batched");
  heatmap("4", "2", "threaded");
  expect_same_maps("single", "batched");
  expect_same_maps("batched", "threaded");
  ASSERT_EQ(single["items"].size(), 6U);
  ASSERT_EQ(batched["items"].size(), 6U);
  for (size_t i = 0; i < 6; ++i) {
    const std::string input = "in/p" + std::to_string(i) + ".png";
    EXPECT_EQ(single["items"][i]["input"], input);
    EXPECT_EQ(batched["items"][i]["input"], input);
    const Json a = single["items"][i]["maps"][0]["target"];
    const Json b = batched["items"][i]["maps"][0]["target"];
    EXPECT_EQ(a["index"], b["index"]) << input;
    EXPECT_NEAR(a["score"].get<double>(), b["score"].get<double>(), 1e-4) << input;
  }
  EXPECT_EQ(read("model.pt"), model);
  EXPECT_EQ(fs::last_write_time(folder_ / "model.pt"), written);
}

}  // namespace
}  // namespace attune::test
