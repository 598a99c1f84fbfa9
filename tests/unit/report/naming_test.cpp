// What outputs are called, and that no two take one name.
#include "report/naming.h"

#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "errors.h"
#include "folder.h"
#include "image/npy.h"

namespace attune::test {
namespace {

using Stems = std::vector<std::string>;

std::vector<InputFile> pictures(const std::vector<std::string>& paths) {
  std::vector<InputFile> files;
  for (const std::string& path : paths) files.push_back({path, InputKind::image, ""});
  return files;
}

Stems stems(const std::vector<std::string>& paths) { return output_stems(pictures(paths)); }

std::string refusal(const std::vector<std::string>& paths) {
  return message_of(Fault::usage, [&] { stems(paths); });
}

TEST(OutputStems, AreTheFilesOwn) {
  EXPECT_EQ(stems({}), Stems{});
  EXPECT_EQ(stems({"/a/cat.jpg", "/b/dog.png", "bird"}), (Stems{"cat", "dog", "bird"}));
  EXPECT_EQ(stems({"/a/cat.v2.jpg", "/a/.hidden"}), (Stems{"cat.v2", ".hidden"}));
}

TEST(OutputStems, EqualOnesTakeTheirFolder) {
  EXPECT_EQ(stems({"/x/cats/1.jpg", "/x/dogs/1.jpg", "/x/dogs/2.jpg"}), (Stems{"cats_1", "dogs_1", "2"}));
  EXPECT_EQ(stems({"/x/cats/1.jpg", "/x/dogs/1.png"}), (Stems{"cats_1", "dogs_1"}));
  EXPECT_EQ(stems({"/1.jpg", "/x/1.jpg"}), (Stems{"_1", "x_1"}));
}

TEST(OutputStems, ThenTheirExtension) {
  EXPECT_EQ(stems({"/x/1.jpg", "/x/1.png", "/x/2.png"}), (Stems{"x_1_jpg", "x_1_png", "2"}));
  EXPECT_EQ(stems({"/x/1.jpg", "/x/1", "/y/1.jpg"}), (Stems{"x_1_jpg", "x_1", "y_1"}));
}

TEST(OutputStems, TakeTheFolderFromThePathAsItIs) {
  const std::string here = std::filesystem::current_path().filename().string();
  EXPECT_EQ(stems({"1.jpg", "/x/1.jpg"}), (Stems{here + "_1", "x_1"}));
  EXPECT_EQ(stems({"./a/../1.jpg", "/x/1.jpg"}), (Stems{here + "_1", "x_1"}));
}

// Of no path at all, reading it complains.
TEST(OutputStems, AreThereForAnEmptyPath) { EXPECT_EQ(stems({"", "/x/1.jpg"}), (Stems{"", "1"})); }

// a/1 becomes a_1, which is what the third file is called already.
TEST(OutputStems, LongerOnesMayClashInTurn) {
  EXPECT_EQ(stems({"/a/1.jpg", "/b/1.jpg", "/c/a_1.jpg"}), (Stems{"a_1_jpg", "b_1", "c_a_1_jpg"}));
}

TEST(OutputStems, ThenFoldersFurtherUp) {
  EXPECT_EQ(stems({"/x/a/1.jpg", "/y/a/1.jpg", "/y/b/1.jpg"}), (Stems{"x_a_1_jpg", "y_a_1_jpg", "b_1"}));
  EXPECT_EQ(stems({"/p/x/a/1.jpg", "/q/x/a/1.jpg"}), (Stems{"p_x_a_1_jpg", "q_x_a_1_jpg"}));
  EXPECT_EQ(stems({"/a/1.jpg", "/a/1.png", "/b/a_1_jpg.bmp"}), (Stems{"a_1_jpg", "a_1_png", "b_a_1_jpg_bmp"}));
}

TEST(OutputStems, OfVolumesLoseBothEndings) {
  EXPECT_EQ(stems({"/x/brain.nii.gz", "/x/other.nii"}), (Stems{"brain", "other"}));
  EXPECT_EQ(stems({"/x/brain.nii.gz", "/x/brain.nii"}), (Stems{"x_brain_nii.gz", "x_brain_nii"}));
}

TEST(OutputStems, AreNotSharedByTwoFiles) {
  EXPECT_EQ(refusal({"/x/1.jpg", "/y/2.jpg", "/x/../x/1.jpg"}),
            "'/x/1.jpg' and '/x/../x/1.jpg' would both be written as 'x_1_jpg'; run them into two output folders");
}

TEST(RowStem, CountsFromZero) {
  EXPECT_EQ(row_stem("x", 0), "x_0");
  EXPECT_EQ(row_stem("x_1", 12), "x_1_12");
}

class RowStems : public testing::Test {
 protected:
  // The file of that name: a .npy array of that shape, or a picture that nobody reads.
  InputFile file(const std::string& name, at::IntArrayRef shape = {}) const {
    const std::string path = (folder_ / name).string();
    if (shape.empty()) return {path, InputKind::image, ""};
    write_npy(path, at::zeros(shape));
    return {path, InputKind::npy, ""};
  }

