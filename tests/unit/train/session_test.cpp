// What a run tries and tells before it begins.
#include "train/run/session.h"

#include <gtest/gtest.h>
#include <torch/csrc/jit/serialization/import.h>

#include "support.h"
#include "train/model/predict.h"
#include "train/run/ablation.h"

namespace attune::test {
namespace {

// Maps of another size each, which `identity` refuses.
const std::string unequal_spec =
    R"({"version": 1, "maps": {"a": {"use": "gradcam", "layer": "act1"}, "b": {"use": "saliency", "channels": "norm"}},
    "terms": [{"maps": ["a", "b"], "match": "identity", "compare": "pearson"}]})";
const std::string stopped_spec =
    R"({"version": 1, "maps": {"a": {"use": "gradcam", "layer": "act1", "stop_gradient": true},
                               "b": {"use": "saliency", "channels": "norm", "stop_gradient": true}},
    "terms": [{"maps": ["a", "b"], "match": "upsample", "compare": "pearson"}]})";

class Tried : public testing::Test {
 protected:
  std::string refusal(Fault fault, const std::string& stages, const std::string& more = "") const {
    return refusal(fault, files_.config(stages, "run", more));
  }
  std::string refusal(Fault fault, const TrainConfig& config) const {
    const std::string message = message_of(fault, [&] { run_training(config, own_plugins(), false); });
    EXPECT_FALSE(fs::exists(files_.folder / "run"));
    return message;
  }

  std::string finetune(const std::string& spec, const std::string& more = "") const {
    files_.folder.write("other.json", spec);
    return supervised_stage + R"(, {"strategy": "finetune", "spec": "other.json", "epochs": 1)" + more + "}";
  }

  const TrainingFolder files_;
};

// Classes that stand otherwise than the model's scores would be trained one for another.
TEST_F(Tried, TheOrderOfTheModelsClasses) {
  files_.folder.write("model.json", R"({"labels": ["down", "across", "plain"]})");
  TrainConfig config = files_.config(supervised_stage);
  config.head.reset();
  config.data.classes = {"across", "down", "plain"};
  EXPECT_EQ(refusal(Fault::spec, config),
            (files_.folder / "model.pt").string() +
                " has other classes, or another order of them, than the data; give \"classes\" as its model.json does, "
                "or a new \"head\"");
}

TEST_F(Tried, PatternsOfALaterStage) {
  const std::string frozen = R"({"strategy": "supervised", "epochs": 1, "freeze": ["conv9.*"]})";
  EXPECT_EQ(refusal(Fault::spec, supervised_stage + "," + frozen),
            "stage '2_supervised': \"freeze\": no parameter matches 'conv9.*'");
}

TEST_F(Tried, LossesOfALaterStage) {
  const std::string message = refusal(Fault::run, finetune(unequal_spec));
  EXPECT_EQ(message.rfind("stage '2_finetune': ", 0), 0u) << message;
  EXPECT_EQ(refusal(Fault::spec, finetune(stopped_spec)),
            "stage '2_finetune': the spec stops every gradient; there is none to train with");
}

TEST_F(Tried, PicturesOfALaterStage) {
  fs::create_directories(files_.folder / "own");
  files_.folder.write("own/a.png", "no picture");
  const std::string own = R"(, "data": {"format": "images", "root": "own"})";
  const std::string message = refusal(Fault::input, finetune(smooth_spec(), own));
  EXPECT_EQ(message.rfind("stage '2_finetune': " + (files_.folder / "own/a.png").string() + ": ", 0), 0u) << message;
}

TEST_F(Tried, SpecsThatAreOnlyLookedAt) {
  files_.folder.write("other.json", unequal_spec);
  TrainConfig config = files_.config(supervised_stage, "run", R"(, "monitors": [{"name": "m", "spec": "other.json"}])");
  std::string message = message_of(Fault::run, [&] { run_ablation(config, own_plugins(), false); });
  EXPECT_EQ(message.rfind("monitor 'm': ", 0), 0u) << message;
  EXPECT_FALSE(fs::exists(files_.folder / "run"));
  config.evaluate.maps = config.monitors[0];
  message = refusal(Fault::run, config);
  EXPECT_EQ(message.rfind("\"evaluate\": ", 0), 0u) << message;
}

TEST_F(Tried, TrainingMode) {
  torch::jit::Module model("__torch__.Untrainable");
  model.register_attribute("training", c10::BoolType::get(), false);
  model.register_module("inner", dropping_model());
  model.define("def forward(self, x):\n    assert not self.training, 'never'\n    return self.inner.forward(x)\n");
  model.to(at::kFloat);
  model.save((files_.folder / "model.pt").string());
  TrainConfig config = files_.config(supervised_stage);
  config.head->layer = "inner.fc";
  const std::string message = refusal(Fault::run, config);
  EXPECT_EQ(message.rfind("stage '1_supervised': the model fails in training mode: ", 0), 0u) << message;
}

