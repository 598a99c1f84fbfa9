// attune train: every strategy, on pictures and on clips, and what a run is a function of.

#include <algorithm>
#include <cstdio>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/videoio.hpp>
#include <sstream>

#include "models.h"
#include "specs.h"
#include "train_support.h"

namespace attune::test {
namespace {

std::string stage_text(const std::string& name, const std::string& strategy, int epochs, const std::string& more) {
  return R"({"name": ")" + name + R"(", "strategy": ")" + strategy + R"(", "epochs": )" + std::to_string(epochs) +
         more + "}";
}

const std::vector<std::string> every_stage = {"bce",        "cross_entropy", "finetune",
                                              "unlabelled", "combined",      "alternated"};

// Stages of those names in a row; `own_data` is the fourth's. Those that only finetune go straight down.
std::string every_strategy(const std::string& own_data) {
  const std::string adam = R"(, "batch": 6, "optimizer": {"use": "adam", "lr": 0.02})";
  const std::string down =
      R"(, "spec": "spec.json", "batch": 12, "augment": [], "optimizer": {"use": "sgd", "lr": 0.01})";
  const std::string both =
      R"(, "spec": "spec.json", "batch": 6, "optimizer": {"use": "adam", "lr": 0.003}, "alpha": 0.5)";
  const std::string second = R"(, "consistency_optimizer": {"use": "sgd", "lr": 0.001})";
  return stage_text("bce", "supervised", 8, adam + R"(, "loss": "bce")") + "," +
         stage_text("cross_entropy", "supervised", 8, adam + R"(, "loss": "cross_entropy")") + "," +
         stage_text("finetune", "finetune", 4, down) + "," +
         stage_text("unlabelled", "finetune", 4, down + R"(, "data": )" + own_data) + "," +
         stage_text("combined", "combined", 4, both) + "," + stage_text("alternated", "alternated", 4, both + second);
}

class TrainStrategies : public Train {
 protected:
  // A run of all stages, each of which does what its name says.
  void expect_every_strategy() const {
    expect_trained();
    const Json results = parsed(read("run/results.json"));
    ASSERT_EQ(results["stages"].size(), every_stage.size());
    TensorsByName before = tensors_of(folder_ / "model.pt");
    for (size_t i = 0; i < every_stage.size(); ++i) {
      const std::string& stage = every_stage[i];
      EXPECT_EQ(results["stages"][i]["name"], stage);
      EXPECT_EQ(results["stages"][i]["splits"]["validate"]["samples"], 9);
      const TensorsByName after = state_of(stage);
      EXPECT_FALSE(are_same(before, after)) << stage << " changes nothing";
      before = after;
    }
    for (const char* stage : {"bce", "cross_entropy"}) {
      expect_falls(stage, "loss");
      EXPECT_TRUE(column(stage, "consistency_loss").empty()) << stage;
    }
    for (const char* stage : {"finetune", "unlabelled"}) {
      expect_falls(stage, "consistency_loss");
      EXPECT_TRUE(column(stage, "loss").empty()) << stage << " has looked at labels";
    }
    for (const char* stage : {"combined", "alternated"}) {
      EXPECT_EQ(column(stage, "loss").size(), 4U) << stage;
      EXPECT_EQ(column(stage, "consistency_loss").size(), 4U) << stage;
    }
  }

