// What files of videos say of themselves: that they are whole, and which way up they are shown.

#include <array>
#include <gtest/gtest.h>
#include <opencv2/imgproc.hpp>
#include <opencv2/videoio.hpp>

#include "data/video.h"
#include "image/mat.h"
#include "support.h"

namespace attune::test {
namespace {

using namespace std::string_literals;

std::string big_endian(uint64_t value, int bytes) {
  std::string text;
  for (int i = bytes - 1; i >= 0; --i) text += static_cast<char>(value >> 8 * i & 0xff);
  return text;
}

std::string box(const std::string& type, const std::string& content) {
  return big_endian(content.size() + 8, 4) + type + content;
}

using Matrix = std::array<int32_t, 4>;  // a, b, c, d

std::string track(const std::string& handler, const Matrix& matrix, bool long_times = false) {
  std::string header = long_times ? "\1"s + std::string(51, '\0') : std::string(40, '\0');
  const int32_t rows[9] = {matrix[0], matrix[1], 0, matrix[2], matrix[3], 0, 0, 0, 16384};
  for (const int32_t entry : rows) header += big_endian(static_cast<uint32_t>(65536 * entry), 4);
  header += std::string(8, '\0');
  const std::string media = box("hdlr", std::string(8, '\0') + handler + std::string(12, '\0'));
  return box("trak", box("tkhd", header) + box("mdia", media));
}

std::string movie(const std::string& tracks) {
  return box("ftyp", "isom") + box("mdat", std::string(100, 'x')) + box("moov", box("mvhd", "1234") + tracks);
}

TEST(VideoFile, SaysHowItIsTurned) {
  const TemporaryFolder folder;
  const std::pair<Matrix, int> cases[] = {{{1, 0, 0, 1}, 1},  {{0, 1, -1, 0}, 6}, {{-1, 0, 0, -1}, 3},
                                          {{0, -1, 1, 0}, 8}, {{-1, 0, 0, 1}, 2}, {{0, 1, 1, 0}, 5},
                                          {{1, 1, -1, 1}, 1}};
  for (const auto& [matrix, orientation] : cases) {
    for (const bool long_times : {false, true}) {
      const std::string tracks = track("soun", {0, 1, 1, 0}) + track("vide", matrix, long_times);
      EXPECT_EQ(orientation_of(folder.write("a.mp4", movie(tracks))), orientation);
    }
  }
  EXPECT_EQ(orientation_of(folder.write("a.mp4", movie(track("soun", {0, 1, -1, 0})))), 1);
  EXPECT_EQ(orientation_of(folder.write("a.avi", "RIFF and so on")), 1);
}

TEST(VideoFile, IsWholeOrCutOff) {
  const TemporaryFolder folder;
  const std::string matroska =
      "\x1a\x45\xdf\xa3\x84"
      "1234\x18\x53\x80\x67";
  const std::string gif =
      "GIF89a\x01\0\x01\0\x80\0\0abcdef!\xf9\x04"
      "1234\0,\0\0\0\0\x01\0\x01\0\0\x02\x02"
      "12\0;"s;
  const std::string long_box = big_endian(1, 4) + "mdat" + big_endian(16 + 50, 8) + std::string(50, 'x');
  const std::string wholes[] = {movie(track("vide", {1, 0, 0, 1})), box("ftyp", "isom") + long_box,
                                "RIFF\x40\0\0\0AVI "s + std::string(60, 'x'),
                                matroska + "\x40\x20" + std::string(32, 'x'), gif};
  for (const std::string& whole : wholes) {
    EXPECT_FALSE(is_cut_off_video(folder.write("a", whole))) << whole.substr(0, 12);
    for (const size_t missing : {size_t{1}, size_t{9}, whole.size() / 3}) {
      EXPECT_TRUE(is_cut_off_video(folder.write("a", whole.substr(0, whole.size() - missing))))
          << whole.substr(0, 12) << ' ' << missing;
    }
  }
  const std::string live = matroska + "\x01\xff\xff\xff\xff\xff\xff\xff" + std::string(32, 'x');
  EXPECT_FALSE(is_cut_off_video(folder.write("a", live))) << "it does not say how long it is";
  EXPECT_FALSE(is_cut_off_video(folder.write("a", "RIFF\x14\0\0\0AVI 0123456789abcdefRIFF\x04\0\0\0AVIX"s)));
  EXPECT_TRUE(is_cut_off_video(folder.write("a", "RIFF\x14\0\0\0AVI 0123456789abcdefRIFF\x04\0\0\0AVI"s)));
  for (const char* other : {"x", "All work and no play.", "GIF"}) {
    EXPECT_FALSE(is_cut_off_video(folder.write("a", other)));
  }
}

// 96 x 64 pixels, red at the top left, blue at the bottom right, white elsewhere.
std::string encoded_mp4(const TemporaryFolder& folder) {
  prepare_opencv();
  cv::VideoWriter writer;
  if (!writer.open((folder / "a.mp4").string(), cv::CAP_FFMPEG, cv::VideoWriter::fourcc('m', 'p', '4', 'v'), 25,
                   cv::Size(96, 64))) {
    return "";
  }
  cv::Mat frame(64, 96, CV_8UC3, cv::Scalar::all(255));
  frame(cv::Rect(0, 0, 48, 32)).setTo(cv::Scalar(0, 0, 255));
  frame(cv::Rect(48, 32, 48, 32)).setTo(cv::Scalar(255, 0, 0));
  for (int i = 0; i < 6; ++i) writer.write(frame);
  writer.release();
  return read_bytes(folder / "a.mp4");
}

// What lies in the middle of a quarter of the picture: 'r', 'b' or 'w'.
char colour_at(const Image& picture, int64_t bottom, int64_t right) {
  const at::Tensor pixel = picture[(2 * bottom + 1) * picture.size(0) / 4][(2 * right + 1) * picture.size(1) / 4];
  const int red = pixel[0].item<int>(), green = pixel[1].item<int>(), blue = pixel[2].item<int>();
  return green > 128 ? 'w' : red > 128 ? 'r' : blue > 128 ? 'b' : '?';
}

TEST(VideoFile, OfAPhoneIsShownAsAPlayerDoes) {
  const TemporaryFolder folder;
  const std::string bytes = encoded_mp4(folder);
  if (bytes.empty()) GTEST_SKIP() << "this OpenCV does not write MP4";
  const size_t matrix = bytes.find("tkhd") + 4 + 40;
  // Colours of the quarters, row by row, turned clockwise.
  const std::tuple<Matrix, std::string, int64_t> cases[] = {{{1, 0, 0, 1}, "rwwb", 64},
                                                            {{0, 1, -1, 0}, "wrbw", 96},
                                                            {{-1, 0, 0, -1}, "bwwr", 64},
                                                            {{0, -1, 1, 0}, "wbrw", 96}};
  for (const auto& [turn, colours, height] : cases) {
    std::string turned = bytes;
    const size_t offsets[] = {0, 4, 12, 16};
    for (size_t i = 0; i < 4; ++i) {
      turned.replace(matrix + offsets[i], 4, big_endian(static_cast<uint32_t>(65536 * turn[i]), 4));
    }
    const Image picture = read_clip(folder.write("turned.mp4", turned), {2}).at(0);
    EXPECT_EQ(picture.size(0), height) << colours;
    const std::string found{colour_at(picture, 0, 0), colour_at(picture, 0, 1), colour_at(picture, 1, 0),
                            colour_at(picture, 1, 1)};
    EXPECT_EQ(found, colours);
  }
}

}  // namespace
}  // namespace attune::test
