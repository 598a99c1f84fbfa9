// attune evaluate: numbers that can be worked out by hand, what is written, and what is refused.

#include <ATen/ops/zeros.h>
#include <cmath>
#include <cstdio>
#include <sstream>
#include <tuple>

#include "image/image.h"
#include "models.h"
#include "specs.h"
#include "support.h"

namespace attune::test {
namespace {

using Keys = std::vector<std::string>;
using Arguments = std::vector<std::string>;

struct Rectangle {
  int64_t x, y, width, height;
};

// Four black pictures of 32 x 32 with a rectangle of one colour, for a model that measures colours. In order: a red one
// whose box fits; a red one whose box is its left half; a green one that is too small to be found; a blue one that is
// said to be green and elsewhere.
class Evaluate : public CommandLine {
 protected:
  Evaluate() {
    save_colours(folder_ / "model.pt", 0.05);
    add("one", 0, {4, 4, 16, 16}, "red", {4, 4, 16, 16});
    add("two", 0, {8, 8, 16, 16}, "red", {8, 8, 8, 16});
    add("three", 1, {20, 20, 4, 4}, "green", {20, 20, 4, 4});
    add("four", 2, {0, 0, 16, 16}, "green", {20, 20, 8, 8});
    write("data/ImageSets/Main/test.txt", "one\ntwo\nthree\nfour\n");
    write("data/ImageSets/Main/train.txt", "one\n");
    write("config.json", config());
  }

  struct Object {
    std::string label;
    Rectangle box;
    bool difficult = false;
  };

  void add(const std::string& id, int64_t colour, const Rectangle& drawn, const std::string& label,
           const Rectangle& box) const {
    add(id, {{colour, drawn}}, {{label, box}});
  }

  void add(const std::string& id, const std::vector<std::pair<int64_t, Rectangle>>& drawn,
           const std::vector<Object>& objects) const {
    Image image = at::zeros({32, 32, 3}, at::kByte);
    for (const auto& [colour, at] : drawn) {
      image.select(2, colour).narrow(0, at.y, at.height).narrow(1, at.x, at.width).fill_(255);
    }
    fs::create_directories(folder_ / "data/JPEGImages");
    write_png(folder_ / "data/JPEGImages" / (id + ".png"), image);
    const auto tag = [](const std::string& name, int64_t value) {
      return "<" + name + ">" + std::to_string(value) + "</" + name + ">";
    };
    std::string text = "<annotation><size>" + tag("width", 32) + tag("height", 32) + "</size>";
    for (const auto& [label, box, difficult] : objects) {
      text += "<object><name>" + label + "</name>" + tag("difficult", difficult ? 1 : 0) + "<bndbox>" +
              tag("xmin", box.x + 1) + tag("ymin", box.y + 1) + tag("xmax", box.x + box.width) +
              tag("ymax", box.y + box.height) + "</bndbox></object>";
    }
    write("data/Annotations/" + id + ".xml", text + "</annotation>");
  }

  static std::string config(const std::string& evaluate = R"({"bootstrap": 0})", const std::string& data = "") {
    return R"({"version": 1, "model": "model.pt", "data": {"format": "voc", "root": "data", "train": "train",
               "test": "test", "classes": ["red", "green", "blue"])" +
           data + R"(}, "input": {"size": [32, 32], "mean": [0, 0, 0], "std": [1, 1, 1]}, "stages": [{"strategy":
               "supervised", "epochs": 1}], "select": "last", "output": "run", "evaluate": )" +
           evaluate + "}";
  }

  static Arguments evaluate(const Arguments& more) {
    Arguments all{"evaluate", "config.json", "--threads", "1"};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }

  Json report(Arguments more = {}) const {
    more.emplace_back("--json");
    return document(evaluate(more));
  }
};

void expect_value(const Json& of, const std::string& name, double value) {
  ASSERT_TRUE(of.contains(name)) << name;
  EXPECT_NEAR(of[name]["value"].get<double>(), value, 1e-9) << name;
}

// Decisions and losses are about scores; of a model that gives probabilities they are found again.
TEST_F(Evaluate, AModelThatEndsInASigmoidIsJudgedByItsScores) {
  const Json expected = report()["metrics"];
  save_colours(folder_ / "model.pt", 0.05, "torch.sigmoid(y)");
  const Outcome outcome = run(evaluate({"--json"}));
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  expect_parts(outcome.err, {"attune: note: the model ends in a sigmoid"});
  const Json found = parsed(outcome.out)["metrics"];
  for (const auto& [name, metric] : expected.items()) {
    EXPECT_NEAR(found[name]["value"].get<double>(), metric["value"].get<double>(), 1e-6) << name;
  }
}

