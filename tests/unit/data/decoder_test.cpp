// What becomes of a single file: a sample, or one sentence that says why not.
#include <algorithm>
#include <gtest/gtest.h>
#include <limits>

#include "image/nifti.h"
#include "image/npy.h"
#include "support.h"

namespace attune::test {
namespace {

StreamOptions for_rank(int64_t spatial_rank, int64_t frames = 0) {
  StreamOptions options = small_inputs(1);
  options.spatial_rank = spatial_rank;
  options.frames = frames;
  return options;
}

// A .npy file of another type: "<f8", of `bytes` values that are all zero bits.
std::string npy_of_type(const std::string& type, const std::vector<int64_t>& shape, size_t bytes) {
  std::string text = make_npy_header(shape);
  return text.replace(text.find("<f4"), 3, type) + std::string(bytes, '\0');
}

class Decoding : public testing::Test {
 protected:
  std::filesystem::path array(at::IntArrayRef shape) const {
    write_npy(folder_ / "x.npy", at::ones(shape));
    return folder_ / "x.npy";
  }
  std::string error_of_bytes(const std::string& name, const std::string& bytes) const {
    return error_of(folder_.write(name, bytes));
  }

  const TemporaryFolder folder_;
};

TEST_F(Decoding, PicturesKeepTheirOwnSize) {
  write_png(folder_ / "a.png", gradient(30, 50));
  StreamOptions options = small_inputs(1);
  options.preprocess.crop = true;
  options.preprocess.crop_resize = 4;
  const Sample sample = sample_of(folder_ / "a.png", options);
  ASSERT_EQ(sample.pictures.size(), 1u);
  EXPECT_TRUE(at::equal(sample.pictures[0], gradient(30, 50)));
  EXPECT_TRUE(at::equal(sample.input, preprocess(gradient(30, 50), options.preprocess)));
  const Region region = covered(30, 50, options.preprocess);
  EXPECT_GT(region.x, 0);
  EXPECT_EQ(sample.region.x, region.x);
  EXPECT_EQ(sample.region.width, region.width);
  EXPECT_EQ(sample.region.height, region.height);
}

TEST_F(Decoding, ArraysAreUsedAsTheyAre) {
  at::Tensor values = at::randn({5, 3, 2});
  write_npy(folder_ / "a.npy", values);
  const Sample sample = sample_of(folder_ / "a.npy");
  EXPECT_TRUE(at::equal(sample.input, values));
  EXPECT_TRUE(sample.pictures.empty());
  EXPECT_FALSE(sample.row);
}

TEST_F(Decoding, ArraysFitSignalsAndClipsToo) {
  EXPECT_EQ(sample_of(array({2, 9}), for_rank(1)).input.sizes(), (at::IntArrayRef{2, 9}));
  EXPECT_EQ(sample_of(array({1, 2, 9}), for_rank(1)).row, 0);
  EXPECT_EQ(sample_of(array({3, 4, 5, 6}), for_rank(3, 4)).row, std::nullopt);
  EXPECT_EQ(sample_of(array({1, 3, 4, 5, 6}), for_rank(3, 4)).row, 0);
}

// A NIfTI file with values that count up, x fastest.
std::filesystem::path volume(const TemporaryFolder& folder, const std::vector<int16_t>& extents) {
  NiftiHeader header;
  nifti::header_size.set(header, 348);
  nifti::extents.set(header, static_cast<int16_t>(extents.size()), 0);
  int64_t count = 1;
  for (size_t i = 0; i < extents.size(); ++i) {
    nifti::extents.set(header, extents[i], i + 1);
    count *= extents[i];
  }
  nifti::type.set(header, 2);
  nifti::data_offset.set(header, 348);
  std::copy_n("n+1", 4, header.bytes.begin() + 344);
  std::string bytes(header.bytes.data(), header.bytes.size());
  for (int64_t i = 0; i < count; ++i) bytes += static_cast<char>(i);
  return folder.write("v.nii", bytes);
}

TEST_F(Decoding, VolumesAreUsedAsTheyAre) {
  const Sample sample = sample_of(volume(folder_, {2, 3, 4}), for_rank(3, 16));
  ASSERT_EQ(sample.error, "");
  EXPECT_EQ(sample.input.sizes(), (at::IntArrayRef{1, 2, 3, 4}));
  EXPECT_EQ(sample.input[0][1][0][1].item<float>(), 7);
  ASSERT_NE(sample.volume, nullptr);
  EXPECT_EQ(extents_of(*sample.volume), (std::vector<int64_t>{2, 3, 4}));
  EXPECT_EQ(sample_of(volume(folder_, {2, 3, 1})).input.sizes(), (at::IntArrayRef{1, 2, 3}));
  EXPECT_EQ(sample_of(volume(folder_, {2, 3})).input.sizes(), (at::IntArrayRef{1, 2, 3}));
  EXPECT_EQ(error_of(volume(folder_, {2, 3, 4})), "is a volume of shape [1, 2, 3, 4]; the model takes [C,S1,S2]");
}

TEST_F(Decoding, RefusesArraysOfAnotherRank) {
  const std::string images = "; the model takes [C,S1,S2], or [N,C,S1,S2] for several inputs";
  EXPECT_EQ(error_of(array({4, 5})), "has the shape [4, 5]" + images);
  EXPECT_EQ(error_of(array({1, 2, 3, 4, 5})), "has the shape [1, 2, 3, 4, 5]" + images);
  EXPECT_EQ(error_of(array({})), "has the shape []" + images);
  EXPECT_EQ(error_of(array({2, 3, 4, 5}), for_rank(1)),
            "has the shape [2, 3, 4, 5]; the model takes [C,S1], or [N,C,S1] for several inputs");
  EXPECT_EQ(error_of(array({3, 4, 5}), for_rank(3, 16)),
            "has the shape [3, 4, 5]; the model takes [C,S1,S2,S3], or [N,C,S1,S2,S3] for several inputs");
}

TEST_F(Decoding, RefusesValuesThatAreNotFinite) {
  at::Tensor values = at::zeros({2, 2, 2});
  values[1][0][1] = std::numeric_limits<float>::quiet_NaN();
  values[1][1][1] = std::numeric_limits<float>::infinity();
  write_npy(folder_ / "a.npy", values);
  EXPECT_EQ(error_of(folder_ / "a.npy"), "holds values that are not finite: first NaN at index [1, 0, 1]");
}

TEST_F(Decoding, RefusesArraysOfOtherTypes) {
  EXPECT_EQ(error_of_bytes("a.npy", npy_of_type(">f4", {1, 2, 2}, 16)),
            "is big-endian float32; save it with .astype('<f4')");
  EXPECT_EQ(error_of_bytes("a.npy", npy_of_type("<f8", {1, 2, 2}, 32)),
            "holds float64; float32 is expected (save it with .astype('float32'))");
  EXPECT_EQ(error_of_bytes("a.npy", npy_of_type("|u1", {1, 2, 2}, 4)),
            "holds uint8; float32 is expected (save it with .astype('float32'))");
  EXPECT_EQ(error_of_bytes("a.npy", npy_of_type("<f4", {1, 2, 2}, 12)),
            "is cut off: [1, 2, 2] takes 16 bytes of values, but the file has 12");
  EXPECT_EQ(error_of_bytes("a.npy", npy_of_type("<f4", {0, 1, 2, 2}, 0)), "holds no values, its shape is [0, 1, 2, 2]");
}

TEST_F(Decoding, RefusesFilesThatAreNotWhatTheyAreCalled) {
  const std::string prose = "All work and no play makes Jack a dull boy.\n";
  EXPECT_EQ(error_of_bytes("text.jpg", prose), "is not a picture that can be decoded (damaged, or of another format)");
  EXPECT_EQ(error_of_bytes("text", prose), "is not a picture that can be decoded (damaged, or of another format)");
  EXPECT_EQ(error_of_bytes("text.npy", prose), "is not a .npy file (it does not begin with NumPy's mark)");
  for (const char* name : {"empty.jpg", "empty.npy", "empty"}) {
    EXPECT_EQ(error_of_bytes(name, ""), "the file is empty") << name;
  }
  EXPECT_EQ(error_of(folder_ / "none.png"), "cannot be read: No such file or directory");
}

TEST_F(Decoding, WhatIsInAFileDecides) {
  write_png(folder_ / "a.png", gradient(6, 5));
  std::filesystem::rename(folder_ / "a.png", folder_ / "a.jpg");
  EXPECT_TRUE(at::equal(sample_of(folder_ / "a.jpg").pictures.at(0), gradient(6, 5)));
  std::filesystem::rename(folder_ / "a.jpg", folder_ / "a");
  EXPECT_TRUE(at::equal(sample_of(folder_ / "a").pictures.at(0), gradient(6, 5)));
}

TEST_F(Decoding, TakesExtremePictures) {
  StreamOptions cropping = small_inputs(1);
  cropping.preprocess.crop = true;
  for (const auto& options : {small_inputs(1), cropping}) {
    write_png(folder_ / "point.png", plain(1, 1, 51, 102, 153));
    const Sample point = sample_of(folder_ / "point.png", options);
    for (int64_t c = 0; c < 3; ++c) {
      EXPECT_TRUE(point.input[c].eq(static_cast<float>(51 * (c + 1)) / 255).all().item<bool>());
    }
    for (const bool upright : {false, true}) {
      const int64_t height = upright ? 20000 : 20, width = upright ? 20 : 20000;
      write_png(folder_ / "line.png", plain(height, width, 255, 0, 0));
      const Sample line = sample_of(folder_ / "line.png", options);
      EXPECT_EQ(line.error, "");
      EXPECT_EQ(line.input.sizes(), (at::IntArrayRef{3, 4, 4}));
      EXPECT_TRUE(line.input[0].eq(1).all().item<bool>());
      EXPECT_EQ(line.pictures.at(0).sizes(), (at::IntArrayRef{height, width, 3}));
    }
  }
}

TEST_F(Decoding, RefusesInputsOfAnotherKind) {
  write_png(folder_ / "a.png", gradient(6, 5));
  EXPECT_EQ(error_of(folder_ / "a.png", for_rank(3, 16)),
            "is a still picture, but the model takes clips; give it a video");
  EXPECT_EQ(error_of(folder_ / "a.png", for_rank(1)), "is a picture, but the model takes [C,S1]; give it a .npy file");
  EXPECT_EQ(error_of(folder_ / "a.png", for_rank(3)),
            "is a picture, but the model takes [C,S1,S2,S3]; give it a .npy file");
  EXPECT_EQ(error_of(folder_.write("a.mp4", "anything")), "is a video, but the model does not take clips");
}

}  // namespace
}  // namespace attune::test
