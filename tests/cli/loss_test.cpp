// attune loss: the numbers.

#include <ATen/ops/zeros.h>
#include <cmath>

#include "loss_support.h"

namespace attune::test {
namespace {

using Keys = std::vector<std::string>;
using Arguments = std::vector<std::string>;

void expect_gradient(const Json& gradient) {
  double square = 0;
  for (const auto& [name, norm] : gradient.at("parameters").items()) {
    EXPECT_TRUE(norm.is_number_float()) << name;
    EXPECT_GE(norm.get<double>(), 0) << name;
    square += norm.get<double>() * norm.get<double>();
  }
  EXPECT_NEAR(gradient.at("norm").get<double>(), std::sqrt(square), 1e-9);
}

TEST_F(Loss, TheDocumentIsAsPromised) {
  write_picture("picture.png");
  write("spec.json", spec_text(masked + ", " + upsampled));
  const Outcome outcome = run(loss({"picture.png", "rows.npy", "--gradient", "--json"}));
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.err, "");
  EXPECT_EQ(keys(outcome.out, ""), (Keys{"loss", "reduction", "terms", "gradient"}));
  EXPECT_EQ(keys(outcome.out, "/terms/0"), (Keys{"name", "weight", "value", "samples"}));
  EXPECT_EQ(keys(outcome.out, "/terms/0/samples/0"),
            (Keys{"input", "index", "target", "value", "degenerate", "saturated"}));
  EXPECT_EQ(keys(outcome.out, "/terms/0/samples/0/target"), (Keys{"index", "label", "score", "probability"}));
  EXPECT_EQ(keys(outcome.out, "/gradient"), (Keys{"norm", "parameters"}));
  EXPECT_EQ(keys(outcome.out, "/gradient/parameters"), (Keys{"conv1.weight", "conv2.weight", "fc.weight"}));
  const Json report = parsed(outcome.out);
  EXPECT_TRUE(report["loss"].is_number_float());
  EXPECT_EQ(report["reduction"], "mean");
  EXPECT_EQ(report["terms"][0]["name"], "agreement");
  EXPECT_EQ(report["terms"][0]["weight"], 1.0);
  EXPECT_EQ(report["terms"][1]["name"], "term1");
  EXPECT_EQ(report["terms"][1]["weight"], -0.5);
  for (const Json& term : report["terms"]) {
    ASSERT_EQ(term["samples"].size(), 6U);
    for (size_t i = 0; i < 6; ++i) {
      const Json& sample = term["samples"][i];
      EXPECT_EQ(sample["input"], i == 0 ? "picture.png" : "rows.npy");
      EXPECT_EQ(sample["index"], i == 0 ? Json() : Json(i - 1));
      EXPECT_LE(std::abs(sample["value"].get<double>()), 1);
      EXPECT_EQ(sample["degenerate"], false);
      EXPECT_EQ(sample["saturated"], false);
      EXPECT_EQ(sample["target"]["label"], nullptr);
      EXPECT_TRUE(sample["target"]["index"].is_number_unsigned());
      EXPECT_TRUE(sample["target"]["score"].is_number_float());
      EXPECT_GE(sample["target"]["probability"].get<double>(), 0.25) << "the best of 4";
      EXPECT_LE(sample["target"]["probability"].get<double>(), 1);
    }
  }
  expect_sums(report);
  expect_gradient(report["gradient"]);
  EXPECT_GT(report["gradient"]["norm"].get<double>(), 0);
}

TEST_F(Loss, DoesNotDependOnHowTheWorkIsCutUp) {
  Arguments singles{"--gradient", "--batch", "4"};
  for (int64_t i = 0; i < 5; ++i) {
    singles.push_back("row" + std::to_string(i) + ".npy");
    write_npy(folder_ / singles.back(), rows_[i]);
  }
  const std::string model = read("model.pt");
  const auto written = fs::last_write_time(folder_ / "model.pt");
  const Json one = report({"rows.npy", "--batch", "1", "--gradient"});
  const Json four = report({"rows.npy", "--batch", "4", "--gradient"});
  const Json files = report(singles);
  for (const Json* other : {&four, &files}) {
    expect_same_values(one, *other);
    for (const auto& [name, norm] : one["gradient"]["parameters"].items()) {
      expect_near((*other)["gradient"]["parameters"].at(name), norm, 1e-5 * norm.get<double>());
    }
  }
  for (int i = 0; i < 5; ++i) EXPECT_EQ(files["terms"][0]["samples"][i]["input"], singles[3 + i]);
  EXPECT_NEAR(report({"row3.npy"})["loss"].get<double>(), -values(one["terms"][0])[3], 1e-5);
  EXPECT_EQ(read("model.pt"), model);
  EXPECT_EQ(fs::last_write_time(folder_ / "model.pt"), written);
}

TEST_F(Loss, IsASumWhereTheSpecSaysSo) {
  write("sum.json", spec_text(masked, "\"reduction\": \"sum\","));
  const Json mean = report({"rows.npy", "--batch", "2", "--gradient"});
  const Json sum = report({"rows.npy", "--batch", "2", "--gradient"}, "sum.json");
  EXPECT_EQ(sum["reduction"], "sum");
  expect_sums(sum);
  EXPECT_NEAR(sum["loss"].get<double>(), 5 * mean["loss"].get<double>(), 1e-5);
  expect_near(sum["terms"][0]["value"], mean["terms"][0]["value"], 1e-6);
  expect_gradient(sum["gradient"]);
  const double norm = mean["gradient"]["norm"];
  EXPECT_NEAR(sum["gradient"]["norm"].get<double>(), 5 * norm, 1e-4 * norm);
}

TEST_F(Loss, OfSeveralTargets) {
  write("two.json", spec_text(masked, "\"target\": [\"top1\", 3],"));
  write("three.json", spec_text(masked, "\"target\": 3,"));
  const Json both = report({"rows.npy", "--gradient", "--batch", "2"}, "two.json");
  const Json best = report({"rows.npy"});
  const Json third = report({"rows.npy"}, "three.json");
  const Json& samples = both["terms"][0]["samples"];
  ASSERT_EQ(samples.size(), 10U);
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(samples[2 * i]["index"], i);
    EXPECT_EQ(samples[2 * i + 1]["index"], i);
    EXPECT_EQ(samples[2 * i]["target"]["index"], best["terms"][0]["samples"][i]["target"]["index"]);
    EXPECT_EQ(samples[2 * i + 1]["target"]["index"], 3);
    expect_near(samples[2 * i]["value"], best["terms"][0]["samples"][i]["value"], 1e-5);
    expect_near(samples[2 * i + 1]["value"], third["terms"][0]["samples"][i]["value"], 1e-5);
  }
  expect_sums(both);
  expect_gradient(both["gradient"]);
  expect_near(report({"rows.npy", "--gradient"}, "two.json")["gradient"]["norm"], both["gradient"]["norm"], 1e-5);
}

