// Clips: sampled evenly over the frames that are there, whatever the container says.
#include "data/video.h"

#include <cmath>
#include <cstring>
#include <gtest/gtest.h>
#include <opencv2/imgproc.hpp>
#include <opencv2/videoio.hpp>

#include "data/batch_loader.h"
#include "image/mat.h"
#include "support.h"

namespace attune::test {
namespace {

// 48 x 64 pixels; three bands whose brightness counts the frames by 400, by 20 and by one. All are dark: OpenCV's own
// encoder spoils strong edges.
cv::Mat numbered_frame(int64_t number) {
  cv::Mat frame(48, 64, CV_8UC3);
  for (int band = 2; band >= 0; --band, number /= 20) {
    frame.rowRange(16 * band, 16 * band + 16).setTo(cv::Scalar::all(static_cast<double>(6 * (number % 20))));
  }
  return frame;
}

int64_t number_of(const Image& picture) {
  int64_t number = 0;
  for (int64_t band = 0; band < 3; ++band) {
    const Image middle = picture.slice(0, 16 * band + 4, 16 * band + 12);
    number = 20 * number + std::llround(middle.to(at::kDouble).mean().item<double>() / 6);
  }
  return number;
}

std::vector<int64_t> numbers_of(const std::vector<Image>& pictures) {
  std::vector<int64_t> numbers;
  for (const Image& picture : pictures) numbers.push_back(number_of(picture));
  return numbers;
}

using Numbers = std::vector<int64_t>;

// The same file with another number of frames in its headers, where it stands twice.
std::string with_frame_count(std::string avi, uint32_t count) {
  for (const auto& [header, offset] : {std::pair("avih", 16), std::pair("strh", 32)}) {
    const size_t position = avi.find(header);
    EXPECT_NE(position, std::string::npos);
    std::memcpy(avi.data() + position + 8 + offset, &count, sizeof count);
  }
  return avi;
}

// An AVI file that ends after so many frames.
std::string first_frames(const std::string& avi, int64_t frames) {
  size_t end = avi.find("movi");
  for (int64_t i = 0; i <= frames; ++i) end = avi.find("00dc", end + 4);
  return avi.substr(0, end);
}

class Video : public testing::Test {
 protected:
  void SetUp() override {
    prepare_opencv();
    cv::VideoWriter writer;
    if (!open(writer, "probe.avi")) GTEST_SKIP() << "this OpenCV does not write MJPG";
  }

  std::filesystem::path write(int64_t frames, const std::string& name = "clip.avi") {
    cv::VideoWriter writer;
    EXPECT_TRUE(open(writer, name));
    for (int64_t i = 0; i < frames; ++i) writer.write(numbered_frame(i));
    return folder_ / name;
  }

  const TemporaryFolder folder_;