TEST_F(Tried, AndTheModelIsAsBefore) {
  const TrainConfig config = files_.config(supervised_stage + "," + combined_stage + "," + alternated_stage);
  const TrainSession session(config, own_plugins(), "");
  const NamedTensors given = TrainingModel(read_model(files_.folder / "model.pt", at::kCPU)).state();
  for (const auto& [name, tensor] : session.training_model->state()) {
    if (name.rfind("fc.", 0) == 0) continue;  // the new head
    EXPECT_TRUE(at::equal(tensor, given.at(name))) << name;
  }
}

TEST(SmallestBatch, IsTheLastWhereItIsReached) {
  StageConfig stage;
  stage.batch = 4;
  stage.epochs = 1;
  EXPECT_EQ(smallest_batch(stage, 8), 4);
  EXPECT_EQ(smallest_batch(stage, 9), 1);
  EXPECT_EQ(smallest_batch(stage, 3), 3);
  stage.epochs.reset();
  stage.steps = 2;
  EXPECT_EQ(smallest_batch(stage, 9), 4);
}

// Three epochs of 3 steps, of which the last has one.
TEST(Position, IsWithinItsStage) {
  const StageLength length{3, 7, 3};
  const auto is_good = [&](int64_t epoch, int64_t step) {
    Position position;
    position.epoch = epoch;
    position.step = step;
    return is_within(position, length);
  };
  EXPECT_TRUE(is_good(0, 0) && is_good(0, 3) && is_good(1, 3) && is_good(1, 6) && is_good(2, 7) && is_good(3, 7));
  EXPECT_FALSE(is_good(0, 4) || is_good(1, 2) || is_good(2, 8) || is_good(3, 6) || is_good(4, 7));
}

// Missing ones of every part, once each, although both parts of a list that is divided know them.
TEST(Told, WhatIsLeftOut) {
  const TrainingFolder files;
  files.folder.write("data/list.csv",
                     "path,labels\ntrain/down/0.png,down\ntrain/down/absent.png,down\ntrain/down/1.png,down\n"
                     "train/across/0.png,across\ntrain/across/1.png,across\n");
  files.folder.write("data/test.csv", "path,labels\nval/down/0.png,down\nval/down/gone.png,down\n");
  fs::create_directories(files.folder / "data/own");
  files.folder.write("data/train/across/1.png", "no picture");
  TrainConfig config = files.config(supervised_stage);
  config.data.format = DataFormat::csv;
  config.data.train = "list";
  config.data.validate = "";
  config.data.test = "test";
  config.data.hold_out = 0.5;
  config.data.on_broken = OnProblem::skip;
  std::vector<std::string> notes;
  TrainObserver observer;
  size_t before = 0;
  observer.step = [&](const TrainProgress& at) {
    if (at.step == 1) before = notes.size();
  };
  observer.note = [&](const std::string& note) { notes.push_back(note); };
  EXPECT_EQ(run_training(config, own_plugins(), false, observer), Ending::finished);
  ASSERT_EQ(notes.size(), 3u);
  EXPECT_GE(before, 2u);
  for (size_t i = 0; i < 3; ++i) {
    const char* file[] = {"train/down/absent.png: ", "val/down/gone.png: ", "train/across/1.png: "};
    EXPECT_TRUE(contains(notes[i], file[i]) && contains(notes[i], " (skipped)")) << notes[i];
  }
}

// Methods that draw draw the same in every epoch, and for every model.
TEST(Validation, IsTheSameEveryTime) {
  const Catalogue catalogue = Catalogue::load(
      {{ATTUNE_BUILD_DIR "/lib/attune/plugins", "test"}, {ATTUNE_BUILD_DIR "/tests/plugins/wrong.methods", "test"}});
  const TrainingFolder files;
  files.folder.write("spec.json", R"({"version": 1,
      "maps": {"a": {"use": "gradcam", "layer": "act1"}, "b": "wrong.nothing_random"},
      "terms": [{"maps": ["a", "b"], "match": "upsample", "compare": "ssim"}]})");
  const auto no_spec = [](const std::string& name) -> fs::path { return name; };
  const TrainConfig config =
      parse_train_config(training_config(finetune_stage), "config.json", files.folder.path(), {catalogue, no_spec});
  const TrainSession session(config, catalogue, "");
  const ConsistencyLoss* loss = session.consistency(0);
  const auto validated = [&] {
    return predict(*session.model, {loss}, session.splits.validate, session.evaluation).losses[0];
  };
  const double first = validated();
  EXPECT_EQ(validated(), first);
  const Predictor predictor(session.model, &config.stages[0].spec->spec, catalogue);
  const auto evaluated = [&] {
    return predictor.predict(session.splits.validate, session.evaluation).consistency_loss;
  };
  const at::Tensor once = evaluated();
  EXPECT_TRUE(at::equal(evaluated(), once));
  EXPECT_NEAR(once.mean().item<double>(), first, 1e-6);
}

}  // namespace
}  // namespace attune::test
