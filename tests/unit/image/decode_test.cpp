// Pictures of every kind come out as uint8 RGB; what is no picture is refused in one sentence.
#include <gtest/gtest.h>

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