TEST_F(Evaluate, GivesWhatCanBeWorkedOutByHand) {
  const Json report = this->report();
  EXPECT_EQ(report["split"], "test");
  EXPECT_EQ(report["samples"], 4);
  const Json& metrics = report["metrics"];
  expect_value(metrics, "f1_macro", (1 + 0) / 2.0);  // red, green; blue has no picture
  expect_value(metrics, "f1_micro", 4.0 / 7);        // two found, one found wrongly, two missed
  expect_value(metrics, "accuracy", 0.5);
  expect_value(metrics, "mean_average_precision", (1 + 0.75) / 2);
  expect_value(metrics, "mean_average_precision_voc", (1 + 0.75) / 2);
  double loss = 0;
  for (const auto& [colour, area, label] : {std::tuple(0, 256, 0), {0, 256, 0}, {1, 16, 1}, {2, 256, 1}}) {
    for (int k = 0; k < 3; ++k) {
      const double score = (k == colour ? area / 1024.0 : 0) - 0.05;
      loss += std::log1p(std::exp(k == label ? -score : score)) / 12;
    }
  }
  EXPECT_NEAR(metrics["loss"]["value"].get<double>(), loss, 1e-6);

  ASSERT_EQ(report["maps"].size(), 1U);
  const Json& map = report["maps"][0];
  EXPECT_EQ(map["name"], "gradcam");
  EXPECT_EQ(map["count"], 4);
  expect_value(map, "iou", (1 + 0.5) / 2);
  expect_value(map, "iou_all", (1 + 0.5 + 1 + 0) / 4);
  expect_value(map, "pointing_game", 1);
  expect_value(map, "pointing_game_all", (1 + 1 + 1 + 0) / 4.0);

  ASSERT_EQ(report["classes"].size(), 3U);
  const Json& green = report["classes"][1];
  EXPECT_EQ(green["name"], "green");
  EXPECT_EQ(green["count"], 2);
  expect_value(green, "f1", 0);
  expect_value(green, "average_precision", 0.75);
  EXPECT_EQ(report["classes"][2]["f1"]["value"], nullptr) << "no picture is blue";
  EXPECT_FALSE(report.contains("terms"));
}

// Each class has a map of its own, of an input that others of the batch share; several boxes of a class are one region.
TEST_F(Evaluate, ExplainsEveryClassThatHasBoxes) {
  add("both", {{0, {0, 0, 8, 8}}, {0, {16, 0, 8, 8}}, {1, {8, 16, 16, 16}}},
      {{"red", {0, 0, 8, 8}}, {"red", {16, 0, 8, 8}}, {"green", {8, 16, 16, 8}}, {"blue", {0, 0, 4, 4}, true}});
  write("data/ImageSets/Main/test.txt", "one\nboth\n");
  const Json report = this->report({"--csv", "samples.csv"});
  const Json& map = report["maps"][0];
  EXPECT_EQ(map["count"], 3) << "a difficult object is no example of its class";
  expect_value(map, "iou", (1 + 1 + 0.5) / 3);
  const std::string csv = read("samples.csv");
  EXPECT_EQ(csv.substr(csv.size() - 8), ",0.75,1\n") << "the mean over the classes of a picture";
}

TEST_F(Evaluate, DoesNotDependOnTheBatch) { EXPECT_EQ(report({"--batch", "1"}), report({"--batch", "3"})); }

TEST_F(Evaluate, TheDocumentIsAsPromised) {
  write("config.json", config(R"({"bootstrap": 20})"));
  const Outcome outcome = run(evaluate({"--json"}));
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.err, "");
  EXPECT_EQ(keys(outcome.out, ""),
            (Keys{"config", "model", "split", "samples", "metrics", "classes", "maps", "problems"}));
  EXPECT_EQ(keys(outcome.out, "/metrics"),
            (Keys{"loss", "mean_average_precision", "mean_average_precision_voc", "f1_macro", "f1_micro", "accuracy"}));
  EXPECT_EQ(keys(outcome.out, "/metrics/loss"), (Keys{"value", "low", "high"}));
  const Json report = parsed(outcome.out);
  for (const auto& [name, estimate] : report["metrics"].items()) {
    EXPECT_LE(estimate["low"].get<double>(), estimate["value"].get<double>()) << name;
    EXPECT_GE(estimate["high"].get<double>(), estimate["value"].get<double>()) << name;
  }
  EXPECT_LT(report["metrics"]["accuracy"]["low"], report["metrics"]["accuracy"]["high"]);
  EXPECT_EQ(run(evaluate({"--json"})).out, outcome.out) << "the same draws every time";
}