  void expect_falls(const std::string& stage, const std::string& loss) const {
    const std::vector<double> values = column(stage, loss);
    ASSERT_GT(values.size(), 1U) << stage;
    EXPECT_LT(values.back(), values.front()) << loss << " of " << stage;
  }
};

TEST_F(TrainStrategies, OnPictures) {
  Json config = Json::parse(training_config(every_strategy(R"({"format": "images", "root": "data/val/down"})")));
  config["select"] = "last";
  write("config.json", config.dump());
  expect_every_strategy();
}

// <folder>/<class>/<n>.avi: a square on grey, whose motion is the class.
void write_clips(const fs::path& folder, int per_class) {
  const std::vector<std::pair<std::string, cv::Point>> classes = {{"down", {0, 4}}, {"right", {4, 0}}, {"still", {}}};
  for (const auto& [name, step] : classes) {
    fs::create_directories(folder / name);
    for (int i = 0; i < per_class; ++i) {
      const std::string file = (folder / name / (std::to_string(i) + ".avi")).string();
      cv::VideoWriter writer(file, cv::VideoWriter::fourcc('M', 'J', 'P', 'G'), 25, cv::Size(32, 32));
      for (int frame = 0; frame < 6; ++frame) {
        cv::Mat picture(32, 32, CV_8UC3, cv::Scalar::all(60));
        const cv::Point corner = cv::Point(2 + i, 6 - i) + frame * step;
        picture(cv::Rect(corner, cv::Size(8, 8)) & cv::Rect(0, 0, 32, 32)).setTo(cv::Scalar::all(180));
        writer.write(picture);
      }
    }
  }
}

TEST_F(TrainStrategies, OnClips) {
  write_clips(folder_ / "clips/train", 4);
  write_clips(folder_ / "clips/val", 3);
  if (fs::is_empty(folder_ / "clips/val/still")) GTEST_SKIP() << "this OpenCV writes no videos";
  save_clip_classifier(folder_ / "model.pt");
  write("spec.json", spec_text(upsampled, "\"target\": 0,"));
  Json config = Json::parse(training_config(
      every_strategy(R"({"format": "images", "root": "clips/val/down", "clips": true})"), "run", R"(, "seed": 1)"));
  config.erase("head");
  config["data"].update({{"root", "clips"}, {"clips", true}});
  config["input"].update({{"size", {32, 32}}, {"frames", 6}, {"frames_per_second", 25}});
  config.erase("augment");
  config["select"] = "last";
  write("config.json", config.dump());
  expect_every_strategy();
  const Json sidecar = parsed(read("run/stages/bce/model.json"));
  EXPECT_EQ(sidecar["frames"], 6);
  EXPECT_EQ(sidecar["frames_per_second"], 25);
}

TEST_F(TrainStrategies, WithATargetOfItsOwn) {
  const auto losses = [&](const std::string& output, const std::string& target) {
    write("spec.json", spec_text(upsampled, "\"target\": " + target + ","));
    configure(finetune_stage, output);
    expect_trained();
    return column("1_finetune", "consistency_loss", output);
  };
  const auto difference = losses("run", R"({"class": "top1", "minus": "similar2"})");
  EXPECT_GT(difference.size(), 1U);
  EXPECT_EQ(losses("text", R"("top1:minus=similar2")"), difference);
  EXPECT_NE(losses("plain", R"("top1")"), difference);
}

// The same files under other labels.
TEST_F(TrainStrategies, FinetuneUsesNoLabels) {
  const std::vector<std::string> classes = {"across", "down", "plain"};
  const auto write_list = [&](const std::string& name, size_t shift) {
    std::string text = "path,labels\n";
    for (size_t k = 0; k < classes.size(); ++k) {
      for (int i = 0; i < 4; ++i) {
        text += "train/" + classes[k] + "/" + std::to_string(i) + ".png," + classes[(k + shift) % 3] + "\n";
      }
    }
    write("data/" + name + ".csv", text);
  };
  write_list("right", 0);
  write_list("wrong", 1);
  for (const char* list : {"right", "wrong"}) {
    for (const std::string& stage : {finetune_stage, combined_stage}) {
      const bool is_finetune = stage == finetune_stage;
      Json config = Json::parse(training_config(stage, list + std::string(is_finetune ? "" : "_combined")));
      config["data"] = {{"format", "csv"}, {"root", "data"}, {"train", list}, {"task", "single_label"}};
      config["select"] = "last";
      write("config.json", config.dump());
      expect_trained();
    }
  }
  EXPECT_TRUE(read(model_of("1_finetune", "right")) == read(model_of("1_finetune", "wrong")));
  EXPECT_FALSE(read(model_of("1_combined", "right_combined")) == read(model_of("1_combined", "wrong_combined")));
}

// What the file has frozen keeps its values, but for a head that is new and what a stage unfreezes.
TEST_F(Train, LeavesFrozenWhatTheModelHasFrozen) {
  save_model(folder_ / "model.pt", {"conv1", "norm", "fc"});
  const TensorsByName given = tensors_of(folder_ / "model.pt");
  const std::string last = R"({"strategy": "supervised", "epochs": 2, "batch": 5, "unfreeze": ["norm.*"]})";
  configure(supervised_stage + "," + combined_stage + "," + last);
  const Outcome outcome = train();
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.err,
            "attune: note: 3 of 6 parameters stay frozen, as model.pt was saved; \"unfreeze\" in a stage trains "
            "them\n");
  const TensorsByName first = state_of("1_supervised"), second = state_of("2_combined"),
                      third = state_of("3_supervised");
  for (const char* frozen : {"conv1.weight", "norm.weight", "norm.bias"}) {
    EXPECT_TRUE(at::equal(first.at(frozen), given.at(frozen))) << frozen;
    EXPECT_TRUE(at::equal(second.at(frozen), given.at(frozen))) << frozen;
  }
  for (const char* trained : {"conv2.weight", "fc.weight", "fc.bias"}) {
    EXPECT_FALSE(at::equal(first.at(trained), second.at(trained))) << trained;
  }
  EXPECT_FALSE(at::equal(first.at("conv2.weight"), given.at("conv2.weight")));
  EXPECT_TRUE(at::equal(third.at("conv1.weight"), given.at("conv1.weight")));
  for (const char* unfrozen : {"norm.weight", "norm.bias"}) {
    EXPECT_FALSE(at::equal(third.at(unfrozen), second.at(unfrozen))) << unfrozen;
  }
}

TEST_F(Train, SaysThatNothingIsLeftToTrain) {
  save_model(folder_ / "model.pt", {"conv1", "norm", "conv2", "fc"});
  Json config = Json::parse(training_config(supervised_stage));
  config.erase("head");
  config["data"]["classes"] = {"across", "down", "plain", "none"};
  write("config.json", config.dump());
  EXPECT_EQ(refused(3),
            "stage '1_supervised': the model has no parameter that is not frozen; it was saved so: \"unfreeze\": "
            "[\"*\"] in the stage trains all");
  config["stages"][0]["unfreeze"] = {"*"};
  write("config.json", config.dump());
  expect_trained();
}

// A line for each epoch, and one for the model that a stage begins with.
TEST_F(Train, TellsOfEpochsWhereThereIsNoTerminal) {
  configure(supervised_stage + "," + finetune_stage);
  const Outcome outcome = run(arguments());
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  std::vector<std::string> lines;
  std::istringstream stream(outcome.err);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  ASSERT_EQ(lines.size(), 4U + 3U) << outcome.err;
  const auto digits = [](double value) {
    char text[32];
    std::snprintf(text, sizeof text, "%.3f", value);
    return std::string(text);
  };
  const std::vector<double> loss = column("1_supervised", "loss"), seen = column("1_supervised", "validation_loss"),
                            tuned = column("2_finetune", "consistency_loss");
  ASSERT_EQ(seen.size(), 4U);
  EXPECT_EQ(lines[0].rfind("attune: epoch 0/3 of 1_supervised: validation loss " + digits(seen[0]), 0), 0U) << lines[0];
  EXPECT_EQ(
      lines[2].rfind(
          "attune: epoch 2/3 of 1_supervised: loss " + digits(loss[1]) + ", validation loss " + digits(seen[2]), 0),
      0U)
      << lines[2];
  EXPECT_EQ(lines[6].rfind("attune: epoch 2/2 of 2_finetune: consistency loss " + digits(tuned[1]), 0), 0U) << lines[6];
  const auto best = static_cast<size_t>(std::min_element(seen.begin() + 1, seen.end()) - seen.begin());
  expect_parts(lines[best], {"(best)"});
}

// From the config into training, into the sidecar of the model, and from there into maps.
TEST_F(Train, TakesModelsOfOneChannel) {
  save_model(folder_ / "model.pt", {}, 1);
  Json config = Json::parse(training_config(supervised_stage));
  config["input"]["mean"] = Json::array({0.5});
  config["input"]["std"] = Json::array({0.25});
  write("config.json", config.dump());
  expect_trained();
  const Json preprocess = parsed(read("run/stages/1_supervised/model.json"))["preprocess"];
  EXPECT_EQ(preprocess["mean"], Json::array({0.5}));
  EXPECT_EQ(preprocess["std"], Json::array({0.25}));
  EXPECT_EQ(run({"evaluate", "config.json", "--csv", "samples.csv", "--threads", "1"}).code, 0);
  std::istringstream lines(read("samples.csv"));
  std::string header, id, file, labels, predicted, score;
  std::getline(lines, header);
  for (std::string* field : {&id, &file, &labels, &predicted, &score}) std::getline(lines, *field, ',');
  const Json summary =
      document({"heatmap", model_of("1_supervised"), file, "--target", "0", "--threads", "1", "--json"});
  const double shown = summary["items"][0]["maps"][0]["target"]["score"];
  EXPECT_NEAR(shown, std::stod(score), 1e-5) << "maps are of what was measured";
  config["input"]["mean"] = {0.5, 0.5};
  write("config.json", config.dump());
  expect_parts(train().err, {"/input/mean: must be a list of 1 or 3 numbers, not of 2"});
}

// What is left out is named at once, and again in the end; also where the run was stopped in between.
TEST_F(Train, CountsWhatIsLeftOut) {
  write("data/val/plain/0.png", "no picture");
  cv::Mat noise(96, 96, CV_8UC3);
  cv::RNG(7).fill(noise, cv::RNG::UNIFORM, 0, 255);
  fs::remove(folder_ / "data/train/down/1.png");
  cv::imwrite((folder_ / "data/train/down/1.jpg").string(), noise);
  std::string bytes = read("data/train/down/1.jpg");  // of which decoders make grey
  write("data/train/down/1.jpg", bytes.replace(bytes.size() / 2, bytes.size() / 3, bytes.size() / 3, '\0'));
  Json config = Json::parse(training_config(supervised_stage));
  config["data"]["on_broken"] = "skip";
  write("config.json", config.dump());
  const Outcome outcome = train();
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  const auto count = [](const std::string& text, const std::string& part) {
    size_t found = 0;
    for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
    return found;
  };
  EXPECT_EQ(count(outcome.err, "attune: note: "), 2U) << outcome.err;
  expect_parts(outcome.out, {"2 files were left out:\n",
                             "data/train/down/1.jpg: the picture is damaged: ", "data/val/plain/0.png: "});
  const Json results = parsed(read("run/results.json"));
  ASSERT_EQ(results["problems"].size(), 2U);
  expect_parts(results["problems"][0]["path"], {"data/train/down/1.jpg"});
  EXPECT_EQ(results["stages"][0]["splits"]["validate"]["samples"], 8);
  const Outcome again = train({"--resume"});
  EXPECT_EQ(again.code, 0) << again.err;
  EXPECT_EQ(parsed(read("run/results.json")), results) << "also from the checkpoint alone";
}

TEST_F(TrainStrategies, AreAFunctionOfTheSeed) {
  const std::string stages = supervised_stage + "," + combined_stage;
  for (const auto& [output, seed] : {std::pair("one", "3"), std::pair("same", "3"), std::pair("other", "4")}) {
    configure(stages, output, std::string(R"(, "seed": )") + seed);
    expect_trained();
  }
  expect_same_results("one", "same");
  EXPECT_TRUE(read("one/checkpoint.pt") == read("same/checkpoint.pt"));
  for (const char* stage : {"1_supervised", "2_combined"}) {
    EXPECT_FALSE(read(model_of(stage, "one")) == read(model_of(stage, "other"))) << stage;
  }
}

}  // namespace
}  // namespace attune::test
