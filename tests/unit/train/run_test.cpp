#include "train/run/run.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <set>
#include <torch/csrc/jit/serialization/import.h>

#include <attune/sdk/error.h>

#include "support.h"

namespace attune::test {
namespace {

using Json = nlohmann::json;

NamedTensors weights_of(const fs::path& file) { return TrainingModel(read_model(file, at::kCPU)).state(); }

void expect_equal(const NamedTensors& a, const NamedTensors& b) {
  ASSERT_EQ(a.size(), b.size());
  for (const auto& [name, tensor] : a) EXPECT_TRUE(at::equal(tensor, b.at(name))) << name;
}

bool are_equal(const NamedTensors& a, const NamedTensors& b) {
  for (const auto& [name, tensor] : a) {
    if (!at::equal(tensor, b.at(name))) return false;
  }
  return true;
}

// A run of four stages, one for each strategy.
std::string all_strategies() {
  return supervised_stage + "," + finetune_stage + "," + combined_stage + "," + alternated_stage;
}
const std::vector<std::string> stage_names = {"1_supervised", "2_finetune", "3_combined", "4_alternated"};

class TrainingRun : public testing::Test {
 protected:
  Ending run(const TrainConfig& config, bool resume = false) { return run_training(config, own_plugins(), resume); }

  fs::path model(const std::string& output, const std::string& stage = "1_supervised") const {
    return files_.folder / output / "stages" / stage / "model.pt";
  }

  // Runs to the end, but stops behind those steps, counted over all stages, and goes on in a session of its own.
  void run_with_stops(const TrainConfig& config, std::set<int64_t> stops) {
    int64_t done = 0;
    TrainObserver observer;
    observer.step = [&](const TrainProgress&) { ++done; };
    observer.goes_on = [&] { return stops.erase(done) == 0; };
    while (run_training(config, own_plugins(), true, observer) == Ending::stopped) {
    }
    EXPECT_TRUE(stops.empty());
  }

  void expect_same_results(const std::string& output, const std::string& other) {
    for (const std::string& stage : stage_names) {
      expect_equal(weights_of(model(output, stage)), weights_of(model(other, stage)));
    }
    for (const char* name : {"log.csv", "log.jsonl", "results.json", "curves_loss.png", "curves_loss.svg"}) {
      EXPECT_EQ(read_bytes(files_.folder / output / name), read_bytes(files_.folder / other / name)) << name;
    }
  }

