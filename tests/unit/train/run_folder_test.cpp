// Whose folder it is: a config's, a command's, a process's.
#include "train/run/run_folder.h"

#include <gtest/gtest.h>

#include "support.h"
#include "train/run/ablation.h"

namespace attune::test {
namespace {

class FolderOfARun : public testing::Test {
 protected:
  Ending train(const TrainConfig& config, bool resume = false) const {
    return run_training(config, own_plugins(), resume);
  }
  Ending ablate(const TrainConfig& config, bool resume = false) const {
    return run_ablation(config, own_plugins(), resume).ending;
  }
  std::string path(const std::string& name = "run") const { return (files_.folder / name).string(); }

  const TrainingFolder files_;
  const std::string watching_ = R"(, "monitors": ["spec.json"])";
};

TEST_F(FolderOfARun, IsRefusedWhenSomethingElseIsThere) {
  fs::create_directory(path());
  EXPECT_NO_THROW(train(files_.config(supervised_stage))) << "an empty one will do";
  EXPECT_EQ(message_of(Fault::usage, [&] { train(files_.config(supervised_stage)); }),
            path() + " exists; go on with --resume, or give another \"output\"");
  EXPECT_EQ(message_of(Fault::usage, [&] { train(files_.config(supervised_stage, "data"), true); }),
            path("data") + " is no run: it has no config.json");
}

TEST_F(FolderOfARun, IsAnotherConfigs) {
  train(files_.config(supervised_stage));
  const auto difference = [&](const std::string& stages, const std::string& more = "") {
    const std::string message = message_of(Fault::usage, [&] { train(files_.config(stages, "run", more), true); });
    const std::string begin = "the run in " + path() + " was begun with another config: ",
                      end = "; change it back, or give this one another \"output\"";
    EXPECT_TRUE(contains(message, begin) && contains(message, end)) << message;
    return message.substr(begin.size(), message.size() - begin.size() - end.size());
  };
  EXPECT_EQ(difference(finetune_stage), "/stages/0/name was \"1_supervised\" and is \"1_finetune\" now (and 4 more)");
  EXPECT_EQ(difference(supervised_stage, R"(, "seed": 3)"), "/seed was 0 and is 3 now");
  EXPECT_EQ(difference(supervised_stage, watching_).rfind("/monitors was not given and is [{", 0), 0u);
  EXPECT_NO_THROW(train(
      files_.config(supervised_stage, "run", R"(, "description": "the same", "threads": 1, "checkpoint_seconds": 7)"),
      true));
}

// The observer gets a line for each, and a line for what may differ.
TEST_F(FolderOfARun, SaysEverythingThatIsDifferent) {
  train(files_.config(finetune_stage));
  std::vector<std::string> notes;
  TrainObserver observer;
  observer.note = [&](const std::string& note) { notes.push_back(note); };
  const auto resume = [&](const std::string& more) {
    notes.clear();
    run_training(files_.config(finetune_stage, "run", more), own_plugins(), true, observer);
  };
  resume(R"(, "description": "the same", "threads": 1)");
  EXPECT_EQ(notes, std::vector<std::string>{"/threads was 0 and is 1 now; the run goes on with what it is now"});
  std::string spec = smooth_spec();
  files_.folder.write("spec.json", spec.replace(spec.find("pearson"), 7, "ssim"));
  const std::string difference = "/stages/0/spec/terms/0/compare was \"pearson\" and is \"ssim\" now";
  const std::string begin = "the run in " + path() + " was begun with another config: ",
                    end = "; change it back, or give this one another \"output\"";
  EXPECT_EQ(message_of(Fault::usage, [&] { resume(""); }), begin + difference + end);
  EXPECT_TRUE(notes.empty());
  const std::string seed = "/seed was 0 and is 3 now";
  EXPECT_EQ(message_of(Fault::usage, [&] { resume(R"(, "seed": 3)"); }), begin + seed + " (and 1 more)" + end);
  EXPECT_EQ(notes, (std::vector<std::string>{seed, difference}));
}

// Its config names its own copies of the specs.
TEST_F(FolderOfARun, IsAllThatARepetitionNeeds) {
  train(files_.config(finetune_stage));
  files_.folder.write("spec.json", "nothing any more");
  const auto no_spec = [](const std::string& name) -> fs::path { return name; };
  TrainConfig again = read_train_config(path() + "/config.json", {own_plugins(), no_spec});
  again.output = path("again");
  train(again);
  for (const char* file : {"log.csv", "log.jsonl", "inputs.json", "stages/1_finetune/model.pt"}) {
    EXPECT_EQ(read_bytes(path("again") + "/" + file), read_bytes(path() + "/" + file)) << file;
  }
}

// Of the first step on.
TEST_F(FolderOfARun, IsOfOneModelAndOneData) {
  TrainObserver observer;
  observer.goes_on = [] { return false; };
  const TrainConfig config = files_.config(supervised_stage);
  EXPECT_EQ(run_training(config, own_plugins(), false, observer), Ending::stopped);
  const std::string model = read_bytes(files_.folder / "model.pt");
  const auto refused = [&](const std::string& pointer, const std::string& before, const std::string& now) {
    const std::string message = message_of(Fault::usage, [&] { train(config, true); });
    const std::string begin =
        "the run in " + path() + " was begun with other files: " + pointer + " was \"" + before + "sha1 ";
    EXPECT_EQ(message.rfind(begin, 0), 0u) << message;
    EXPECT_TRUE(contains(message, "\" and is \"" + now)) << message;
  };
  save_model(files_.folder / "model.pt", {"conv1"});
  refused("/model", "", "sha1 " + sha1_of(read_bytes(files_.folder / "model.pt")) + "\" now; ");
  files_.folder.write("model.pt", model);
  fs::rename(path("data/train/down/3.png"), path("3.png"));
  refused("/data/train", "12 examples, ", "11 examples, sha1 ");
  fs::rename(path("3.png"), path("data/train/down/3.png"));
  EXPECT_EQ(train(config, true), Ending::finished);
}

TEST(Sha1, IsThatOfTheStandard) {
  EXPECT_EQ(sha1_of(""), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
  EXPECT_EQ(sha1_of("abc"), "a9993e364706816aba3e25717850c26c9cd0d89d");
}

// Of a checkpoint that somebody has put there.
TEST_F(FolderOfARun, GoesOnFromItsOwnPlacesOnly) {
  TrainObserver observer;
  observer.goes_on = [] { return false; };
  const TrainConfig config = files_.config(supervised_stage);
  EXPECT_EQ(run_training(config, own_plugins(), false, observer), Ending::stopped);
  const auto refusal = [&](int64_t epoch, int64_t step) {
    Checkpoint checkpoint = read_checkpoint(path() + "/checkpoint.pt");
    checkpoint.position.epoch = epoch;
    checkpoint.position.step = step;
    write_checkpoint(path() + "/checkpoint.pt", checkpoint);
    return message_of(Fault::input, [&] { train(config, true); });
  };
  const std::string begin = path() + "/checkpoint.pt: is of another run: stage '1_supervised' never stands at epoch ";
  EXPECT_EQ(refusal(2, 1), begin + "2, step 1");
  EXPECT_EQ(refusal(0, 9), begin + "0, step 9");
  EXPECT_EQ(refusal(int64_t{1} << 62, 1), begin + "4611686018427387904, step 1");
}

TEST_F(FolderOfARun, IsHeldByOneProcess) {
  const TrainConfig config = files_.config(supervised_stage);
  TrainObserver observer;
  observer.step = [&](const TrainProgress&) {
    EXPECT_EQ(message_of(Fault::usage, [&] { train(config, true); }), "another attune is working in " + path());
  };
  EXPECT_EQ(run_training(config, own_plugins(), false, observer), Ending::finished);
  EXPECT_EQ(train(config, true), Ending::finished);
}

// Another process has begun a run there while this one was reading its data.
TEST_F(FolderOfARun, IsTheFirstsToBegin) {
  const TrainConfig config = files_.config(supervised_stage);
  TrainObserver observer;
  observer.begin = [&] { train(config); };
  EXPECT_EQ(message_of(Fault::usage, [&] { run_training(config, own_plugins(), false, observer); }),
            path() + " exists; go on with --resume, or give another \"output\"");
}

TEST_F(FolderOfARun, IsRidOfWhatAKillHasLeft) {
  fs::create_directories(path("runs/x"));
  files_.folder.write("runs/x/.attune-1-0.part", "of a run that goes on");
  EXPECT_EQ(message_of(Fault::usage, [&] { train(files_.config(supervised_stage, "runs"), true); }),
            path("runs") + " is no run: it has no config.json");
  EXPECT_TRUE(fs::exists(path("runs/x/.attune-1-0.part")));
  EXPECT_NO_THROW(train(files_.config(supervised_stage, "runs/x"), true)) << "killed in its first moment";
  EXPECT_FALSE(fs::exists(path("runs/x/.attune-1-0.part")));
}

TEST_F(FolderOfARun, IsTheOtherCommands) {
  const TrainConfig trained = files_.config(supervised_stage, "trained", watching_);
  train(trained);
  EXPECT_EQ(message_of(Fault::usage, [&] { ablate(trained, true); }),
            "the run in " + path("trained") +
                " was not begun by attune ablate: monitors.csv has 0 of the 3 epochs that are done; give this one "
                "another \"output\"");
  const TrainConfig watched = files_.config(supervised_stage, "watched", watching_);
  ablate(watched);
  EXPECT_EQ(
      message_of(Fault::usage, [&] { train(watched, true); }),
      "the run in " + path("watched") + " was begun by attune ablate; go on with that, or give another \"output\"");
  EXPECT_EQ(ablate(watched, true), Ending::finished);
}

// In the middle of an epoch, of the monitors' part, and of validation.
TEST_F(FolderOfARun, OfAnAblationGoesOnExactly) {
  const auto config = [&](const std::string& output) {
    return files_.config(supervised_stage + "," + combined_stage, output, watching_);
  };
  ablate(config("whole"));
  TrainObserver observer;
  int64_t asked = 0, stops = 0;
  observer.goes_on = [&] { return ++asked % 5 != 0; };
  while (run_ablation(config("parts"), own_plugins(), true, observer).ending == Ending::stopped) ++stops;
  EXPECT_GT(stops, 4);
  for (const char* file : {"monitors.csv", "log.csv", "log.jsonl"}) {
    EXPECT_EQ(read_bytes(path("parts") + "/" + file), read_bytes(path("whole") + "/" + file)) << file;
  }
}

}  // namespace
}  // namespace attune::test
