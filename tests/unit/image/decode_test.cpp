// Pictures of every kind come out as uint8 RGB; what is no picture is refused in one sentence.
#include <gtest/gtest.h>
#include <limits>

#include "image/image.h"
#include "support.h"

namespace attune::test {
namespace {

void save(const std::filesystem::path& path, const cv::Mat& picture) {
  ASSERT_TRUE(cv::imwrite(path.string(), picture));
}

std::string refusal(const std::filesystem::path& path) {
  return message_of(Fault::input, [&] { read_image(path); });
}

TEST(ReadImage, GivesRgb) {
  const TemporaryFolder folder;
  save(folder / "blue.png", cv::Mat(2, 3, CV_8UC3, cv::Scalar(250, 20, 10)));
  const Image image = read_image(folder / "blue.png");
  EXPECT_EQ(image.sizes(), (at::IntArrayRef{2, 3, 3}));
  EXPECT_TRUE(image.is_contiguous());
  EXPECT_EQ(image.scalar_type(), at::kByte);
  EXPECT_EQ(image[1][2][0].item<int>(), 10);
  EXPECT_EQ(image[1][2][1].item<int>(), 20);
  EXPECT_EQ(image[1][2][2].item<int>(), 250);
}

TEST(ReadImage, ScalesSixteenBits) {
  const TemporaryFolder folder;
  save(folder / "deep.png", cv::Mat(1, 1, CV_16UC3, cv::Scalar(65535, 0, 257 * 100)));
  const Image image = read_image(folder / "deep.png");
  EXPECT_EQ(image[0][0][0].item<int>(), 100);
  EXPECT_EQ(image[0][0][1].item<int>(), 0);
  EXPECT_EQ(image[0][0][2].item<int>(), 255);
}

TEST(ReadImage, RepeatsGrey) {
  const TemporaryFolder folder;
  save(folder / "grey.png", cv::Mat(4, 4, CV_8U, cv::Scalar(77)));
  save(folder / "grey16.png", cv::Mat(4, 4, CV_16U, cv::Scalar(77 * 257)));
  for (const char* name : {"grey.png", "grey16.png"}) {
    EXPECT_TRUE(at::equal(read_image(folder / name), at::full({4, 4, 3}, 77, at::kByte))) << name;
  }
}

TEST(ReadImage, CompositesTransparencyOverWhite) {
  const TemporaryFolder folder;
  cv::Mat picture(1, 3, CV_8UC4, cv::Scalar(0, 0, 200, 255));
  picture.at<cv::Vec4b>(0, 1)[3] = 0;
  picture.at<cv::Vec4b>(0, 2)[3] = 51;
  save(folder / "alpha.png", picture);
  const Image image = read_image(folder / "alpha.png");
  const int red[] = {200, 255, 244}, green[] = {0, 255, 204};
  for (int x = 0; x < 3; ++x) {
    EXPECT_EQ(image[0][x][0].item<int>(), red[x]);
    EXPECT_EQ(image[0][x][1].item<int>(), green[x]);
  }
}

TEST(ReadImage, ReadsTheUsualFormats) {
  const TemporaryFolder folder;
  const Image expected = gradient(24, 40);
  cv::Mat rgb(24, 40, CV_8UC3, expected.data_ptr()), bgr;
  cv::cvtColor(rgb, bgr, cv::COLOR_RGB2BGR);
  for (const char* name : {"a.png", "a.jpg", "a.bmp", "a.webp", "a.tif", "a.ppm"}) {
    save(folder / name, bgr);
    EXPECT_LE(largest_difference(read_image(folder / name), expected), 12) << name;
  }
}

TEST(ReadImage, TakesAnyExtent) {
  const TemporaryFolder folder;
  save(folder / "point.png", cv::Mat(1, 1, CV_8UC3, cv::Scalar(1, 2, 3)));
  save(folder / "line.jpg", cv::Mat(20, 20000, CV_8UC3, cv::Scalar(1, 2, 3)));
  EXPECT_EQ(read_image(folder / "point.png").sizes(), (at::IntArrayRef{1, 1, 3}));
  EXPECT_EQ(read_image(folder / "line.jpg").sizes(), (at::IntArrayRef{20, 20000, 3}));
}

TEST(ReadImage, RefusesWhatIsNoPicture) {
  const TemporaryFolder folder;
  EXPECT_TRUE(contains(refusal(folder / "missing.jpg"), "missing.jpg: cannot be read: No such file"));
  EXPECT_TRUE(contains(refusal(folder.write("empty.png", "")), "the file is empty"));
  EXPECT_TRUE(contains(refusal(folder.path()), "is a folder"));
  EXPECT_TRUE(contains(refusal("/dev/null"), "is not a regular file"));
  EXPECT_TRUE(contains(refusal(folder.write("text.jpg", "All work and no play.\n")), "is not a picture"));
  EXPECT_TRUE(contains(refusal(folder.write("clip.gif", "GIF89a and so on")), "is read as a video"));
}

TEST(ReadImage, RefusesTruncatedPicturesWithoutNoise) {
  const TemporaryFolder folder;
  for (const char* name : {"a.png", "a.jpg", "a.bmp", "a.webp", "a.tif"}) {
    cv::Mat noise(64, 64, CV_8UC3);
    cv::randu(noise, 0, 255);
    save(folder / name, noise);
    const std::string bytes = read_bytes(folder / name);
    testing::internal::CaptureStderr();
    for (size_t size : {size_t{9}, bytes.size() / 2, bytes.size() - 5}) {
      EXPECT_TRUE(contains(refusal(folder.write(name, bytes.substr(0, size))), name));
    }
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "") << name;
  }
}

TEST(ReadImage, RefusesADamagedPng) {
  const TemporaryFolder folder;
  save(folder / "a.png", cv::Mat(64, 64, CV_8UC3, cv::Scalar(1, 2, 3)));
  std::string bytes = read_bytes(folder / "a.png");
  bytes[bytes.size() / 2] ^= 0x40;
  EXPECT_TRUE(contains(refusal(folder.write("a.png", bytes)), "checksum"));
}

// A file of noise, whose end of the data stands in its last two bytes.
std::string noisy_jpeg(const TemporaryFolder& folder, int progressive) {
  cv::Mat noise(96, 96, CV_8UC3);
  cv::RNG(7).fill(noise, cv::RNG::UNIFORM, 0, 255);
  cv::imwrite((folder / "whole.jpg").string(), noise, {cv::IMWRITE_JPEG_PROGRESSIVE, progressive});
  return read_bytes(folder / "whole.jpg");
}

// The decoder fills in what is missing and only warns.
TEST(ReadImage, RefusesADamagedJpeg) {
  const TemporaryFolder folder;
  for (const int progressive : {0, 1}) {
    const std::string whole = noisy_jpeg(folder, progressive);
    std::string zeroed = whole, rotten = whole;
    zeroed.replace(whole.size() / 2, whole.size() / 3, whole.size() / 3, '\0');
    for (size_t at = whole.size() / 2; at < whole.size() - 100; at += whole.size() / 40) rotten[at] = '\x55';
    testing::internal::CaptureStderr();
    for (const std::string& bytes : {zeroed, rotten, whole.substr(0, whole.size() / 2) + "\xff\xd9"}) {
      const std::string message = refusal(folder.write("a.jpg", bytes));
      EXPECT_TRUE(contains(message, "a.jpg: the picture is damaged: ")) << message;
    }
    EXPECT_EQ(refusal(folder.write("a.jpg", whole.substr(0, whole.size() / 2))),
              (folder / "a.jpg").string() + ": the picture is cut off: the end of the file is missing");
    EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
    EXPECT_EQ(read_image(folder.write("a.jpg", whole + "and more")).size(0), 96);
  }
}

// OpenCV goes on after errors of libtiff.
TEST(ReadImage, RefusesADamagedTiff) {
  const TemporaryFolder folder;
  cv::Mat noise(96, 96, CV_8UC3);
  cv::RNG(7).fill(noise, cv::RNG::UNIFORM, 0, 100);
  for (const int compression : {5, 8}) {  // LZW, deflate
    cv::imwrite((folder / "a.tif").string(), noise, {cv::IMWRITE_TIFF_COMPRESSION, compression});
    std::string bytes = read_bytes(folder / "a.tif");
    EXPECT_EQ(read_image(folder / "a.tif").size(0), 96);
    bytes.replace(bytes.size() / 3, bytes.size() / 3, bytes.size() / 3, '\0');
    const std::string message = refusal(folder.write("a.tif", bytes));
    EXPECT_TRUE(contains(message, "a.tif: the picture is damaged: ")) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos);
  }
}