  const TrainingFolder files_;
};

TEST_F(TrainingRun, WritesWhatItPromises) {
  ASSERT_EQ(run(files_.config(all_strategies())), Ending::finished);
  const fs::path folder = files_.folder / "run";
  for (const char* name : {"config.json", "log.csv", "log.jsonl", "curves_loss.png", "curves_loss.svg",
                           "curves_metrics.png", "curves_metrics.svg", "checkpoint.pt", "results.json"}) {
    EXPECT_TRUE(fs::is_regular_file(folder / name)) << name;
  }
  const Json results = Json::parse(read_bytes(folder / "results.json"));
  ASSERT_EQ(results["stages"].size(), 4u);
  for (size_t i = 0; i < 4; ++i) {
    const Json& stage = results["stages"][i];
    EXPECT_EQ(stage["name"], stage_names[i]);
    EXPECT_TRUE(fs::exists(folder / stage["model"].get<std::string>()));
    EXPECT_EQ(stage["splits"]["validate"]["samples"], 9);
    EXPECT_TRUE(stage["splits"]["validate"]["metrics"]["f1_macro"]["value"].is_number());
  }
  const Sidecar sidecar = read_sidecar(model("run"));
  EXPECT_EQ(sidecar.labels, (std::vector<std::string>{"across", "down", "plain"}));
  EXPECT_FALSE(sidecar.multi_label);
  EXPECT_EQ(sidecar.preprocess.size, (std::array<int64_t, 2>{16, 16}));
}

TEST_F(TrainingRun, LowersTheLossOfLabels) {
  const std::string stage =
      R"({"strategy": "supervised", "epochs": 25, "batch": 6, "optimizer": {"use": "adam", "lr": 0.02}})";
  run(files_.config(stage));
  const Json results = Json::parse(read_bytes(files_.folder / "run" / "results.json"));
  EXPECT_GT(results["stages"][0]["splits"]["validate"]["metrics"]["accuracy"]["value"], 0.7);
}

TEST_F(TrainingRun, LeavesTheModelItWasGiven) {
  const std::string before = read_bytes(files_.folder / "model.pt");
  run(files_.config(supervised_stage + "," + finetune_stage));
  EXPECT_EQ(read_bytes(files_.folder / "model.pt"), before);
}

TEST_F(TrainingRun, ChangesParametersAndBuffersOnly) {
  run(files_.config(supervised_stage));
  const auto given = torch::jit::load((files_.folder / "model.pt").string());
  auto trained = torch::jit::load(model("run").string());
  const auto code = [](const torch::jit::Module& module) {
    std::string text = module.dump_to_str(true, false, false);
    const std::string address = " object at 0x";
    for (size_t at; (at = text.find(address)) != std::string::npos;) {
      text.erase(at, text.find_first_not_of("0123456789abcdef", at + address.size()) - at);
    }
    return text;
  };
  EXPECT_EQ(code(trained), code(given));
  const auto names = [](const torch::jit::Module& module) {
    std::vector<std::string> all;
    for (const auto& parameter : module.named_parameters()) all.push_back(parameter.name);
    for (const auto& buffer : module.named_buffers()) all.push_back(buffer.name);
    return all;
  };
  EXPECT_EQ(names(trained), names(given));
}

TEST_F(TrainingRun, IsTheSameForOneSeed) {
  run(files_.config(supervised_stage + "," + combined_stage, "a", R"(, "seed": 3)"));
  run(files_.config(supervised_stage + "," + combined_stage, "b", R"(, "seed": 3)"));
  run(files_.config(supervised_stage + "," + combined_stage, "c", R"(, "seed": 4)"));
  for (const char* stage : {"1_supervised", "2_combined"}) {
    expect_equal(weights_of(model("a", stage)), weights_of(model("b", stage)));
    EXPECT_FALSE(are_equal(weights_of(model("a", stage)), weights_of(model("c", stage))));
  }
  EXPECT_EQ(read_bytes(files_.folder / "a" / "log.csv"), read_bytes(files_.folder / "b" / "log.csv"));
}

// 9 steps, 6, 6, 4: in the middle of epochs, at their ends, at the ends of stages, twice in a row.
TEST_F(TrainingRun, GoesOnExactlyAfterAnyStep) {
  run(files_.config(all_strategies(), "whole"));
  run_with_stops(files_.config(all_strategies(), "parts"), {1, 2, 3, 7, 9, 10, 14, 15, 17, 20, 23, 25});
  expect_same_results("parts", "whole");
}

// Every fourth time that the run is asked whether it goes on, it does not: behind steps, in the middle of validation
// and in that of results. No step is done twice.
TEST_F(TrainingRun, GoesOnExactlyAfterAnyQuestion) {
  run(files_.config(all_strategies(), "whole"));
  const TrainConfig config = files_.config(all_strategies(), "parts");
  int64_t asked = 0, steps = 0, stops = 0;
  TrainObserver observer;
  observer.step = [&](const TrainProgress&) { ++steps; };
  observer.goes_on = [&] { return ++asked % 4 != 0; };
  while (run_training(config, own_plugins(), true, observer) == Ending::stopped) ++stops;
  EXPECT_EQ(steps, 9 + 6 + 6 + 4);
  EXPECT_GT(stops, 12);
  expect_same_results("parts", "whole");
}

// As if killed between the checkpoint of the first epoch and its model.
TEST_F(TrainingRun, WritesTheBestModelThatTheCheckpointKnows) {
  const TrainConfig config = files_.config(supervised_stage);
  TrainObserver observer;
  observer.step = [](const TrainProgress& at) {
    if (at.step == 4) throw std::runtime_error("killed");
  };
  EXPECT_THROW(run_training(config, own_plugins(), false, observer), std::runtime_error);
  const NamedTensors first = weights_of(model("run"));
  files_.folder.write("run/stages/1_supervised/model.pt", read_bytes(files_.folder / "model.pt"));
  EXPECT_THROW(run_training(config, own_plugins(), true, observer), std::runtime_error);
  expect_equal(weights_of(model("run")), first);
}

TEST_F(TrainingRun, GoesOnFromTheCheckpointWhenLaterFilesAreThere) {
  const TrainConfig config = files_.config(supervised_stage + "," + finetune_stage, "parts");
  run(files_.config(supervised_stage + "," + finetune_stage, "whole"));
  const fs::path checkpoint = files_.folder / "parts" / "checkpoint.pt";
  run_with_stops(config, {});
  const std::string last = read_bytes(checkpoint);
  fs::remove_all(files_.folder / "parts");
  int64_t step = 0;
  TrainObserver stop;
  stop.step = [&](const TrainProgress& at) { step = at.step; };
  stop.goes_on = [&] { return step < 4; };
  run_training(config, own_plugins(), true, stop);
  const std::string early = read_bytes(checkpoint);
  run(config, true);
  files_.folder.write("parts/checkpoint.pt", early);  // as if killed before later ones were written
  run(config, true);
  EXPECT_EQ(read_bytes(checkpoint), last);
  for (const char* stage : {"1_supervised", "2_finetune"}) {
    expect_equal(weights_of(model("whole", stage)), weights_of(model("parts", stage)));
  }
  EXPECT_EQ(read_bytes(files_.folder / "whole" / "log.csv"), read_bytes(files_.folder / "parts" / "log.csv"));
}

TEST_F(TrainingRun, ThatIsFinishedStaysAsItIs) {
  const TrainConfig config = files_.config(supervised_stage);
  run(config);
  const auto when = fs::last_write_time(files_.folder / "run" / "checkpoint.pt");
  EXPECT_EQ(run(config, true), Ending::finished);
  EXPECT_EQ(fs::last_write_time(files_.folder / "run" / "checkpoint.pt"), when);
}

// The same pictures under other classes.
TEST_F(TrainingRun, OfFinetuneLooksAtNoLabels) {
  const std::string fixed = R"(, "head": {"layer": "fc"})";
  run(files_.config(finetune_stage, "a"));
  fs::rename(files_.folder / "data" / "train" / "across", files_.folder / "data" / "train" / "x");
  fs::rename(files_.folder / "data" / "train" / "down", files_.folder / "data" / "train" / "across");
  fs::rename(files_.folder / "data" / "train" / "x", files_.folder / "data" / "train" / "down");
  const std::string list = R"("data": {"format": "images", "root": "data/all"})";
  write_stripes(files_.folder / "stripes", "s", 4, 1);
  fs::create_directories(files_.folder / "data" / "all");
  for (const char* name : {"across", "down", "plain"}) {
    for (int i = 0; i < 4; ++i) {
      fs::copy(files_.folder / "stripes" / "s" / name / (std::to_string(i) + ".png"),
               files_.folder / "data" / "all" / (std::string(name) + std::to_string(i) + ".png"));
    }
  }
  run(files_.config(finetune_stage.substr(0, finetune_stage.size() - 1) + "," + list + "}", "b"));
  expect_equal(weights_of(model("a", "1_finetune")), weights_of(model("b", "1_finetune")));
}

// Features are trained, scores are not: no numbers, and the last epoch.
TEST_F(TrainingRun, OfViewsLeavesTheHeadAndHandsOnTheLastEpoch) {
  ASSERT_EQ(run(files_.config(simclr_stage + "," + supervised_stage, "whole")), Ending::finished);
  const Json stages = Json::parse(read_bytes(files_.folder / "whole" / "results.json"))["stages"];
  EXPECT_EQ(stages[0]["epoch"], 2);
  EXPECT_TRUE(stages[0]["splits"].empty());
  EXPECT_EQ(stages[1]["splits"]["validate"]["samples"], 9);
  const NamedTensors given = weights_of(files_.folder / "model.pt"), trained = weights_of(model("whole", "1_simclr"));
  EXPECT_FALSE(at::equal(trained.at("conv1.weight"), given.at("conv1.weight")));
  EXPECT_EQ(trained.at("fc.weight").sizes(), (at::IntArrayRef{3, 6}));
  EXPECT_TRUE(contains(read_bytes(files_.folder / "whole" / "log.csv"), "unlabelled_loss"));
  run_with_stops(files_.config(simclr_stage + "," + supervised_stage, "parts"), {1, 3, 4, 6, 8});
  for (const char* stage : {"1_simclr", "2_supervised"}) {
    expect_equal(weights_of(model("parts", stage)), weights_of(model("whole", stage)));
  }
  EXPECT_EQ(read_bytes(files_.folder / "parts" / "log.jsonl"), read_bytes(files_.folder / "whole" / "log.jsonl"));
}

// 18 pictures without labels a round, of which a step takes 10.
TEST_F(TrainingRun, OfPseudoLabelsGoesOnExactly) {
  run(files_.config(fixmatch_stage, "whole"));
  run_with_stops(files_.config(fixmatch_stage, "parts"), {1, 2, 3, 4, 5});
  expect_equal(weights_of(model("parts", "1_fixmatch")), weights_of(model("whole", "1_fixmatch")));
  const std::string log = read_bytes(files_.folder / "whole" / "log.jsonl");
  EXPECT_EQ(read_bytes(files_.folder / "parts" / "log.jsonl"), log);
  EXPECT_TRUE(contains(log, "unlabelled_loss"));
}

// At every step and look a finite time, and none when all is over; and every epoch once.
TEST_F(TrainingRun, TellsHowLongItTakes) {
  std::vector<double> left;
  std::vector<std::string> epochs;
  std::set<std::string> parts;
  TrainObserver observer;
  observer.step = [&](const TrainProgress& at) { left.push_back(at.left); };
  observer.look = [&](const TrainProgress& at) {
    parts.insert(at.stage + " " + at.part);
    EXPECT_LE(at.looked, at.to_look);
    EXPECT_EQ(at.to_look, 9);
    if (!left.empty()) left.push_back(at.left);
  };
  observer.epoch_over = [&](const EpochReport& report) {
    epochs.push_back(report.stage + " " + std::to_string(report.epoch) + "/" + std::to_string(report.epochs));
    EXPECT_GT(report.left, 0) << "the model will be judged";
    EXPECT_FALSE(std::isnan(number_of(report.numbers, "validation_loss")));
  };
  EXPECT_EQ(run_training(files_.config(supervised_stage + "," + finetune_stage), own_plugins(), false, observer),
            Ending::finished);
  EXPECT_EQ(epochs,
            (std::vector<std::string>{"1_supervised 0/3", "1_supervised 1/3", "1_supervised 2/3", "1_supervised 3/3",
                                      "2_finetune 0/2", "2_finetune 1/2", "2_finetune 2/2"}));
  EXPECT_EQ(parts, (std::set<std::string>{"1_supervised validate", "2_finetune validate"}));
  ASSERT_GT(left.size(), 9u + 6u);
  for (const double seconds : left) EXPECT_GE(seconds, 0);
}

TEST_F(TrainingRun, SelectsTheBestEpoch) {
  const std::string stage =
      R"({"strategy": "supervised", "epochs": 4, "batch": 5, "optimizer": {"use": "sgd", "lr": 3}})";
  run(files_.config(stage));
  const RunLog log(files_.folder / "run", {static_cast<int64_t>(fs::file_size(files_.folder / "run" / "log.csv")), 0});
  std::vector<double> losses;
  for (const LogRow& row : log.epochs()) {
    for (const auto& [name, value] : row.numbers) {
      if (name == "validation_loss") losses.push_back(value);
    }
  }
  ASSERT_EQ(losses.size(), 5u);
  const auto best = std::min_element(losses.begin() + 1, losses.end()) - losses.begin();
  const Json results = Json::parse(read_bytes(files_.folder / "run" / "results.json"));
  EXPECT_EQ(results["stages"][0]["epoch"], best);
  EXPECT_NEAR(results["stages"][0]["splits"]["validate"]["metrics"]["loss"]["value"].get<double>(),
              losses[static_cast<size_t>(best)], 1e-6);
}

TEST_F(TrainingRun, StopsAtALossThatIsNotFiniteAndKeepsTheCheckpoint) {
  const std::string wild =
      R"({"strategy": "supervised", "epochs": 3, "batch": 5, "optimizer": {"use": "sgd", "lr": 1e6}})";
  const std::string message = message_of(Fault::run, [&] { run(files_.config(supervised_stage + "," + wild)); });
  EXPECT_TRUE(contains(message, "stage '2_supervised', epoch 1, step ")) << message;
  EXPECT_TRUE(contains(message, "not finite")) << message;
  const Checkpoint kept = read_checkpoint(files_.folder / "run" / "checkpoint.pt");
  EXPECT_EQ(kept.position.stage, 1);
  for (const auto& [name, tensor] : kept.model) EXPECT_TRUE(at::isfinite(tensor).all().item<bool>()) << name;
}

TEST_F(TrainingRun, SkipsOrStopsAtBrokenPictures) {
  files_.folder.write("data/train/down/1.png", "no picture");
  const std::string stopped = message_of(Fault::input, [&] { run(files_.config(supervised_stage, "stops")); });
  EXPECT_TRUE(contains(stopped, "down/1.png: ")) << stopped;
  TrainConfig config = files_.config(supervised_stage, "skips");
  config.data.on_broken = OnProblem::skip;
  std::vector<std::string> notes;
  TrainObserver observer;
  observer.note = [&](const std::string& note) { notes.push_back(note); };
  EXPECT_EQ(run_training(config, own_plugins(), false, observer), Ending::finished);
  ASSERT_EQ(notes.size(), 1u);
  EXPECT_TRUE(contains(notes[0], "down/1.png: ")) << notes[0];
}

}  // namespace
}  // namespace attune::test
