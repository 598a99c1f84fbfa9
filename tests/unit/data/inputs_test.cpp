// What the command line's INPUT arguments stand for.
#include "data/inputs.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include "folder.h"

namespace attune::test {
namespace {

namespace fs = std::filesystem;

std::vector<std::string> names(const std::vector<InputFile>& files) {
  std::vector<std::string> names;
  for (const InputFile& file : files) names.push_back(fs::path(file.path).filename().string());
  return names;
}

// The only entry, which must be one that cannot be used: without its path.
std::string input_refusal(const std::string& argument, bool clips = false) {
  const auto files = list_inputs({argument}, clips);
  if (files.size() != 1 || files[0].path != argument) return "not one entry for " + argument;
  const std::string& error = files[0].error;
  return error.rfind(argument + ": ", 0) == 0 ? error.substr(argument.size() + 2) : "does not begin with its path";
}

InputKind kind(const TemporaryFolder& folder, const std::string& name, bool clips) {
  const auto files = list_inputs({folder.write(name, "x").string()}, clips);
  EXPECT_EQ(files.size(), 1u);
  EXPECT_EQ(files.at(0).error, "");
  return files.at(0).kind;
}

// Files of all kinds, hidden ones, and a folder that is called like a picture.
void fill(const TemporaryFolder& folder) {
  for (const char* name : {"b.png", "a.webp", "C.JPG", "10.bmp", "9.tif", "rows.npy", "two.mp4", "one.AVI", "three.gif",
                           "notes.txt", "README", ".hidden.png", ".hidden.mp4", ".png"}) {
    folder.write(name, "x");
  }
  fs::create_directories(folder / "sub.png");
  fs::create_directories(folder / "sub.mp4");
  folder.write("sub.png/inner.png", "x");
}

TEST(ListInputs, FilesComeAsTheyAreGiven) {
  const TemporaryFolder folder;
  std::vector<std::string> arguments;
  for (const char* name : {"z.png", "a.jpg", "m.png"}) arguments.push_back(folder.write(name, "x").string());
  arguments.push_back((folder.path() / "." / "a.jpg").string());
  const auto files = list_inputs(arguments, false);
  ASSERT_EQ(files.size(), 4u);
  for (size_t i = 0; i < files.size(); ++i) {
    EXPECT_EQ(files[i].path, arguments[i]);
    EXPECT_EQ(files[i].error, "");
  }
}

TEST(ListInputs, KindsFollowTheExtensionInAnyCase) {
  const TemporaryFolder folder;
  for (const bool clips : {false, true}) {
    for (const char* name : {"a.jpg", "a.JPEG", "a.png", "a.tiff", "a.Webp", "a.ppm"}) {
      EXPECT_EQ(kind(folder, name, clips), InputKind::image) << name;
    }
    for (const char* name : {"a.mp4", "a.AVI", "a.mov", "a.mkv", "a.webm", "a.gif"}) {
      EXPECT_EQ(kind(folder, name, clips), InputKind::video) << name;
    }
    EXPECT_EQ(kind(folder, "a.npy", clips), InputKind::npy);
    EXPECT_EQ(kind(folder, "a.NPY", clips), InputKind::npy);
    EXPECT_EQ(kind(folder, "a.nii", clips), InputKind::nifti);
    EXPECT_EQ(kind(folder, "a.nii.gz", clips), InputKind::nifti);
  }
}

TEST(ListInputs, UnknownExtensionsAreTriedAsWhatTheModelTakes) {
  const TemporaryFolder folder;
  for (const char* name : {"photo", "photo.jfif", ".photo", "photo.", "npy"}) {
    EXPECT_EQ(kind(folder, name, false), InputKind::image) << name;
    EXPECT_EQ(kind(folder, name, true), InputKind::video) << name;
  }
}

TEST(ListInputs, FoldersGivePicturesAndArraysByName) {
  const TemporaryFolder folder;
  fill(folder);
  const auto files = list_inputs({folder.path().string()}, false);
  EXPECT_EQ(names(files),
            (std::vector<std::string>{"10.bmp", "9.tif", "C.JPG", "a.webp", "b.png", "rows.npy", "inner.png"}));
  EXPECT_EQ(files.at(0).path, (folder / "10.bmp").string());
  EXPECT_EQ(files.at(0).kind, InputKind::image);
  EXPECT_EQ(files.at(5).kind, InputKind::npy);
  for (const InputFile& file : files) EXPECT_EQ(file.error, "");
}

TEST(ListInputs, FoldersGiveVideosAndArraysForClips) {
  const TemporaryFolder folder;
  fill(folder);
  const auto files = list_inputs({folder.path().string()}, true);
  EXPECT_EQ(names(files), (std::vector<std::string>{"one.AVI", "rows.npy", "three.gif", "two.mp4"}));
  EXPECT_EQ(files.at(0).kind, InputKind::video);
  EXPECT_EQ(files.at(1).kind, InputKind::npy);
}

TEST(ListInputs, FoldersGiveTheirSubfolders) {
  const TemporaryFolder folder;
  for (const char* name : {"b/deep/er", "a", ".hidden", "out/maps", "empty"}) fs::create_directories(folder / name);
  for (const char* name : {"b/deep/er/1.png", "b/2.png", "a/3.png", "0.png", ".hidden/4.png", "out/5.png",
                           "out/maps/6.png", "b/scan.nii.gz"}) {
    folder.write(name, "x");
  }
  fs::create_directory_symlink(folder.path(), folder / "a/loop");
  const auto files = list_inputs({folder.path().string()}, false, folder / "out");
  EXPECT_EQ(names(files), (std::vector<std::string>{"0.png", "3.png", "2.png", "1.png", "scan.nii.gz"}));
  EXPECT_EQ(files.at(3).path, (folder / "b/deep/er/1.png").string());
  EXPECT_EQ(files.at(4).kind, InputKind::nifti);
  EXPECT_EQ(names(list_inputs({(folder / "out").string()}, false, folder / "out")),
            (std::vector<std::string>{"5.png", "6.png"}));
  EXPECT_EQ(list_inputs({folder.path().string()}, false, folder / "none").size(), 7u);
}

TEST(ListInputs, FoldersStandInTheirPlace) {
  const TemporaryFolder folder;
  fs::create_directories(folder / "inner");
  folder.write("inner/b.png", "x");
  folder.write("inner/a.png", "x");
  const std::string last = folder.write("0.png", "x").string(), first = folder.write("9.png", "x").string();
  EXPECT_EQ(names(list_inputs({first, (folder / "inner").string(), last}, false)),
            (std::vector<std::string>{"9.png", "a.png", "b.png", "0.png"}));
  EXPECT_EQ(list_inputs({(folder / "inner").string() + "/"}, false).at(0).path, (folder / "inner/a.png").string());
}

TEST(ListInputs, NoArgumentsAreNoFiles) { EXPECT_TRUE(list_inputs({}, false).empty()); }

TEST(ListInputs, FollowsLinks) {
  const TemporaryFolder folder;
  fs::create_directories(folder / "real");
  folder.write("real/a.png", "x");
  fs::create_directory_symlink(folder / "real", folder / "link");
  fs::create_symlink(folder / "gone.png", folder / "dangling.png");
  EXPECT_EQ(names(list_inputs({(folder / "link").string()}, false)), std::vector<std::string>{"a.png"});
  EXPECT_EQ(input_refusal((folder / "dangling.png").string()), "cannot be read: No such file or directory");
}

TEST(ListInputs, SaysWhatIsMissingAndKeepsTheOthers) {
  const TemporaryFolder folder;
  EXPECT_EQ(input_refusal((folder / "none.png").string()), "cannot be read: No such file or directory");
  EXPECT_EQ(input_refusal((folder / "none/a.png").string()), "cannot be read: No such file or directory");
  EXPECT_EQ(input_refusal(folder.write("file", "x").string() + "/a.png"), "cannot be read: Not a directory");
  EXPECT_EQ(input_refusal(""), "cannot be read: No such file or directory");
  const auto files = list_inputs(
      {folder.write("a.png", "x").string(), (folder / "none.png").string(), folder.write("b.png", "x").string()},
      false);
  ASSERT_EQ(files.size(), 3u);
  EXPECT_EQ(files[0].error, "");
  EXPECT_NE(files[1].error, "");
  EXPECT_EQ(files[2].error, "");
}

TEST(ListInputs, SaysThatAFolderHasNothingToUse) {
  const TemporaryFolder folder;
  const std::string path = folder.path().string();
  const std::string no_pictures = "the folder has no pictures and no .npy or NIfTI files in it";
  const std::string no_videos = "the folder has no videos and no .npy or NIfTI files in it";
  EXPECT_EQ(input_refusal(path), no_pictures);
  EXPECT_EQ(input_refusal(path, true), no_videos);
  folder.write(".hidden.png", "x");
  folder.write("notes.txt", "x");
  fs::create_directories(folder / "sub.png" / "below");
  EXPECT_EQ(input_refusal(path), no_pictures);
  EXPECT_EQ(input_refusal(path, true), no_videos);
}

TEST(ListInputs, SaysThatAFolderHasTheOtherKind) {
  const TemporaryFolder pictures, videos;
  pictures.write("a.png", "x");
  videos.write("a.mp4", "x");
  EXPECT_EQ(input_refusal(pictures.path().string(), true),
            "the folder has no videos and no .npy or NIfTI files in it, only pictures");
  EXPECT_EQ(input_refusal(videos.path().string()),
            "the folder has no pictures and no .npy or NIfTI files in it, only videos");
}

TEST(ListInputs, SaysThatAFolderCannotBeRead) {
  if (geteuid() == 0) GTEST_SKIP() << "root may read every folder";
  const TemporaryFolder folder;
  fs::permissions(folder.path(), fs::perms::none);
  EXPECT_EQ(input_refusal(folder.path().string()), "the folder cannot be read: Permission denied");
  fs::permissions(folder.path(), fs::perms::owner_all);
}

}  // namespace
}  // namespace attune::test