// Of an EXIF block or a colour profile the decoder may say what it likes.
TEST(ReadImage, TakesAJpegWithAnOddHeader) {
  const TemporaryFolder folder;
  std::string bytes = noisy_jpeg(folder, 0);
  const size_t revision = bytes.find("JFIF") + 5;
  bytes[revision] = 9;
  EXPECT_EQ(read_image(folder.write("a.jpg", bytes)).size(1), 96);
}

TEST(ReadImage, DecodesJpegAsOpenCvDoes) {
  const TemporaryFolder folder;
  noisy_jpeg(folder, 0);
  cv::Mat bgr = cv::imread((folder / "whole.jpg").string(), cv::IMREAD_COLOR), rgb;
  cv::cvtColor(bgr, rgb, cv::COLOR_BGR2RGB);
  const Image image = read_image(folder / "whole.jpg");
  EXPECT_TRUE(at::equal(image, at::from_blob(rgb.data, {96, 96, 3}, at::kByte)));
  cv::imwrite((folder / "grey.jpg").string(), cv::Mat(8, 8, CV_8U, cv::Scalar(77)));
  EXPECT_TRUE(at::equal(read_image(folder / "grey.jpg"), at::full({8, 8, 3}, 77, at::kByte)));
}

cv::Mat ramp(int type, double greatest) {
  cv::Mat picture(1, 3, type, cv::Scalar(0));
  picture.col(1).setTo(cv::Scalar(greatest / 5));
  picture.col(2).setTo(cv::Scalar(greatest));
  return picture;
}