TEST_F(Evaluate, TakesMapsAndTermsFromASpec) {
  write("spec.json", spec_text(upsampled));
  save_classifier(folder_ / "model.pt");  // with a rectifier, for guided backpropagation, and 4 classes
  std::string text = config(R"({"bootstrap": 0, "maps": "spec.json"})");
  text.replace(text.find("\"blue\""), 6, "\"blue\", \"white\"");
  write("config.json", text);
  const Json report = this->report();
  ASSERT_EQ(report["maps"].size(), 2U);
  EXPECT_EQ(report["maps"][0]["name"], "cam");
  EXPECT_EQ(report["maps"][1]["name"], "gb");
  ASSERT_EQ(report["terms"].size(), 1U);
  const double h = report["terms"][0]["h"]["value"];
  EXPECT_NEAR(report["metrics"]["consistency_loss"]["value"].get<double>(), 0.5 * h, 1e-9) << "its weight is -0.5";
  const Json loss = document({"loss", "model.pt", "spec.json", "data/JPEGImages", "--size", "32", "--preprocess",
                              "unit", "--threads", "1", "--json"});
  EXPECT_NEAR(loss["terms"][0]["value"].get<double>(), h, 1e-5) << "as attune loss has it";
}

// In the table of `attune train`: every number of results.json that is not of a class.
TEST_F(Evaluate, TrainPrintsWhatItMeasures) {
  write("spec.json", spec_text(upsampled));
  save_classifier(folder_ / "model.pt");
  std::string text = config(R"({"bootstrap": 20, "maps": "spec.json"})");
  text.replace(text.find("\"blue\""), 6, "\"blue\", \"white\"");
  write("config.json", text);
  const Outcome outcome = run({"train", "config.json", "--threads", "1"});
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  expect_parts(outcome.out,
               {"1_supervised: 1 epochs, 1 steps; the model after epoch 1 is selected", "test (4 samples)"});
  const Json test = parsed(read("run/results.json"))["stages"][0]["splits"]["test"];
  const auto expect_line = [&](const std::string& name, const Json& estimate) {
    char number[32];
    std::snprintf(number, sizeof number, "%.3f", estimate["value"].is_null() ? 0 : estimate["value"].get<double>());
    const size_t line = outcome.out.find("\n" + name + "  ");
    ASSERT_NE(line, std::string::npos) << name << " is not in: " << outcome.out;
    const size_t value = outcome.out.find_first_not_of(' ', line + 1 + name.size());
    const std::string shown = estimate["value"].is_null() ? "-" : number;
    EXPECT_EQ(outcome.out.substr(value, shown.size()), shown) << name;
  };
  for (const auto& [name, estimate] : test["metrics"].items()) expect_line(name, estimate);
  for (const char* list : {"maps", "terms"}) {
    EXPECT_FALSE(test[list].empty()) << list;
    for (const Json& of : test[list]) {
      for (const auto& [name, estimate] : of.items()) {
        if (estimate.is_object()) expect_line(of["name"].get<std::string>() + " " + name, estimate);
      }
    }
  }
}

TEST_F(Evaluate, LeavesRareClassesOutOfMeans) {
  write("data/ImageSets/Main/test.txt", "one\ntwo\nthree\n");  // red twice, green once
  expect_value(report()["metrics"], "f1_macro", 0.5);
  expect_value(report({"--least", "2"})["metrics"], "f1_macro", 1);
  EXPECT_EQ(report({"--least", "3"})["metrics"]["f1_macro"]["value"], nullptr);
}

TEST_F(Evaluate, ComparesTwoModelsSampleBySample) {
  save_colours(folder_ / "keen.pt", 0.01);  // finds the small green one too
  write("config.json", config(R"({"bootstrap": 50})"));
  const Json report = this->report({"--against", "keen.pt"});
  expect_value(report["metrics"], "f1_macro", 0.5);
  expect_value(report["against"]["metrics"], "f1_macro", (1 + 2.0 / 3) / 2);
  expect_value(report["difference"]["metrics"], "f1_macro", -1.0 / 3);
  expect_value(report["difference"]["maps"][0], "iou", 0.75 - 2.5 / 3);
  const Json& difference = report["difference"]["metrics"]["f1_macro"];
  EXPECT_LE(difference["low"].get<double>(), -1.0 / 3);
  EXPECT_GT(difference["p"].get<double>(), 0.3) << "one of four samples";

  write("config.json", config());
  const Json plain = this->report({"--against", "keen.pt"})["difference"];
  expect_value(plain["metrics"], "f1_macro", -1.0 / 3);
  EXPECT_FALSE(plain["metrics"]["f1_macro"].contains("p")) << "without resampling";

  write("config.json", config(R"({"bootstrap": 50})"));
  const Json same = this->report({"--against", "model.pt"});
  for (const auto& [name, estimate] : same["difference"]["metrics"].items()) {
    EXPECT_EQ(estimate["value"], 0.0) << name;
    EXPECT_EQ(estimate["p"], 1.0) << name;
  }
  const Outcome table = run(evaluate({"--against", "keen.pt"}));
  EXPECT_EQ(table.code, 0) << table.err;
  expect_parts(table.out, {"model.pt against keen.pt on test, 4 samples", "difference", "gradcam iou"});
}