TEST_F(Loss, OfLabels) {
  write("labels.txt", "cat\ndog\ncrane\nzebra\n");
  write("crane.json", spec_text(masked, "\"target\": \"crane\","));
  const Json said = report({"rows.npy", "--labels", "labels.txt"}, "crane.json");
  EXPECT_EQ(said["terms"][0]["samples"][0]["target"]["label"], "crane");
  EXPECT_EQ(said["terms"][0]["samples"][0]["target"]["index"], 2);
  write("bad.json", spec_text(masked, "\"target\": \"carne\","));
  const Outcome outcome = run(loss({"rows.npy", "--labels", "labels.txt"}, "bad.json"));
  EXPECT_EQ(outcome.code, 3);
  EXPECT_EQ(outcome.err, "bad.json:2:27 at /target: no class is called \"carne\" (did you mean \"crane\"?)\n");
  write("labels.txt", "cat\ndog\n");
  expect_parts(refusal(2, loss({"rows.npy", "--labels", "labels.txt"})), {"2 labels, but the model has 4 classes"});
}

TEST_F(Loss, LayerAutoIsTheOneOfTheFlag) {
  write("conv1.json", spec_text(masked, "", R"({"use": "gradcam", "layer": "conv1"})"));
  const Json named = report({"rows.npy"}, "conv1.json");
  expect_same_values(report({"rows.npy", "--layer", "conv1"}), named);
  EXPECT_GT(std::abs(report({"rows.npy"})["loss"].get<double>() - named["loss"].get<double>()), 1e-3);
}

// The model has no biases: nothing speaks for any class of an input of zeros.
TEST_F(Loss, ConstantMapsAreDegenerate) {
  write_npy(folder_ / "zero.npy", at::zeros({3, 32, 32}));
  const Json zero = report({"zero.npy", "--gradient"});
  EXPECT_EQ(zero["loss"], 0.0);
  EXPECT_EQ(zero["terms"][0]["samples"][0]["value"], 0.0);
  EXPECT_EQ(zero["terms"][0]["samples"][0]["degenerate"], true);
  EXPECT_EQ(zero["gradient"]["norm"], 0.0);
  const Json mixed = report({"zero.npy", "rows.npy"});
  EXPECT_EQ(mixed["terms"][0]["samples"][0]["degenerate"], true);
  EXPECT_EQ(mixed["terms"][0]["samples"][1]["degenerate"], false);
  expect_sums(mixed);
  EXPECT_NEAR(mixed["loss"].get<double>(), report({"rows.npy"})["loss"].get<double>() * 5 / 6, 1e-5);
  expect_parts(run(loss({"zero.npy"})).out, {"zero.npy", "degenerate"});
}

TEST_F(Loss, BlackAndWhiteMasksAreSaturated) {
  std::string hard = masked;
  hard.replace(hard.find("\"std\""), 5, "1e-15");
  write("hard.json", spec_text(hard));
  const Json report = this->report({"rows.npy", "--gradient"}, "hard.json");
  for (const Json& sample : report["terms"][0]["samples"]) {
    EXPECT_EQ(sample["saturated"], true) << sample;
    EXPECT_EQ(sample["degenerate"], false) << sample;
  }
  EXPECT_GT(report["gradient"]["norm"].get<double>(), 0);
  expect_parts(run(loss({"rows.npy"}, "hard.json")).out, {"rows.npy row 4", "saturated"});
}

TEST_F(Loss, OfSignalsAndClips) {
  save_signal_classifier(folder_ / "model.pt");
  write_npy(folder_ / "signals.npy", noise({2, 2, 64}));
  EXPECT_EQ(report({"signals.npy", "--gradient"})["terms"][0]["samples"].size(), 2U);
  save_clip_classifier(folder_ / "model.pt");
  write_npy(folder_ / "clip.npy", noise({3, 8, 32, 48}));
  EXPECT_EQ(report({"clip.npy", "--gradient"})["terms"][0]["samples"].size(), 1U);
}

}  // namespace
}  // namespace attune::test
