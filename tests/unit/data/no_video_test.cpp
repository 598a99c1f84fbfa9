// Files that are no clip.
#include <gtest/gtest.h>

#include "data/video.h"
#include "support.h"

namespace attune::test {
namespace {

std::string clip_refusal(const std::filesystem::path& path, int64_t frames = 4) {
  return message_of(Fault::input, [&] { read_clip(path, {frames}); });
}

TEST(ReadClip, RefusesStillPictures) {
  const TemporaryFolder folder;
  const std::string still = ": is a still picture, but the model takes clips; give it a video";
  write_png(folder / "a.png", gradient(8, 8));
  EXPECT_EQ(clip_refusal(folder / "a.png"), (folder / "a.png").string() + still);
  std::filesystem::rename(folder / "a.png", folder / "a.mp4");
  EXPECT_EQ(clip_refusal(folder / "a.mp4"), (folder / "a.mp4").string() + still);
}

TEST(ReadClip, RefusesWhatIsNoFile) {
  const TemporaryFolder folder;
  EXPECT_EQ(clip_refusal(folder / "none.mp4"),
            (folder / "none.mp4").string() + ": cannot be read: No such file or directory");
  EXPECT_EQ(clip_refusal(folder.write("empty.mp4", "")), (folder / "empty.mp4").string() + ": the file is empty");
  EXPECT_EQ(clip_refusal(folder.path()), folder.path().string() + ": is a folder, not a file");
  EXPECT_TRUE(contains(clip_refusal("http://127.0.0.1:1/a.mp4"), "cannot be read"));
}

TEST(ReadClip, RefusesClipsWithoutFrames) {
  for (const int64_t frames : {0, -1}) {
    EXPECT_EQ(message_of(Fault::spec, [&] { read_clip("a.mp4", {frames}); }),
              "a clip needs at least one frame, not " + std::to_string(frames));
  }
}

}  // namespace
}  // namespace attune::test
