// attune heatmap --spec: every map of a spec and what its matchers show.

#include <ATen/TensorOperators.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/linspace.h>
#include <ATen/ops/tensor.h>

#include "image/image.h"
#include "image/npy.h"
#include "models.h"
#include "specs.h"
#include "support.h"

namespace attune::test {
namespace {

using Files = std::set<std::string>;
using Arguments = std::vector<std::string>;

class SpecHeatmap : public CommandLine {
 protected:
  SpecHeatmap() {
    save_classifier(folder_ / "model.pt");
    write("spec.json", spec_text());
    write_picture("picture.png");
    write_npy(folder_ / "rows.npy", rows_);
  }

  static Arguments heatmap(Arguments inputs) {
    inputs.insert(inputs.begin(), {"heatmap", "model.pt", "--spec", "spec.json", "--threads", "1", "--size", "32,48",
                                   "--output", "out"});
    return inputs;
  }

  Json written(Arguments inputs) const {
    fs::remove_all(folder_ / "out");
    const Outcome outcome = run(heatmap(std::move(inputs)));
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    return outcome.code == 0 ? parsed(read("out/summary.json")) : Json();
  }

  at::Tensor raw(const std::string& name) const { return read_npy(folder_ / "out" / (name + ".npy")); }

  const at::Tensor rows_ = noise({2, 3, 32, 48});
};

// Names of the maps that a spec with a mask shows, in the order of the summary.
const std::vector<std::string> shown = {"cam", "gb", "mask", "masked_input", "cam_again"};

Files names_of(const std::string& stem, const std::string& end) {
  Files names;
  for (const std::string& name : shown) names.insert(stem + "." + name + end);
  return names;
}

TEST_F(SpecHeatmap, WritesEveryMap) {
  const Json summary = written({"picture.png", "--raw"});
  Files expected = names_of("picture", ".png");
  expected.merge(names_of("picture", ".npy"));
  expected.merge(Files{"contact_sheet.png", "summary.json"});
  EXPECT_EQ(files("out"), expected);
  ASSERT_EQ(summary["items"].size(), 1U);
  const Json& maps = summary["items"][0]["maps"];
  ASSERT_EQ(maps.size(), shown.size());
  const std::vector<Json> shapes = {{1, 4, 6}, {1, 32, 48}, {1, 32, 48}, {3, 32, 48}, {1, 4, 6}};
  for (size_t i = 0; i < shown.size(); ++i) {
    EXPECT_EQ(maps[i]["name"], shown[i]);
    EXPECT_EQ(maps[i]["shape"], shapes[i]) << shown[i];
    EXPECT_EQ(maps[i]["layer"], i == 0 || i == 4 ? Json("relu2") : Json()) << shown[i];
    EXPECT_EQ(maps[i]["overlay"], "picture." + shown[i] + ".png");
    EXPECT_EQ(maps[i]["raw"], "picture." + shown[i] + ".npy");
    EXPECT_EQ(read_image(folder_ / "out" / maps[i]["overlay"].get<std::string>()).size(2), 3) << shown[i];
    EXPECT_EQ(maps[i]["target"], maps[0]["target"]) << shown[i];
    EXPECT_NEAR(maps[i]["max"].get<double>(), raw("picture." + shown[i]).max().item<double>(), 1e-6) << shown[i];
  }
  const Json terms = summary["items"][0]["terms"];
  ASSERT_EQ(terms.size(), 1U);
  EXPECT_EQ(terms[0]["name"], "agreement");
  ASSERT_EQ(terms[0]["values"].size(), 1U);
  EXPECT_EQ(terms[0]["degenerate"], false);
  EXPECT_EQ(terms[0]["saturated"], false);
}

TEST_F(SpecHeatmap, AgreesWithTheOtherCommands) {
  const Json summary = written({"rows.npy", "--raw"});
  document({"heatmap", "model.pt", "rows.npy", "--json", "--raw", "--output", "other", "--method", "gradcam",
            "--method", "guided_backprop:channels=abs_sum"});
  const Json loss = document({"loss", "model.pt", "spec.json", "rows.npy", "--json"});
  for (int row = 0; row < 2; ++row) {
    const std::string stem = "rows_" + std::to_string(row);
    EXPECT_EQ(summary["items"][row]["index"], row);
    const auto other = [&](const std::string& name) {
      return read_npy(folder_ / "other" / (stem + "." + name + ".npy"));
    };
    EXPECT_TRUE(at::allclose(raw(stem + ".cam"), other("gradcam"), 1e-5, 1e-7));
    EXPECT_TRUE(at::allclose(raw(stem + ".gb"), other("guided_backprop"), 1e-5, 1e-7));
    const at::Tensor mask = raw(stem + ".mask");
    EXPECT_GT(mask.min().item<double>(), 0);
    EXPECT_LT(mask.max().item<double>(), 1);
    EXPECT_TRUE(at::allclose(raw(stem + ".masked_input"), mask * rows_[row], 1e-5, 1e-6));
    EXPECT_FALSE(at::allclose(raw(stem + ".cam_again"), raw(stem + ".cam"), 1e-3, 1e-7));
    const Json& sample = loss["terms"][0]["samples"][row];
    EXPECT_NEAR(summary["items"][row]["terms"][0]["values"][0].get<double>(), sample["value"].get<double>(), 1e-5);
    EXPECT_EQ(summary["items"][row]["maps"][0]["target"]["index"], sample["target"]["index"]);
  }
}

TEST_F(SpecHeatmap, SeveralTargets) {
  write("spec.json", spec_text(masked, "\"target\": [1, 3],"));
  const Json summary = written({"picture.png"});
  Files expected = names_of("picture", ".1.png");
  expected.merge(names_of("picture", ".3.png"));
  expected.merge(Files{"contact_sheet.png", "summary.json"});
  EXPECT_EQ(files("out"), expected);
  const Json& maps = summary["items"][0]["maps"];
  ASSERT_EQ(maps.size(), 10U);
  for (size_t i = 0; i < 10; ++i) {
    EXPECT_EQ(maps[i]["name"], shown[i / 2]);
    EXPECT_EQ(maps[i]["target"]["index"], i % 2 == 0 ? 1 : 3);
    EXPECT_EQ(maps[i]["raw"], nullptr);
  }
  EXPECT_EQ(summary["items"][0]["terms"][0]["values"].size(), 2U);
}

TEST_F(SpecHeatmap, TheSecondOfANameIsNumbered) {
  std::string other = masked;
  other.replace(other.find("agreement"), 9, "other");
  other.replace(other.find("\"source\": \"gb\""), 14, "\"source\": \"cam\"");
  write("spec.json", spec_text(masked + ", " + other));
  const Json summary = written({"picture.png"});
  Files expected = names_of("picture", ".png");
  expected.merge(Files{"picture.mask#2.png", "picture.masked_input#2.png", "picture.gb_again.png", "contact_sheet.png",
                       "summary.json"});
  EXPECT_EQ(files("out"), expected);
  EXPECT_EQ(summary["items"][0]["terms"][1]["name"], "other");
  // Without a matcher that makes inputs, the maps are all there is.
  write("spec.json", spec_text(upsampled));
  written({"picture.png"});
  EXPECT_EQ(files("out"), (Files{"picture.cam.png", "picture.gb.png", "contact_sheet.png", "summary.json"}));
}

// Normalised, grey pixels of 0.51 to 0.61 lie between 0 and 1, as the cells of a mask do.
TEST_F(SpecHeatmap, DrawsMasksAndInputsAsWhatTheyAre) {
  const int64_t side = 224;
  const at::Tensor grey = at::linspace(0.51, 0.61, side * side).mul(255).round().to(at::kByte).view({side, side, 1});
  write_png(folder_ / "grey.png", grey.expand({side, side, 3}).contiguous());
  const at::Tensor mean = at::tensor({0.485F, 0.456F, 0.406F}).view({3, 1, 1});
  const at::Tensor deviation = at::tensor({0.229F, 0.224F, 0.225F}).view({3, 1, 1});
  const auto drawn = [&](const std::string& name) {
    const Image with_legend = read_image(folder_ / "out" / ("grey." + name + ".png"));
    return with_legend.narrow(0, 0, side).permute({2, 0, 1}).to(at::kFloat) / 255;
  };
  for (const char* spec : {"atcon_gb_mask_pearson", "atcon_elementwise"}) {
    fs::remove_all(folder_ / "out");
    ASSERT_EQ(run({"heatmap", "model.pt", "grey.png", "--spec", spec, "--output", "out", "--raw"}).code, 0);
    const at::Tensor masked_input = raw("grey.masked_input"), mask = raw("grey.mask");
    EXPECT_GE(masked_input.min().item<double>(), 0);
    EXPECT_LE(masked_input.max().item<double>(), 1);
    EXPECT_TRUE(at::allclose(drawn("masked_input"), masked_input * deviation + mean, 0, 0.51 / 255)) << spec;
    EXPECT_TRUE(at::allclose(drawn("mask"), mask.expand({3, side, side}), 0, 0.51 / 255)) << spec;
  }
}

TEST_F(SpecHeatmap, PrintsTheSummaryOrALinePerMap) {
  const Outcome json = run(heatmap({"picture.png", "--json"}));
  EXPECT_EQ(json.code, 0) << json.err;
  EXPECT_EQ(json.out, read("out/summary.json"));
  EXPECT_EQ(keys(json.out, "/items/0"),
            (std::vector<std::string>{"input", "index", "maps", "answer", "crop_box", "terms", "agreement"}));
  expect_parts(run(heatmap({"picture.png"})).out,
               {"picture.png  agreement h = ", "out/picture.cam_again.png", "out/picture.masked_input.png"});
}

TEST_F(SpecHeatmap, DrawsSignalsAndClipsAndTheirMasks) {
  save_signal_classifier(folder_ / "model.pt");
  write_npy(folder_ / "signal.npy", noise({2, 64}));
  written({"signal.npy"});
  Files expected = names_of("signal", ".png");
  expected.merge(Files{"contact_sheet.png", "summary.json"});
  EXPECT_EQ(files("out"), expected);
  save_clip_classifier(folder_ / "model.pt");
  write_npy(folder_ / "clip.npy", noise({3, 8, 32, 48}));
  written({"clip.npy"});
  expected = names_of("clip", ".png");
  expected.merge(Files{"contact_sheet.png", "summary.json"});
  EXPECT_EQ(files("out"), expected);
  const auto width = [&](const std::string& name) {
    return read_image(folder_ / "out" / ("clip." + name + ".png")).size(1);
  };
  EXPECT_EQ(width("mask"), width("cam")) << "a strip too";
}

TEST_F(SpecHeatmap, BadInputsAreNamedAndTheOthersDone) {
  write("text.png", "no picture");
  const Outcome outcome = run(heatmap({"text.png", "picture.png", "missing.png", "rows.npy"}));
  EXPECT_EQ(outcome.code, 5);
  expect_parts(outcome.err, {"attune: text.png: is not a picture that can be decoded",
                             "attune: missing.png: cannot be read: No such file or directory\n", "3 inputs in "});
  const Json summary = parsed(read("out/summary.json"));
  ASSERT_EQ(summary["items"].size(), 3U);
  EXPECT_EQ(summary["items"][0]["input"], "picture.png");
  EXPECT_EQ(summary["items"][2]["input"], "rows.npy");
  EXPECT_EQ(files("out").size(), 3 * shown.size() + 2);

  fs::remove_all(folder_ / "out");
  EXPECT_EQ(run(heatmap({"text.png", "missing.png"})).code, 5);
  EXPECT_EQ(files("out"), Files());
}

TEST_F(SpecHeatmap, LeavesNothingHalfWritten) {
  Surroundings full;
  full.largest_file = 2000;
  EXPECT_EQ(sentence(run(heatmap({"picture.png"}), full), 7), "out/picture.cam.png: cannot be written: File too large");
  EXPECT_EQ(files("out"), Files());
  fs::remove_all(folder_ / "out");
  write("out", "a file");
  EXPECT_EQ(refusal(7, heatmap({"picture.png"})), "out: the folder cannot be made: Not a directory");
  EXPECT_EQ(read("out"), "a file");
}

TEST_F(SpecHeatmap, FaultsOfSpecsBeginWithTheirPlaceAndNothingIsMade) {
  write("spec.json", spec_text(masked, "", R"({"use": "gradcam", "leyer": "conv2"})"));
  const Outcome outcome = run(heatmap({"picture.png"}));
  EXPECT_EQ(outcome.code, 3);
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(outcome.err.rfind("spec.json:4:31 at /maps/cam/leyer: ", 0), 0U) << outcome.err;
  EXPECT_FALSE(fs::exists(folder_ / "out"));
  write("spec.json", spec_text(masked, "", R"({"use": "gradcam", "layer": "cnov2"})"));
  const Outcome layer = run(heatmap({"picture.png"}));
  EXPECT_EQ(layer.code, 3);
  EXPECT_EQ(layer.err.rfind("spec.json:4:40 at /maps/cam/layer: unknown layer \"cnov2\"", 0), 0U) << layer.err;
  EXPECT_EQ(files("out"), Files());
}

}  // namespace
}  // namespace attune::test