  void check(const std::vector<InputFile>& files, int64_t spatial_rank = 2) const {
    check_row_stems(files, output_stems(files), spatial_rank);
  }

  std::string path(const std::string& name) const { return "'" + (folder_ / name).string() + "'"; }

  const TemporaryFolder folder_;
};

TEST_F(RowStems, ClashWithOtherFiles) {
  EXPECT_EQ(message_of(Fault::usage,
                       [&] {
                         check({file("x.npy", {3, 1, 2, 2}), file("x_2.png")});
                       }),
            "row 2 of " + path("x.npy") + " and " + path("x_2.png") + " would both be written as 'x_2'");
  EXPECT_EQ(message_of(Fault::usage,
                       [&] {
                         check({file("x_0.npy", {1, 2, 2}), file("x.npy", {1, 1, 2, 2})});
                       }),
            "row 0 of " + path("x.npy") + " and " + path("x_0.npy") + " would both be written as 'x_0'");
}

TEST_F(RowStems, AreFreeOtherwise) {
  EXPECT_NO_THROW(
      check({file("x.npy", {3, 1, 2, 2}), file("x_3.png"), file("x_02.png"), file("x_.png"), file("y_1.png")}));
  EXPECT_NO_THROW(check({file("x.npy", {3, 1, 2, 2})}));
  EXPECT_NO_THROW(check({}));
}

// Its own rows are x_1_0 and so on; nothing is called x_1.
TEST_F(RowStems, DoNotClashWithABatchItself) {
  EXPECT_NO_THROW(check({file("x.npy", {3, 1, 2, 2}), file("x_1.npy", {3, 1, 2, 2})}));
}

TEST_F(RowStems, BelongToBatchesOnly) {
  EXPECT_NO_THROW(check({file("x.npy", {3, 2, 2}), file("x_1.png")}));
  EXPECT_NO_THROW(check({file("x.npy", {3, 1, 2, 2}), file("x_1.png")}, 3));
  message_of(Fault::usage, [&] { check({file("x.npy", {3, 1, 2, 2, 2}), file("x_1.png")}, 3); });
  message_of(Fault::usage, [&] { check({file("x.npy", {3, 1, 2}), file("x_1.png")}, 1); });
}

TEST_F(RowStems, LeaveBadFilesToTheReader) {
  const std::string bad = folder_.write("x.npy", "no array").string(), none = (folder_ / "y.npy").string();
  EXPECT_NO_THROW(check({{bad, InputKind::npy, ""}, file("x_0.png")}));
  EXPECT_NO_THROW(check({{none, InputKind::npy, none + ": cannot be read"}, file("y_0.png")}));
  EXPECT_NO_THROW(check({{none, InputKind::npy, ""}, file("y_0.png")}));
}

}  // namespace
}  // namespace attune::test
