// What `attune heatmap` writes: names, raw maps and the summary.

#include <ATen/core/Tensor.h>
#include <ATen/ops/allclose.h>
#include <cmath>

#include "arrays.h"
#include "image/image.h"
#include "image/npy.h"
#include "models.h"
#include "support.h"

namespace attune::test {
namespace {

using Files = std::set<std::string>;

class Heatmap : public CommandLine {
 protected:
  Heatmap() {
    save_classifier(folder_ / "model.pt");
    write_picture("picture.png");
  }

  // What the run wrote to `out`, which must succeed.
  Files written(std::vector<std::string> arguments) const {
    fs::remove_all(folder_ / "out");
    arguments.insert(arguments.begin(), {"heatmap", "model.pt", "--threads", "1", "--output", "out", "--size", "32"});
    const Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    return files("out");
  }

  Json summary() const { return parsed(read("out/summary.json")); }

  // An entry of "maps" has the contract's keys and values, and its files are there.
  void expect_map(const Json& map, const std::string& where) const {
    for (const char* number : {"min", "max", "mean"}) EXPECT_TRUE(map.at(number).is_number_float()) << where;
    EXPECT_TRUE(map.at("target").at("index").is_number_unsigned()) << where;
    EXPECT_TRUE(map["target"].at("score").is_number_float()) << where;
    EXPECT_GE(map["target"].at("probability").get<double>(), 0) << where;
    EXPECT_LE(map["target"]["probability"].get<double>(), 1) << where;
    const at::Tensor raw = read_npy(folder_ / "out" / map.at("raw").get<std::string>());
    EXPECT_EQ(map.at("shape").get<std::vector<int64_t>>(), raw.sizes().vec()) << where;
    EXPECT_NEAR(map["min"].get<double>(), raw.min().item<double>(), 1e-6) << where;
    EXPECT_NEAR(map["max"].get<double>(), raw.max().item<double>(), 1e-6) << where;
    EXPECT_NEAR(map["mean"].get<double>(), raw.mean().item<double>(), 1e-6) << where;
    EXPECT_EQ(read_image(folder_ / "out" / map.at("overlay").get<std::string>()).size(2), 3) << where;
  }
};

TEST_F(Heatmap, NamesOfMethods) {
  EXPECT_EQ(written({"picture.png"}), (Files{"picture.gradcam.png", "summary.json"}));
  EXPECT_EQ(written({"picture.png", "--raw", "--method", "gradcam", "--method", "gradcam:relu=true", "--method",
                     "mine=gradcam:layer=relu1", "--method", "mine=saliency:channels=abs_sum"}),
            (Files{"contact_sheet.png", "picture.gradcam#2.npy", "picture.gradcam#2.png", "picture.gradcam.npy",
                   "picture.gradcam.png", "picture.mine#2.npy", "picture.mine#2.png", "picture.mine.npy",
                   "picture.mine.png", "summary.json"}));
  const Json maps = summary()["items"][0]["maps"];
  ASSERT_EQ(maps.size(), 4U);
  EXPECT_EQ(maps[0]["name"], "gradcam");
  EXPECT_EQ(maps[1]["name"], "gradcam#2");
  EXPECT_EQ(maps[1]["min"].get<double>(), std::max(0.0, maps[0]["min"].get<double>()));
  EXPECT_EQ(maps[2]["name"], "mine");
  EXPECT_EQ(maps[2]["layer"], "relu1");
  EXPECT_EQ(maps[2]["shape"], (Json{1, 8, 8}));
  EXPECT_EQ(maps[3]["name"], "mine#2");
  EXPECT_EQ(maps[3]["layer"], nullptr);
  EXPECT_EQ(maps[3]["shape"], (Json{1, 32, 32}));
}

// Methods that the model does not suit are left out, those that are named are not.
TEST_F(Heatmap, MapsOfAGroup) {
  const auto methods = [&](const std::string& group) {
    const Outcome outcome = run(
        {"heatmap", "model.pt", "picture.png", "--threads", "1", "--output", "out", "--size", "32", "--method", group});
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    std::set<std::string> ids;
    const Json summary = parsed(read("out/summary.json"));
    for (const Json& map : summary["items"][0]["maps"]) ids.insert(map["name"]);
    std::set<std::string> said;
    for (const Json& method : summary["run"]["methods"]) said.insert(method["id"]);
    EXPECT_EQ(ids, said);
    return std::pair(ids, outcome.err);
  };
  const auto [cams, cam_notes] = methods("all-cam");
  for (const char* id : {"cam", "eigencam", "gradcam", "guided_gradcam", "hirescam", "shapley_cam", "xgradcam"}) {
    EXPECT_EQ(cams.count(id), 1U) << id;
  }
  EXPECT_EQ(cams.count("saliency") + cams.count("random") + cams.count("refine"), 0U);
  EXPECT_EQ(cam_notes.find("is left out"), std::string::npos) << cam_notes;
  EXPECT_EQ(methods("all-control").first, (std::set<std::string>{"centre", "random", "sobel"}));

  save_transformer(folder_ / "model.pt");
  const auto [some, notes] = methods("all-cam");
  EXPECT_EQ(some.count("gradcam"), 1U);
  EXPECT_EQ(some.count("cam") + some.count("guided_gradcam"), 0U);
  expect_parts(notes,
               {"attune: note: cam is left out: the method of map 'cam': there is no class activation map at layer",
                "attune: note: guided_gradcam is left out: "});
}

TEST_F(Heatmap, MapsOfATransformersAttention) {
  save_transformer(folder_ / "model.pt");
  EXPECT_EQ(written({"picture.png", "--raw", "--target", "1", "--target", "2", "--method", "rollout", "--method",
                     "full_grad"}),
            (Files{"contact_sheet.png", "picture.full_grad.1.npy", "picture.full_grad.1.png", "picture.full_grad.2.npy",
                   "picture.full_grad.2.png", "picture.rollout.1.npy", "picture.rollout.1.png", "picture.rollout.2.npy",
                   "picture.rollout.2.png", "summary.json"}));
  const Json maps = summary()["items"][0]["maps"];
  ASSERT_EQ(maps.size(), 4U);
  EXPECT_EQ(maps[0]["shape"], (Json{1, 4, 4}));
  EXPECT_EQ(maps[0]["layer"], nullptr) << "it is of several";
  EXPECT_GT(maps[0]["max"].get<double>(), maps[0]["min"].get<double>());
  EXPECT_EQ(maps[2]["shape"], (Json{1, 32, 32}));
}

// Constants take what the softmax weights would have had.
TEST_F(Heatmap, RelevanceOnATransformer) {
  save_transformer(folder_ / "model.pt");
  EXPECT_EQ(written({"picture.png", "--raw", "--signed", "--method", "attn_lrp", "--method", "cp=attn_lrp:variant=cp",
                     "--method", "rgb=attn_lrp:channels=keep"}),
            (Files{"contact_sheet.png", "picture.attn_lrp.npy", "picture.attn_lrp.png", "picture.cp.npy",
                   "picture.cp.png", "picture.rgb.npy", "picture.rgb.png", "summary.json"}));
  const auto map = [&](const std::string& name) { return read_npy(folder_ / "out" / ("picture." + name + ".npy")); };
  EXPECT_EQ(map("attn_lrp").sizes(), (at::IntArrayRef{1, 32, 32}));
  EXPECT_TRUE(at::allclose(map("rgb").sum(0, true), map("attn_lrp"), 1e-4, 1e-6));
  EXPECT_FALSE(at::allclose(map("cp"), map("attn_lrp"), 1e-2, 1e-6));
  EXPECT_GT(map("cp").std().item<double>(), 0);
}

TEST_F(Heatmap, RolloutNeedsAttention) {
  const Outcome outcome = run({"heatmap", "model.pt", "picture.png", "--method", "rollout", "--output", "out"});
  EXPECT_EQ(outcome.code, 5);
  expect_parts(outcome.err, {"rollout reads attention, and the model has no attention block"});
}

// Flags that take lists must leave the MODEL and the INPUTs behind them alone.
TEST_F(Heatmap, FlagsMayStandAnywhere) {
  const Outcome outcome = run({"heatmap", "--plugin-dir", ".", "--target", "top2", "model.pt", "--size", "32,48",
                               "picture.png", "--method", "gradcam", "--output", "out"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(files("out").size(), 4U);
  EXPECT_EQ(summary()["items"][0]["maps"][1]["shape"], (Json{1, 4, 6}));
}

TEST_F(Heatmap, NamesOfTargets) {
  write("labels.txt", "cat\ndog\ncrane\nzebra\n");
  EXPECT_EQ(written({"picture.png", "--labels", "labels.txt", "--target", "0", "--target", "crane", "--target", "2"}),
            (Files{"contact_sheet.png", "picture.gradcam.0.png", "picture.gradcam.2.png", "summary.json"}));
  const Json maps = summary()["items"][0]["maps"];
  ASSERT_EQ(maps.size(), 2U);
  EXPECT_EQ(maps[0]["target"]["label"], "cat");
  EXPECT_EQ(maps[1]["target"]["label"], "crane");
  written({"picture.png", "--target", "top3"});
  double last = INFINITY;
  const Json best = summary()["items"][0]["maps"];
  ASSERT_EQ(best.size(), 3U);
  for (const Json& map : best) {
    EXPECT_LE(map["target"]["score"].get<double>(), last);
    last = map["target"]["score"];
    EXPECT_EQ(map["overlay"], "picture.gradcam." + map["target"]["index"].dump() + ".png");
  }
}

TEST_F(Heatmap, NamesOfInputs) {
  write_picture("a/p.png");
  write_picture("b/p.png");
  write("b/p.npy", npy("<f4", "(3, 32, 32)", bytes_of(std::vector<float>(3 * 32 * 32, 0.5F))));
  write("c/rows.npy", npy("<f4", "(2, 3, 32, 32)", bytes_of(std::vector<float>(2 * 3 * 32 * 32, 0.5F))));
  write("c/notes.txt", "not an input");
  EXPECT_EQ(written({"a/p.png", "b", "c"}),
            (Files{"a_p.gradcam.png", "b_p_npy.gradcam.png", "b_p_png.gradcam.png", "rows_0.gradcam.png",
                   "rows_1.gradcam.png", "contact_sheet.png", "summary.json"}));
  std::vector<std::string> inputs;
  std::vector<Json> rows;
  const Json items = summary()["items"];
  for (const Json& item : items) {
    inputs.push_back(item["input"]);
    rows.push_back(item["index"]);
  }
  EXPECT_EQ(inputs, (std::vector<std::string>{"a/p.png", "b/p.npy", "b/p.png", "c/rows.npy", "c/rows.npy"}));
  EXPECT_EQ(rows, (std::vector<Json>{nullptr, nullptr, nullptr, 0, 1}));
}

TEST_F(Heatmap, TheSummaryIsAsPromised) {
  write_picture("other.png", 50, 30, 2);
  const std::vector<std::string> arguments = {
      "heatmap",  "model.pt", "picture.png", "other.png", "--raw",    "--json", "--output", "out",
      "--method", "gradcam",  "--method",    "saliency",  "--target", "top2",   "--size",   "32,48"};
  const Outcome outcome = run(arguments);
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(read("out/summary.json"), outcome.out);
  using Keys = std::vector<std::string>;
  EXPECT_EQ(keys(outcome.out, ""), (Keys{"model", "items", "failed", "stopped", "run"}));
  EXPECT_EQ(keys(outcome.out, "/items/0"), (Keys{"input", "index", "maps", "answer", "crop_box", "agreement"}));
  EXPECT_EQ(keys(outcome.out, "/items/0/maps/0"),
            (Keys{"name", "layer", "target", "shape", "min", "max", "mean", "overlay", "raw", "raw_nifti", "passes"}));
  EXPECT_EQ(keys(outcome.out, "/items/0/maps/0/target"), (Keys{"index", "label", "score", "probability"}));
  const Json document = parsed(outcome.out);
  EXPECT_EQ(document["model"], "model.pt");
  ASSERT_EQ(document["items"].size(), 2U);
  for (const Json& item : document["items"]) {
    ASSERT_EQ(item["maps"].size(), 4U);
    for (const Json& map : item["maps"]) expect_map(map, item["input"].get<std::string>() + " " + map.dump());
    EXPECT_EQ(item["maps"][0]["layer"], "relu2");
    EXPECT_EQ(item["maps"][0]["shape"], (Json{1, 4, 6}));
    EXPECT_EQ(item["maps"][2]["layer"], nullptr);
    EXPECT_EQ(item["maps"][2]["shape"], (Json{3, 32, 48}));
  }
  EXPECT_EQ(document["items"][0]["maps"][0]["target"]["label"], nullptr);
}

TEST_F(Heatmap, TheSidecarSpeaksAndTheCommandLineOverridesIt) {
  write("names.txt", "cat\ndog\ncrane\nzebra\n");
  write("model.json", R"({"labels": "names.txt", "layer": "relu1", "task": "multi_label",
                          "preprocess": {"size": [16, 24], "mean": [0, 0, 0], "std": [1, 1, 1]}})");
  const Json said = document({"heatmap", "model.pt", "picture.png", "--json", "--target", "zebra"});
  const Json map = said["items"][0]["maps"][0];
  EXPECT_EQ(map["layer"], "relu1");
  EXPECT_EQ(map["shape"], (Json{1, 4, 6}));
  EXPECT_EQ(map["target"]["index"], 3);
  EXPECT_EQ(map["target"]["label"], "zebra");
  EXPECT_NEAR(map["target"]["probability"].get<double>(), 1 / (1 + std::exp(-map["target"]["score"].get<double>())),
              1e-5);
  const Json other = document({"heatmap", "model.pt", "picture.png", "--json", "--layer", "relu2", "--size", "128"});
  EXPECT_EQ(other["items"][0]["maps"][0]["layer"], "relu2");
  EXPECT_EQ(other["items"][0]["maps"][0]["shape"], (Json{1, 16, 16}));
}

// One score is a question of yes or no; probabilities that the model itself makes are shown as they are.
TEST_F(Heatmap, ProbabilitiesAreThoseOfTheModel) {
  const auto target = [&](const std::string& result, int64_t scores) {
    save_ending(folder_ / "model.pt", scores, result);
    const Outcome outcome = run({"heatmap", "model.pt", "picture.png", "--json", "--size", "32"});
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    const bool is_remarked = outcome.err.find("attune: note: the model ends in a s") != std::string::npos;
    EXPECT_EQ(is_remarked, result.find("max") != std::string::npos || result.find("sig") != std::string::npos)
        << result;
    return parsed(outcome.out)["items"][0]["maps"][0]["target"];
  };
  for (const char* result : {"y - 2.0", "torch.squeeze(y - 2.0, 1)"}) {
    const Json one = target(result, 1);
    EXPECT_NEAR(one["probability"].get<double>(), 1 / (1 + std::exp(-one["score"].get<double>())), 1e-6) << result;
    EXPECT_LT(one["probability"].get<double>(), 0.9) << result;
  }
  for (const char* result : {"torch.sigmoid(y - 2.0)", "torch.softmax(y, 1)"}) {
    const Json one = target(result, 3);
    EXPECT_EQ(one["probability"], one["score"]) << result;
  }
  const Json logarithm = target("torch.log_softmax(y, 1)", 3);
  EXPECT_NEAR(logarithm["probability"].get<double>(), std::exp(logarithm["score"].get<double>()), 1e-6);
}

// Sixteen steps are no grid of 4 x 4.
TEST_F(Heatmap, ASequenceBehindAPictureHasAMapOfOneAxis) {
  save_steps(folder_ / "model.pt");
  const auto map = [&](const std::string& layer) {
    return document({"heatmap", "model.pt", "picture.png", "--size", "64", "--json", "--raw", "--output", "out",
                     "--layer", layer})["items"][0]["maps"][0];
  };
  const Json steps = map("steps");
  EXPECT_EQ(steps["shape"], (Json{1, 16}));
  EXPECT_EQ(steps["overlay"], nullptr);
  EXPECT_EQ(map("auto")["layer"], "conv1");
}

TEST_F(Heatmap, SignalsAreCurvesAndClipsStrips) {
  save_signal_classifier(folder_ / "model.pt");
  write("signal.npy", npy("<f4", "(2, 64)", bytes_of(std::vector<float>(2 * 64, 0.5F))));
  Json map =
      document({"heatmap", "model.pt", "signal.npy", "--json", "--raw", "--output", "out"})["items"][0]["maps"][0];
  EXPECT_EQ(map["shape"], (Json{1, 32}));
  EXPECT_EQ(files("out"), (Files{"signal.gradcam.npy", "signal.gradcam.png", "summary.json"}));
  EXPECT_EQ(refusal(5, {"heatmap", "model.pt", "picture.png"}),
            "picture.png: is a picture, but the model takes [C,S1]; give it a .npy file");

  save_clip_classifier(folder_ / "model.pt");
  write("clip.npy", npy("<f4", "(3, 8, 32, 48)", bytes_of(std::vector<float>(3 * 8 * 32 * 48, 0.5F))));
  map = document({"heatmap", "model.pt", "clip.npy", "--json", "--raw", "--output", "out"})["items"][0]["maps"][0];
  EXPECT_EQ(map["shape"], (Json{1, 4, 8, 12}));
  EXPECT_GT(read_image(folder_ / "out" / map["overlay"].get<std::string>()).size(1), 4 * 48);
  EXPECT_EQ(refusal(5, {"heatmap", "model.pt", "picture.png"}),
            "picture.png: is a still picture, but the model takes clips; give it a video");
}

TEST_F(Heatmap, TargetsWithKeys) {
  EXPECT_EQ(written({"picture.png", "--target", "1", "--target", "top1:minus=similar2", "--target", "1:of=probability"})
                .count("picture.gradcam.1.of-probability.png"),
            1U);
  const Json item = summary()["items"][0], answer = item["answer"], minus = item["maps"][1]["target"],
             share = item["maps"][2]["target"];
  EXPECT_EQ(minus["measure"], "minus=similar2");
  EXPECT_EQ(minus["index"], answer["index"]);
  EXPECT_EQ(minus["probability"], Json());
  EXPECT_GT(minus["score"].get<double>(), 0) << "the best class less a mean of others";
  EXPECT_NEAR(share["score"].get<double>(), item["maps"][0]["target"]["probability"].get<double>(), 1e-6);
}

TEST_F(Heatmap, TargetsOfOtherOutputs) {
  save_segmenter(folder_ / "model.pt");
  written({"picture.png", "--target", "top1:region=predicted"});
  EXPECT_EQ(summary()["items"][0]["answer"], Json());
  EXPECT_EQ(summary()["items"][0]["maps"][0]["target"]["measure"], "region=predicted");

  save_ending(folder_ / "model.pt", 4, "(y, y[:, 1:])");
  write("vector.npy", npy("<f4", "(3,)", bytes_of(std::vector<float>{1, 2, 3})));
  const std::vector<std::string> targets = {"picture.png", "--target", "output=1,similar_to=vector.npy", "--target",
                                            "value=2,output=1"};
  EXPECT_EQ(written(targets).count("picture.gradcam.similar_to-vector-npy.png"), 1U);
  const Json maps = summary()["items"][0]["maps"];
  EXPECT_EQ(maps[0]["target"]["index"], Json());
  EXPECT_LE(std::abs(maps[0]["target"]["score"].get<double>()), 1);
  EXPECT_EQ(maps[1]["target"]["measure"], "value=2");
  written({"picture.png", "--target", "3"});
  EXPECT_EQ(summary()["items"][0]["maps"][0]["target"]["score"], maps[1]["target"]["score"]);

  const Json outputs = document({"layers", "model.pt", "--input", "3,32,32", "--json"})["outputs"];
  EXPECT_EQ(outputs, (Json{{{"name", "0"}, {"shape", {1, 4}}}, {{"name", "1"}, {"shape", {1, 3}}}}));
  const auto refused = [&](const std::string& target) {
    return refusal(2, {"heatmap", "model.pt", "picture.png", "--output", "out", "--target", target});
  };
  EXPECT_EQ(refused("similar_to=vector.npy"),
            "target 'similar_to=vector.npy' has a vector of 3 numbers, but the model's output has shape [1, 4]; "
            "expected 4");
  expect_parts(refusal(5, {"heatmap", "model.pt", "picture.png", "--output", "out", "--target", "1:output=2"}),
               {"the model returns a tuple with the tensors 0 [1, 4], 1 [1, 3], but no output '2'"});
}

}  // namespace
}  // namespace attune::test