 private:
  bool open(cv::VideoWriter& writer, const std::string& name) {
    const int format = cv::VideoWriter::fourcc('M', 'J', 'P', 'G');
    return writer.open((folder_ / name).string(), cv::CAP_OPENCV_MJPEG, format, 25, cv::Size(64, 48)) ||
           writer.open((folder_ / name).string(), format, 25, cv::Size(64, 48));
  }
};

TEST_F(Video, TakesTheMiddlesOfEqualParts) {
  const auto path = write(20);
  EXPECT_EQ(numbers_of(read_clip(path, {1})), (Numbers{10}));
  EXPECT_EQ(numbers_of(read_clip(path, {3})), (Numbers{3, 10, 16}));
  EXPECT_EQ(numbers_of(read_clip(path, {5})), (Numbers{2, 6, 10, 14, 18}));
  EXPECT_EQ(numbers_of(read_clip(path, {19})).size(), 19u);
  Numbers all(20);
  for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int64_t>(i);
  EXPECT_EQ(numbers_of(read_clip(path, {20})), all);
}

TEST_F(Video, RepeatsFramesOfShortVideosEvenly) {
  EXPECT_EQ(numbers_of(read_clip(write(3), {8})), (Numbers{0, 0, 0, 1, 1, 2, 2, 2}));
  EXPECT_EQ(numbers_of(read_clip(write(1), {3})), (Numbers{0, 0, 0}));
}

TEST_F(Video, JumpsThroughLongVideos) {
  EXPECT_EQ(numbers_of(read_clip(write(2400), {4})), (Numbers{300, 900, 1500, 2100}));
}

TEST_F(Video, GivesRgb) {
  cv::VideoWriter writer((folder_ / "red.avi").string(), cv::VideoWriter::fourcc('M', 'J', 'P', 'G'), 25,
                         cv::Size(64, 48));
  for (int i = 0; i < 3; ++i) writer.write(cv::Mat(48, 64, CV_8UC3, cv::Scalar(20, 60, 220)));
  writer.release();
  const Image picture = read_clip(folder_ / "red.avi", {1}).at(0);
  EXPECT_EQ(picture.sizes(), (at::IntArrayRef{48, 64, 3}));
  const int rgb[] = {220, 60, 20};
  for (int64_t c = 0; c < 3; ++c) EXPECT_NEAR(picture[24][32][c].item<int>(), rgb[c], 8);
}

// Too few are another matter: OpenCV itself stops there.
TEST_F(Video, DoesNotTrustAContainerThatClaimsMore) {
  const std::string bytes = read_bytes(write(20));
  for (const uint32_t said : {0U, 24U, 90U, 5000U, 4000000000U}) {
    const auto path = folder_.write("lying.avi", with_frame_count(bytes, said));
    EXPECT_EQ(numbers_of(read_clip(path, {5})), (Numbers{2, 6, 10, 14, 18})) << said;
    EXPECT_EQ(numbers_of(read_clip(path, {1})), (Numbers{10})) << said;
  }
}

// One frame less than claimed is near enough, unless that very frame is asked for: then one in the middle is repeated.
TEST_F(Video, RepeatsEvenlyWhenTheLastFrameIsMissing) {
  const auto path = folder_.write("lying.avi", with_frame_count(read_bytes(write(4)), 5));
  EXPECT_EQ(numbers_of(read_clip(path, {5})), (Numbers{0, 1, 2, 2, 3}));
}

// In the middle of a frame or between two. The decoder would show what is left.
TEST_F(Video, RefusesAFileThatWasCutAnywhere) {
  const std::string bytes = read_bytes(write(40));
  std::vector<std::string> cuts{first_frames(bytes, 12), first_frames(bytes, 36)};
  for (size_t size = bytes.size() / 2; size < bytes.size(); size += bytes.size() / 20) {
    cuts.push_back(bytes.substr(0, size));
  }
  for (const std::string& cut : cuts) {
    const auto path = folder_.write("cut.avi", cut);
    for (const ClipTiming& timing : {ClipTiming{2}, ClipTiming{2, 5}}) {
      EXPECT_EQ(message_of(Fault::input, [&] { read_clip(path, timing); }),
                path.string() + ": the video is cut off: the end of the file is missing");
    }
  }
}

TEST_F(Video, RefusesWhatHasNoFrames) {
  const std::string bytes = read_bytes(write(10)), headers = bytes.substr(0, bytes.find("movi") + 4);
  testing::internal::CaptureStderr();
  for (const std::string& content : {headers, headers.substr(0, 40), std::string("All work and no play.\n")}) {
    const auto path = folder_.write("bad.avi", content);
    const std::string message = message_of(Fault::input, [&] { read_clip(path, {4}); });
    EXPECT_TRUE(contains(message, path.string() + ": ")) << message;
    EXPECT_TRUE(contains(message, "is not a video that can be decoded") || contains(message, "the video is cut off"))
        << message;
  }
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
}

// The videos show 25 frames a second; a clip of 4 frames, 5 a second, is 20 of them.
TEST_F(Video, TakesClipsByTime) {
  const auto path = write(60);
  const auto clip = [&](ClipTiming timing) { return numbers_of(read_clip(path, timing)); };
  EXPECT_EQ(clip({4, 5, ClipTiming::From::start}), (Numbers{2, 7, 12, 17}));
  EXPECT_EQ(clip({4, 5, ClipTiming::From::centre}), (Numbers{22, 27, 32, 37}));
  EXPECT_EQ(clip({3, 25, ClipTiming::From::start}), (Numbers{0, 1, 2}));
  EXPECT_EQ(clip({4, 50, ClipTiming::From::start}), (Numbers{0, 0, 1, 1}));
}

TEST_F(Video, RepeatsTheLastFrameOfAVideoThatIsTooShort) {
  const auto path = write(12);
  for (const auto from : {ClipTiming::From::start, ClipTiming::From::centre}) {
    EXPECT_EQ(numbers_of(read_clip(path, {5, 5, from})), (Numbers{2, 7, 11, 11, 11}));
  }
  EXPECT_EQ(numbers_of(read_clip(write(100), {16, 4})),
            (Numbers{3, 9, 15, 21, 28, 34, 40, 46, 53, 59, 65, 71, 78, 84, 90, 96}));
}

TEST_F(Video, JumpsToTheCentreOfALongVideo) {
  EXPECT_EQ(numbers_of(read_clip(write(2400), ClipTiming{2, 5, ClipTiming::From::centre})), (Numbers{1197, 1202}));
}

TEST_F(Video, TimesClipsByTheFramesThatAreThere) {
  const auto path = folder_.write("lying.avi", with_frame_count(read_bytes(write(60)), 5000));
  EXPECT_EQ(numbers_of(read_clip(path, ClipTiming{4, 5, ClipTiming::From::centre})), (Numbers{22, 27, 32, 37}));
}

TEST_F(Video, RefusesTimingsThatMakeNoSense) {
  const auto refusal = [&](const ClipTiming& timing) {
    return message_of(Fault::spec, [&] { read_clip(folder_ / "probe.avi", timing); });
  };
  EXPECT_EQ(refusal({0, 4}), "a clip needs at least one frame, not 0");
  EXPECT_EQ(refusal({16, 0}), "the frames per second of a clip must be more than 0, not 0.000000");
}

// Boxes aside, a dataset of clips is loaded as one of pictures is.
TEST_F(Video, IsLoadedInBatches) {
  Dataset dataset;
  dataset.classes = {"a"};
  dataset.clips = true;
  for (const int64_t frames : {60, 40}) {
    dataset.examples.emplace_back();
    dataset.examples.back().path = write(frames, std::to_string(frames) + ".avi");
  }
  dataset.examples.emplace_back();
  dataset.examples.back().path = folder_.write("broken.avi", "All work and no play.\n");
  LoaderOptions options;
  options.preprocess.size = {8, 10};
  options.clip = {4, 5, ClipTiming::From::start};
  options.augmentations = {Flip{1, 0}};
  options.second_view = std::vector<Augmentation>();
  options.on_problem = OnProblem::skip;
  BatchLoader loader(dataset, in_order(3), options);
  const auto batch = loader.next();
  ASSERT_TRUE(batch);
  EXPECT_EQ(batch->input.sizes(), (at::IntArrayRef{2, 3, 4, 8, 10}));
  ASSERT_EQ(batch->problems.size(), 1u);
  EXPECT_EQ(batch->problems[0].sentence,
            (folder_ / "broken.avi").string() + ": is not a video that can be decoded (damaged, or of another format)");
  const std::vector<Image> frames = read_clip(folder_ / "40.avi", options.clip);
  for (int64_t i = 0; i < 4; ++i) {
    const at::Tensor expected = preprocess(flipped(frames[static_cast<size_t>(i)], true, false), options.preprocess);
    EXPECT_TRUE(at::equal(batch->input[1].select(1, i), expected)) << i;
  }
  EXPECT_TRUE(at::equal(batch->second_view, batch->input.flip({4})));
}

TEST_F(Video, BecomesAClip) {
  const auto path = write(8);
  StreamOptions options = small_inputs(2);
  options.spatial_rank = 3;
  options.frames = 4;
  const Sample sample = sample_of(path, options);
  ASSERT_EQ(sample.error, "");
  EXPECT_EQ(sample.input.sizes(), (at::IntArrayRef{3, 4, 4, 4}));
  EXPECT_EQ(numbers_of(sample.pictures), (Numbers{1, 3, 5, 7}));
  for (int64_t i = 0; i < 4; ++i) {
    EXPECT_TRUE(at::equal(sample.input.select(1, i), preprocess(sample.pictures[i], options.preprocess)));
  }
  EXPECT_EQ(sample.region.width, 64);
  EXPECT_EQ(sample.region.height, 48);
}

// The same rule as in training: a rate, around the middle.
TEST_F(Video, BecomesAClipByTime) {
  StreamOptions options = small_inputs(1);
  options.spatial_rank = 3;
  options.frames = 4;
  options.frames_per_second = 5;
  EXPECT_EQ(numbers_of(sample_of(write(60), options).pictures), (Numbers{22, 27, 32, 37}));
}

// Drawing needs no more than that, and a clip may have 10,000 frames.
TEST_F(Video, KeepsFramesWithinBounds) {
  StreamOptions options = small_inputs(1);
  options.spatial_rank = 3;
  options.frames = 8;
  options.clip_bytes = 8 * 1000;
  options.preprocess.crop = true;
  const auto path = write(8);
  const Sample sample = sample_of(path, options);
  const Image& first = sample.pictures.at(0);
  EXPECT_EQ(first.sizes(), (at::IntArrayRef{15, 21, 3})) << "of 48 x 64, a scale of 0.33";
  const Region whole = covered(48, 64, options.preprocess);
  expect_region(sample.region, {whole.x * 21 / 64, whole.y * 15 / 48, whole.width * 21 / 64, whole.height * 15 / 48});
  expect_region(sample.crop, whole);
  options.clip_bytes = 8 * 48 * 64 * 3;
  const Sample large = sample_of(path, options);
  EXPECT_EQ(numbers_of(large.pictures), (Numbers{0, 1, 2, 3, 4, 5, 6, 7}));
  EXPECT_TRUE(at::equal(large.input, sample.input));
}

// A name that says nothing does not keep a model for clips from reading a video.
TEST_F(Video, NeedsNoExtension) {
  std::filesystem::rename(write(8), folder_ / "clip");
  StreamOptions options = small_inputs(1);
  options.spatial_rank = 3;
  options.frames = 2;
  EXPECT_EQ(numbers_of(sample_of(folder_ / "clip", options).pictures), (Numbers{2, 6}));
}

}  // namespace
}  // namespace attune::test
