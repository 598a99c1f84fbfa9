// Pictures are shown the right way up, whatever the file format.
#include <array>
#include <gtest/gtest.h>
#include <string_view>

#include "image/image.h"
#include "image/picture_file.h"
#include "support.h"

namespace attune::test {
namespace {

using namespace std::string_literals;

// An EXIF block that states an orientation and nothing else.
std::string exif(int orientation, bool big_endian) {
  const char value = static_cast<char>(orientation);
  if (big_endian) return "MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0"s + value + "\0\0\0\0\0\0"s;
  return "II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0"s + value + "\0\0\0\0\0\0\0"s;
}

std::string encoded(const std::string& extension, const Image& image) {
  const cv::Mat rgb(static_cast<int>(image.size(0)), static_cast<int>(image.size(1)), CV_8UC3, image.data_ptr());
  cv::Mat bgr;
  cv::cvtColor(rgb, bgr, cv::COLOR_RGB2BGR);
  std::vector<uint8_t> bytes;
  cv::imencode(extension, bgr, bytes, {cv::IMWRITE_JPEG_QUALITY, 100});
  return {bytes.begin(), bytes.end()};
}

std::string big_endian(size_t value, int bytes) {
  std::string text;
  for (int i = bytes - 1; i >= 0; --i) text += static_cast<char>(value >> 8 * i & 0xff);
  return text;
}

std::string jpeg(const Image& image, const std::string& exif) {
  const std::string segment = "Exif\0\0"s + exif;
  return encoded(".jpg", image).insert(2, "\xff\xe1"s + big_endian(segment.size() + 2, 2) + segment);
}

// Decoders skip the wrong checksum of a chunk that is not essential.
std::string png(const Image& image, const std::string& exif) {
  const size_t after_header = 8 + 25;
  return encoded(".png", image).insert(after_header, big_endian(exif.size(), 4) + "eXIf" + exif + "\0\0\0\0"s);
}

// Where the pixel (y, x) of the stored picture is shown, by the definition of EXIF's numbers.
Image stored_for(const Image& shown, int orientation) {
  switch (orientation) {
    case 2:
      return shown.flip(1);
    case 3:
      return shown.flip({0, 1});
    case 4:
      return shown.flip(0);
    case 5:
      return shown.transpose(0, 1);
    case 6:
      return shown.transpose(0, 1).flip(0);
    case 7:
      return shown.transpose(0, 1).flip({0, 1});
    case 8:
      return shown.transpose(0, 1).flip(1);
    default:
      return shown;
  }
}

TEST(Exif, TurnsJpegAndPng) {
  const TemporaryFolder folder;
  const Image shown = gradient(40, 56);
  for (int orientation = 1; orientation <= 8; ++orientation) {
    const Image stored = stored_for(shown, orientation).contiguous();
    const std::string block = exif(orientation, orientation % 2 == 0);
    testing::internal::CaptureStderr();
    const Image from_jpeg = read_image(folder.write("a.jpg", jpeg(stored, block)));
    const Image from_png = read_image(folder.write("a.png", png(stored, block)));
    testing::internal::GetCapturedStderr();
    ASSERT_EQ(from_jpeg.sizes(), shown.sizes()) << orientation;
    EXPECT_LE(largest_difference(from_jpeg, shown), 12) << orientation;
    EXPECT_TRUE(at::equal(from_png, shown)) << orientation;
  }
}

TEST(Exif, FindsTheBlockOfEveryFormat) {
  const Image image = gradient(8, 8);
  EXPECT_EQ(exif_orientation(jpeg(image, exif(6, true))), 6);
  EXPECT_EQ(exif_orientation(png(image, exif(3, false))), 3);
  const std::string block = exif(8, false);
  const std::string webp =
      "RIFF\0\0\0\0WEBPVP8X\x03\0\0\0abc\0EXIF"s + static_cast<char>(block.size()) + "\0\0\0"s + block;
  EXPECT_EQ(exif_orientation(webp), 8);
}

TEST(Exif, IgnoresNonsense) {
  const Image image = gradient(8, 8);
  EXPECT_EQ(exif_orientation(jpeg(image, exif(0, true))), 1);
  EXPECT_EQ(exif_orientation(jpeg(image, exif(9, false))), 1);
  EXPECT_EQ(exif_orientation(jpeg(image, "II*\0\xff\xff\xff\xff"s)), 1);
  EXPECT_EQ(exif_orientation(""), 1);
  const std::string whole = jpeg(image, exif(6, true));
  for (size_t size = 0; size < 60; ++size) {
    const int orientation = exif_orientation(std::string_view(whole).substr(0, size));
    EXPECT_TRUE(orientation == 1 || orientation == 6) << size;
  }
}

}  // namespace
}  // namespace attune::test
