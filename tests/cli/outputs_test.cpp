// Where results are written, and what becomes of them when that fails.

#include <unistd.h>

#include "arrays.h"
#include "models.h"
#include "support.h"

namespace attune::test {
namespace {

using Files = std::set<std::string>;

class Outputs : public CommandLine {
 protected:
  Outputs() {
    save_classifier(folder_ / "model.pt");
    write_picture("picture.png", 100, 100);
  }

  static std::vector<std::string> heatmap(std::vector<std::string> flags) {
    flags.insert(flags.begin(), {"heatmap", "model.pt", "--threads", "1", "--size", "32"});
    return flags;
  }
};

TEST_F(Outputs, MissingFoldersAreMade) {
  const Outcome outcome = run(heatmap({"picture.png", "--output", "some/where/else"}));
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(files("some/where/else"), (Files{"picture.gradcam.png", "summary.json"}));
}

TEST_F(Outputs, FoldersThatCannotBeMade) {
  write("file", "text");
  EXPECT_EQ(refusal(7, heatmap({"picture.png", "--output", "file"})),
            "file: the folder cannot be made: Not a directory");
  EXPECT_EQ(refusal(7, heatmap({"picture.png", "--output", "file/below"})),
            "file/below: the folder cannot be made: Not a directory");
  EXPECT_EQ(refusal(7, {"demo", "--quick", "--output", "file"}), "file: the folder cannot be made: Not a directory");
  EXPECT_EQ(read("file"), "text");
}

TEST_F(Outputs, FoldersThatCannotBeWrittenTo) {
  if (geteuid() == 0) GTEST_SKIP() << "root may write anywhere";
  fs::create_directory(folder_ / "out");
  fs::permissions(folder_ / "out", fs::perms::owner_read | fs::perms::owner_exec);
  EXPECT_EQ(refusal(7, heatmap({"picture.png", "--output", "out"})),
            "out/picture.gradcam.png: cannot be written: Permission denied");
  EXPECT_EQ(files("out"), Files());
}

TEST_F(Outputs, NeverReplaceAFolder) {
  fs::create_directories(folder_ / "out/picture.gradcam.png");
  EXPECT_EQ(refusal(7, heatmap({"picture.png", "--output", "out"})),
            "out/picture.gradcam.png: cannot be written: it exists and is not a regular file");
  EXPECT_EQ(files("out"), Files());
}

TEST_F(Outputs, AFullDiskLeavesNothingHalfAndKeepsWhatWas) {
  Surroundings full;
  full.largest_file = 2000;
  const std::string said = "out/picture.gradcam.png: cannot be written: File too large";
  EXPECT_EQ(sentence(run(heatmap({"picture.png", "--output", "out"}), full), 7), said);
  EXPECT_EQ(files("out"), Files());

  write("out/picture.gradcam.png", "older");
  EXPECT_EQ(sentence(run(heatmap({"picture.png", "--output", "out"}), full), 7), said);
  EXPECT_EQ(files("out"), Files{"picture.gradcam.png"});
  EXPECT_EQ(read("out/picture.gradcam.png"), "older");
}

TEST_F(Outputs, OneInputNamedTwiceIsDoneOnce) {
  const Outcome outcome = run(heatmap({"picture.png", "./picture.png", ".", "--output", "out"}));
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(files("out"), (Files{"picture.gradcam.png", "summary.json"}));
}

TEST_F(Outputs, ContactSheetsOfAnEarlierRunGo) {
  write_picture("other.png");
  EXPECT_EQ(run(heatmap({"picture.png", "other.png", "--output", "out"})).code, 0);
  EXPECT_EQ(files("out").count("contact_sheet.png"), 1U);
  write("out/contact_sheet-2.png", "a second page");
  EXPECT_EQ(run(heatmap({"picture.png", "--output", "out"})).code, 0);
  EXPECT_EQ(files("out"), (Files{"other.gradcam.png", "picture.gradcam.png", "summary.json"}));
}

TEST_F(Outputs, StandardOutputThatIsFull) {
  Surroundings full;
  full.standard_output = "/dev/full";
  EXPECT_EQ(sentence(run({"plugins", "--json"}, full), 7), "standard output cannot be written");
  const Outcome outcome = run(heatmap({"picture.png", "--output", "out", "--json"}), full);
  EXPECT_EQ(outcome.code, 7);
  expect_parts(outcome.err, {"attune: standard output cannot be written\n"});
  EXPECT_EQ(files("out"), (Files{"picture.gradcam.png", "summary.json"}));
}

TEST_F(Outputs, NamesThatClashAreRefusedBeforeTheModelRuns) {
  save_fixed_size(folder_ / "model.pt");  // would fail on these inputs
  write("batch.npy", npy("<f4", "(2, 3, 8, 8)", bytes_of(std::vector<float>(2 * 3 * 8 * 8))));
  write_picture("batch_1.png");
  EXPECT_EQ(refusal(2, heatmap({"batch.npy", "batch_1.png", "--output", "out"})),
            "row 1 of 'batch.npy' and 'batch_1.png' would both be written as 'batch_1'");
  EXPECT_EQ(files("out"), Files());
}

}  // namespace
}  // namespace attune::test
