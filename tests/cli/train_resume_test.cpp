// attune train: a run that was stopped at any moment ends as if it had not been.

#include <chrono>
#include <csignal>
#include <random>
#include <thread>

#include "train_support.h"

namespace attune::test {
namespace {

using Milliseconds = std::chrono::milliseconds;

class TrainStopped : public Train {
 protected:
  TrainStopped() {
    const std::string stages = supervised_stage + "," + alternated_stage;
    const std::string often = R"(, "checkpoint_seconds": 0)";  // behind every step
    configure(stages, "whole", often);
    const auto begin = std::chrono::steady_clock::now();
    expect_trained();
    duration_ = std::chrono::duration_cast<Milliseconds>(std::chrono::steady_clock::now() - begin);
    configure(stages, "run", often);
  }

  // `attune train config.json --resume`, started.
  Process started() const { return {arguments({"--resume"}), {folder_, {}, {}, ""}}; }

  // Files that are being written, or were when a kill came.
  std::set<std::string> unfinished() const {
    std::set<std::string> found;
    for (const std::string& name : files("run")) {
      if (fs::path(name).extension() == ".part") found.insert(name);
    }
    return found;
  }

  void expect_same_as_whole() const { expect_same_results("run", "whole"); }

  void finish() const {
    expect_trained({"--resume"});
    expect_same_as_whole();
  }

  // Once a step is done. A run that has been faster than the signals is done again.
  Outcome stopped_by(const std::vector<int>& signals, const std::vector<std::string>& arguments) const {
    Outcome outcome;
    for (int tries = 0; tries < 20; ++tries) {
      Process process(arguments, {folder_, {}, {}, ""});
      while (process.running() && !fs::exists(folder_ / "run/checkpoint.pt")) {
        std::this_thread::sleep_for(Milliseconds(1));
      }
      for (const int signal : signals) {
        process.send(signal);
        std::this_thread::sleep_for(Milliseconds(1));
      }
      outcome = without_epochs(process.wait());
      if (outcome.code != 0) break;
      fs::remove_all(folder_ / "run");
    }
    return outcome;
  }
  Outcome stopped_by(const std::vector<int>& signals) const { return stopped_by(signals, arguments({"--resume"})); }

  Milliseconds duration_{};  // of the whole run
};

TEST_F(TrainStopped, ByKillsAtRandomMoments) {
  std::mt19937 random(5);
  std::uniform_real_distribution<double> share(0, 1);
  for (int kills = 0; kills < 20;) {
    Process process = started();
    std::this_thread::sleep_for(duration_ * share(random));
    process.send(SIGKILL);
    const Outcome outcome = process.wait();
    if (outcome.signalled) {
      ++kills;
      continue;
    }
    ASSERT_EQ(outcome.code, 0) << outcome.err;
    expect_same_as_whole();
    fs::remove_all(folder_ / "run");
  }
  finish();
}

// Killed at the sight of one, until one is left behind.
TEST_F(TrainStopped, ByAKillInTheMiddleOfACheckpoint) {
  const auto is_there = [this] {
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(folder_ / "run", error)) {
      // An archive, as those of stages are, which lie in folders of their own.
      if (entry.path().extension() == ".part" && read_bytes(entry.path()).rfind("PK", 0) == 0) return true;
    }
    return false;
  };
  for (int kills = 0; kills < 400 && !is_there(); ++kills) {
    Process process = started();
    while (process.running() && !is_there()) continue;
    process.send(SIGKILL);
    if (!process.wait().signalled) fs::remove_all(folder_ / "run");
  }
  EXPECT_TRUE(is_there());
  finish();
}

TEST_F(TrainStopped, ByCtrlC) {
  const Outcome outcome = stopped_by({SIGINT});
  EXPECT_EQ(outcome.code, 130);
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(outcome.err, "attune: stopped; go on with `attune train config.json --threads 1 --resume`\n");
  EXPECT_EQ(unfinished(), std::set<std::string>());
  EXPECT_FALSE(fs::exists(folder_ / "run/results.json"));
  finish();
}

TEST_F(TrainStopped, ByCtrlCTwice) {
  const Outcome outcome = stopped_by({SIGINT, SIGINT});
  EXPECT_EQ(outcome.code, 130);
  EXPECT_FALSE(outcome.signalled);
  EXPECT_EQ(unfinished(), std::set<std::string>());
  finish();
}

// The second signal ends the run at once, unless it has stopped before.
TEST_F(TrainStopped, ByCtrlCAndTermination) {
  const Outcome outcome = stopped_by({SIGINT, SIGTERM});
  EXPECT_FALSE(outcome.signalled);
  EXPECT_TRUE(outcome.code == 130 || outcome.code == 128 + SIGTERM) << outcome.code;
  EXPECT_EQ(outcome.err.empty(), outcome.code == 128 + SIGTERM) << outcome.err;
  EXPECT_EQ(unfinished(), std::set<std::string>());
  finish();
}

// What is said can be given to a shell.
TEST_F(TrainStopped, AndHowToGoOn) {
  fs::rename(folder_ / "config.json", folder_ / "my config's.json");
  const Outcome outcome = stopped_by({SIGINT}, {"train", "my config's.json", "--threads", "1", "--device", "cpu:0",
                                                "--plugin-dir", ATTUNE_BUILD_DIR "/tests/plugins/good", "--resume"});
  EXPECT_EQ(outcome.err,
            "attune: stopped; go on with `attune train 'my config'\\''s.json' --device cpu:0 --threads 1 "
            "--plugin-dir " ATTUNE_BUILD_DIR "/tests/plugins/good --resume`\n");
  EXPECT_EQ(parsed(read("run/config.json"))["device"], "cpu");
  fs::rename(folder_ / "my config's.json", folder_ / "config.json");
  finish();
}

TEST_F(TrainStopped, ByTermination) {
  EXPECT_EQ(stopped_by({SIGTERM}).code, 128 + SIGTERM);
  EXPECT_EQ(unfinished(), std::set<std::string>());
  finish();
}

}  // namespace
}  // namespace attune::test
