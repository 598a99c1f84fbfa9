// attune train: every strategy, on pictures and on clips, and what a run is a function of.

#include <opencv2/videoio.hpp>

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