TEST(ReadImage, TellsTheRangeOfFloatingPointSamples) {
  const TemporaryFolder folder;
  for (const double greatest : {1.0, 255.0}) {
    save(folder / "a.tif", ramp(CV_32F, greatest));
    const Image image = read_image(folder / "a.tif");
    const int expected[] = {0, 51, 255};
    for (int x = 0; x < 3; ++x) EXPECT_EQ(image[0][x][1].item<int>(), expected[x]) << greatest;
  }
  const std::string name = (folder / "a.tif").string();
  save(folder / "a.tif", ramp(CV_32F, 1024));
  EXPECT_EQ(refusal(folder / "a.tif"),
            name + ": has samples from 0 to 1024; floating-point pictures have them from 0 to 1 or from 0 to 255");
  save(folder / "a.tif", ramp(CV_32F, -1));
  EXPECT_TRUE(contains(refusal(folder / "a.tif"), "has samples from -1 to 0; "));
  cv::Mat hole = ramp(CV_32F, 1);
  hole.at<float>(0, 1) = std::numeric_limits<float>::quiet_NaN();
  save(folder / "a.tif", hole);
  EXPECT_EQ(refusal(folder / "a.tif"), name + ": holds samples that are not finite (NaN or infinity)");
}

// Files keep 8 and 12 bits in 16 without saying so.
TEST(ReadImage, TellsTheRangeOfIntegers) {
  const TemporaryFolder folder;
  for (const char* name : {"a.png", "a.tif"}) {
    for (const double greatest : {255.0, 4095.0, 65535.0}) {
      save(folder / name, ramp(CV_16U, greatest));
      const Image image = read_image(folder / name);
      const int expected[] = {0, 51, 255};
      for (int x = 0; x < 3; ++x) EXPECT_EQ(image[0][x][1].item<int>(), expected[x]) << name << ' ' << greatest;
    }
  }
}

// A header alone can claim any size: 900000 x 900000 with a correct checksum.
TEST(ReadImage, RefusesMonsters) {
  const TemporaryFolder folder;
  const std::string header("\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\x0d\xbb\xa0\0\x0d\xbb\xa0\x08\x02\0\0\0", 29);
  std::string bytes = header + std::string("\x0f\xda\xa6\x93", 4);
  bytes += std::string("\0\0\0\0IEND\xae\x42\x60\x82", 12);
  const std::string message = refusal(folder.write("huge.png", bytes));
  EXPECT_TRUE(contains(message, "too large") || contains(message, "checksum")) << message;
}

TEST(WritePng, ReadsBack) {
  const TemporaryFolder folder;
  const Image image = gradient(31, 17);
  write_png(folder / "a.png", image);
  EXPECT_TRUE(at::equal(read_image(folder / "a.png"), image));
  write_png(folder / "b.png", image.transpose(0, 1));  // not contiguous
  EXPECT_TRUE(at::equal(read_image(folder / "b.png"), image.transpose(0, 1)));
}

TEST(WritePng, RefusesOtherTensors) {
  const TemporaryFolder folder;
  for (const at::Tensor& tensor : {at::Tensor(), at::zeros({3, 4, 5}, at::kByte), at::zeros({4, 5, 3}),
                                   at::zeros({0, 5, 3}, at::kByte), at::zeros({4, 5}, at::kByte)}) {
    message_of(Fault::run, [&] { write_png(folder / "a.png", tensor); });
  }
  EXPECT_EQ(folder.entries(), 0u);
}

}  // namespace
}  // namespace attune::test
