// Ctrl-C in the middle of a run.

#include <chrono>
#include <csignal>
#include <thread>

#include "image/image.h"
#include "image/npy.h"
#include "models.h"
#include "support.h"

namespace attune::test {
namespace {

constexpr int inputs = 10000;  // far more than are done before the signal comes

class Interrupt : public CommandLine {
 protected:
  Interrupt() {
    save_classifier(folder_ / "model.pt");
    write_picture("picture.png", 400, 600);
    fs::create_directory(folder_ / "in");
    for (int i = 0; i < inputs; ++i) {
      fs::create_hard_link(folder_ / "picture.png", folder_ / "in" / ("p" + std::to_string(i) + ".png"));
    }
  }

  // Until the run has written something, or has ended.
  void wait_for_output(Process& process) const {
    while (process.running()) {
      for (const std::string& name : files("out")) {
        if (fs::path(name).extension() == ".png") return;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
  }

  void expect_whole_files_after(int signal) const {
    Surroundings surroundings;
    surroundings.folder = folder_;
    Process process({"heatmap", "model.pt", "in", "--batch", "1", "--threads", "1", "--raw", "--output", "out"},
                    surroundings);
    wait_for_output(process);
    process.send(signal);
    const Outcome outcome = process.wait();
    EXPECT_FALSE(outcome.signalled);
    EXPECT_EQ(outcome.code, 128 + signal);
    EXPECT_EQ(outcome.out, "");
    EXPECT_EQ(outcome.err, "");
    const auto written = files("out");
    EXPECT_FALSE(written.empty());
    EXPECT_LT(written.size(), 2U * inputs) << "the run was over before the signal came";
    for (const std::string& name : written) {
      const auto type = fs::path(name).extension();
      EXPECT_TRUE(type == ".png" || type == ".npy") << "left behind: " << name;
      const auto read = type == ".npy" ? read_npy : read_image;  // both refuse what is cut off
      EXPECT_NO_THROW(read(folder_ / "out" / name)) << name;
    }
  }
};

TEST_F(Interrupt, LeavesWholeFilesOnly) { expect_whole_files_after(SIGINT); }

TEST_F(Interrupt, SoDoesTermination) { expect_whole_files_after(SIGTERM); }

}  // namespace
}  // namespace attune::test
