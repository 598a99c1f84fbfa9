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

constexpr int inputs = 400;

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

  // What was done is whole, and the summary says what it is.
  void expect_summary_after(int signal, const std::vector<std::string>& how) const {
    std::vector<std::string> arguments = {"heatmap",   "model.pt", "in",    "--batch",  "1",
                                          "--threads", "1",        "--raw", "--output", "out"};
    arguments.insert(arguments.end(), how.begin(), how.end());
    Surroundings surroundings;
    surroundings.folder = folder_;
    Process process(arguments, surroundings);
    wait_for_output(process);
    process.send(signal);
    const Outcome outcome = process.wait();
    EXPECT_FALSE(outcome.signalled);
    EXPECT_EQ(outcome.code, 128 + signal);
    const Json summary = parsed(read("out/summary.json"));
    EXPECT_EQ(summary["stopped"], true);
    const size_t done = summary["items"].size();
    EXPECT_GT(done, 0U);
    EXPECT_LT(done, static_cast<size_t>(inputs)) << "the run was over before the signal came";
    expect_parts(outcome.err, {("attune: stopped after " + std::to_string(done) + " input").c_str(),
                               "; what is done lies in out with its summary.json\n"});
    std::set<std::string> listed{"summary.json"};
    for (const Json& item : summary["items"]) {
      for (const Json& map : item["maps"]) {
        for (const char* file : {"overlay", "raw"}) listed.insert(map[file].get<std::string>());
      }
    }
    for (const std::string& name : files("out")) {
      const bool is_sheet = name.rfind("contact_sheet", 0) == 0;
      EXPECT_EQ(listed.erase(name), is_sheet ? 0U : 1U) << "left behind: " << name;
      const auto type = fs::path(name).extension();
      if (type == ".json") continue;
      const auto read = type == ".npy" ? read_npy : read_image;  // both refuse what is cut off
      EXPECT_NO_THROW(read(folder_ / "out" / name)) << name;
    }
    EXPECT_TRUE(listed.empty()) << "not written: " << *listed.begin();
  }
};

TEST_F(Interrupt, LeavesASummaryOfWhatIsDone) { expect_summary_after(SIGINT, {}); }

TEST_F(Interrupt, SoDoesTermination) { expect_summary_after(SIGTERM, {"--spec", "atcon_gb_mask_pearson"}); }

}  // namespace
}  // namespace attune::test