TEST_F(Evaluate, ChoosesTheSplitAndTheModel) {
  EXPECT_EQ(report({"--split", "train"})["samples"], 1);
  fs::create_directories(folder_ / "run/stages/1_supervised");
  save_colours(folder_ / "run/stages/1_supervised/model.pt", 0.01);
  const Json trained = report();
  EXPECT_EQ(fs::path(trained["model"].get<std::string>()).filename(), "model.pt");
  expect_value(trained["metrics"], "f1_macro", (1 + 2.0 / 3) / 2);
  expect_value(report({"--model", "model.pt"})["metrics"], "f1_macro", 0.5);
}

TEST_F(Evaluate, WritesTheDocumentAndTheSamples) {
  const Json report = this->report({"--output", "result.json", "--csv", "samples.csv"});
  EXPECT_EQ(parsed(read("result.json")), report);
  std::istringstream lines(read("samples.csv"));
  std::string header, line;
  std::getline(lines, header);
  EXPECT_EQ(header, "id,file,labels,predicted,score red,score green,score blue,iou gradcam,pointing gradcam");
  std::vector<std::string> all;
  while (std::getline(lines, line)) all.push_back(line.substr(0, line.find(',')) + line.substr(line.find(".png") + 4));
  ASSERT_EQ(all.size(), 4U);
  EXPECT_EQ(all[0].rfind("one,red,red,0.2", 0), 0U) << all[0];
  EXPECT_EQ(all[2].rfind("three,green,,-0.05", 0), 0U) << all[2];
  EXPECT_EQ(all[3].rfind("four,green,blue,-0.05", 0), 0U) << all[3];
  EXPECT_EQ(all[1].substr(all[1].size() - 6), ",0.5,1") << all[1];
  EXPECT_EQ(run(evaluate({})).code, 0);
}

TEST_F(Evaluate, SkipsOrStopsAtBrokenPictures) {
  write("data/JPEGImages/two.png", "no picture");
  expect_parts(refusal(5, evaluate({})), {"two.png"});
  write("config.json", config(R"({"bootstrap": 0})", R"(, "on_broken": "skip")"));
  const Outcome outcome = run(evaluate({"--json"}));
  EXPECT_EQ(outcome.code, 0);
  expect_parts(outcome.err, {"attune: note: ", "two.png", "(skipped)"});
  const Json report = parsed(outcome.out);
  EXPECT_EQ(report["samples"], 3);
  ASSERT_EQ(report["problems"].size(), 1U);
  expect_parts(report["problems"][0]["path"], {"two.png"});
  expect_parts(run(evaluate({})).out, {"1 file was left out:\n", "two.png: "});
}

TEST_F(Evaluate, RefusesWhatDoesNotFit) {
  EXPECT_EQ(refusal(3, evaluate({"--split", "validate"})),
            "config.json: the data has no part \"validate\"; choose another --split");
  save_classifier(folder_ / "four.pt");
  EXPECT_EQ(refusal(3, evaluate({"--model", "four.pt"})), "the model has 4 classes, but the data has 3");
  save_colours(folder_ / "other.pt", 0.01);
  write("other.json", R"({"labels": ["green", "red", "blue"]})");
  EXPECT_EQ(refusal(2, evaluate({"--against", "other.pt"})),
            "other.pt has other classes, or another order of them, than the data of config.json; its scores cannot be "
            "judged with that");
  expect_parts(refusal(5, evaluate({"--model", "absent.pt"})), {"absent.pt"});
  expect_parts(refusal(7, evaluate({"--output", "absent/result.json"})), {"absent/result.json"});
  expect_parts(refusal(2, evaluate({"--split", "tset"})), {"--split"});
  const Outcome outcome = run({"evaluate", "absent.json"});
  EXPECT_EQ(outcome.code, 3);
}

}  // namespace
}  // namespace attune::test
