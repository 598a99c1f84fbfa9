// NIfTI volumes: values by index as nibabel gives them, and the place of a map's cells in the body.
#include "image/nifti.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <limits>

#include "support.h"

namespace attune::test {
namespace {

NiftiHeader header_of(std::vector<int16_t> extents, int16_t type, int16_t bits) {
  NiftiHeader header;
  nifti::header_size.set(header, 348);
  nifti::extents.set(header, static_cast<int16_t>(extents.size()), 0);
  for (size_t i = 0; i < 7; ++i) nifti::extents.set(header, i < extents.size() ? extents[i] : int16_t{1}, i + 1);
  nifti::type.set(header, type);
  nifti::bits.set(header, bits);
  for (size_t axis = 0; axis < 4; ++axis) nifti::spacing.set(header, static_cast<float>(axis + 1), axis);
  nifti::data_offset.set(header, 352);
  std::copy_n("n+1", 4, header.bytes.begin() + 344);
  return header;
}

template <class Number>
std::string file_of(const NiftiHeader& header, const std::vector<Number>& values) {
  std::string bytes(header.bytes.data(), header.bytes.size());
  bytes.append(4, '\0');
  return bytes.append(reinterpret_cast<const char*>(values.data()), values.size() * sizeof(Number));
}

// Value x + 10 y + 100 z at every voxel, x fastest.
std::vector<int16_t> numbered(int64_t width, int64_t height, int64_t depth) {
  std::vector<int16_t> values;
  for (int64_t z = 0; z < depth; ++z) {
    for (int64_t y = 0; y < height; ++y) {
      for (int64_t x = 0; x < width; ++x) values.push_back(static_cast<int16_t>(x + 10 * y + 100 * z));
    }
  }
  return values;
}

std::string nifti_refusal(const std::string& bytes) {
  const TemporaryFolder folder;
  const auto path = folder.write("v.nii", bytes);
  const std::string message = message_of(Fault::input, [&] { read_nifti(path); }), prefix = path.string() + ": ";
  EXPECT_TRUE(message.starts_with(prefix)) << message;
  return message.substr(std::min(prefix.size(), message.size()));
}

TEST(Nifti, AxesAreXYZ) {
  const TemporaryFolder folder;
  const auto path = folder.write("v.nii", file_of(header_of({2, 3, 4}, 4, 16), numbered(2, 3, 4)));
  const at::Tensor values = read_nifti(path).values;
  ASSERT_EQ(values.sizes(), (at::IntArrayRef{1, 2, 3, 4}));
  EXPECT_TRUE(values.is_contiguous());
  EXPECT_EQ(values[0][1][2][3].item<float>(), 321);
  EXPECT_EQ(values[0][1][0][0].item<float>(), 1);
}

TEST(Nifti, PointsOfTimeAreChannels) {
  const TemporaryFolder folder;
  const auto path = folder.write("v.nii", file_of(header_of({2, 3, 2, 2}, 4, 16), numbered(2, 3, 4)));
  const at::Tensor values = read_nifti(path).values;
  ASSERT_EQ(values.sizes(), (at::IntArrayRef{2, 2, 3, 2}));
  EXPECT_EQ(values[1][1][2][1].item<float>(), 321);
}

TEST(Nifti, IntensitiesAreScaled) {
  const TemporaryFolder folder;
  NiftiHeader header = header_of({2, 1, 1}, 2, 8);
  nifti::slope.set(header, 0.5F);
  nifti::intercept.set(header, -3);
  const at::Tensor values = read_nifti(folder.write("v.nii", file_of<uint8_t>(header, {10, 200}))).values;
  EXPECT_EQ(values[0][0][0][0].item<float>(), 2);
  EXPECT_EQ(values[0][1][0][0].item<float>(), 97);
}

// Every number of header and values the other way round.
TEST(Nifti, EitherByteOrder) {
  const TemporaryFolder folder;
  const NiftiHeader header = header_of({2, 1, 1}, 16, 32);
  NiftiHeader turned = header;
  nifti::header_size.set(turned, static_cast<int32_t>(__builtin_bswap32(348)));
  bool swapped = false;
  to_native(turned, swapped);  // turns all numbers round, as the first looks foreign
  ASSERT_TRUE(swapped);
  nifti::header_size.set(turned, static_cast<int32_t>(__builtin_bswap32(348)));
  std::string bytes = file_of<float>(turned, {1.5F, -2});
  for (auto at = bytes.begin() + 352; at != bytes.end(); at += 4) std::reverse(at, at + 4);
  const NiftiVolume volume = read_nifti(folder.write("v.nii", bytes));
  EXPECT_EQ(volume.values[0][0][0][0].item<float>(), 1.5F);
  EXPECT_EQ(volume.values[0][1][0][0].item<float>(), -2);
  EXPECT_EQ(volume.header.bytes, header.bytes);
}

TEST(Nifti, WritesWhatItReads) {
  const TemporaryFolder folder;
  const NiftiVolume volume = read_nifti(folder.write("v.nii", file_of(header_of({2, 3, 4}, 4, 16), numbered(2, 3, 4))));
  for (const char* name : {"map.nii", "map.nii.gz"}) {
    write_nifti(folder / name, volume.values[0] * 2, volume.header);
    EXPECT_TRUE(at::equal(read_nifti(folder / name).values, volume.values * 2)) << name;
  }
  EXPECT_EQ(read_bytes(folder / "map.nii.gz").substr(0, 2), "\x1f\x8b");
  EXPECT_EQ(std::filesystem::file_size(folder / "map.nii"), 352u + 24 * 4);
  message_of(Fault::run, [&] { write_nifti(folder / "no.nii", volume.values, volume.header); });
}

// A map of 2 x 3 x 1 cells over 4 x 3 x 2 voxels of 2 x 3 x 4 mm: the first cell's centre is that of its voxels.
TEST(Nifti, ACoarserMapKeepsItsPlace) {
  const TemporaryFolder folder;
  NiftiHeader header = header_of({4, 3, 2}, 4, 16);
  nifti::has_quaternion.set(header, 1);
  nifti::has_affine.set(header, 1);
  const float rows[12] = {2, 0, 0, -10, 0, 3, 0, 20, 0, 0, 4, 30};
  for (size_t i = 0; i < 12; ++i) nifti::affine.set(header, rows[i], i);
  for (size_t i = 0; i < 3; ++i) nifti::origin.set(header, rows[4 * i + 3], i);
  write_nifti(folder / "map.nii", at::ones({2, 3, 1}), header);
  const NiftiHeader found = read_nifti(folder / "map.nii").header;
  const float expected[12] = {4, 0, 0, -9, 0, 3, 0, 20, 0, 0, 8, 32};
  for (size_t i = 0; i < 12; ++i) EXPECT_EQ(nifti::affine.get(found, i), expected[i]) << i;
  for (size_t i = 0; i < 3; ++i) EXPECT_EQ(nifti::origin.get(found, i), expected[4 * i + 3]) << i;
  EXPECT_EQ(nifti::spacing.get(found, 1), 4);
  EXPECT_EQ(nifti::spacing.get(found, 2), 3);
  EXPECT_EQ(nifti::spacing.get(found, 3), 8);
  EXPECT_EQ(extents_of(found), (std::vector<int64_t>{2, 3, 1}));
}

TEST(Nifti, SaysWhatIsWrong) {
  const std::string whole = file_of(header_of({2, 3, 4}, 4, 16), numbered(2, 3, 4));
  EXPECT_EQ(nifti_refusal(whole.substr(0, 300)), "the volume is cut off: the end of the file is missing");
  EXPECT_EQ(nifti_refusal(whole.substr(0, 380)), "the volume is cut off: the end of the file is missing");
  EXPECT_EQ(nifti_refusal(std::string(400, 'x')), "is not a NIfTI-1 file with its values in it (.nii or .nii.gz)");
  EXPECT_EQ(nifti_refusal(file_of<uint8_t>(header_of({1, 1, 1}, 128, 24), {1, 2, 3})),
            "holds values of NIfTI's type 128; integers, float32 or float64 are expected");
  EXPECT_EQ(nifti_refusal(file_of<uint8_t>(header_of({2, 0, 1}, 2, 8), {})),
            "has the shape [2, 0, 1]; a volume [X,Y,Z], or several as [X,Y,Z,T], is expected");
  EXPECT_EQ(nifti_refusal(file_of<float>(header_of({1, 1, 1}, 16, 32), {std::numeric_limits<float>::quiet_NaN()})),
            "holds values that are not finite (NaN or infinity)");
  EXPECT_EQ(nifti_refusal(""), "the file is empty");
}

TEST(Nifti, ChecksWhatIsCompressed) {
  const TemporaryFolder folder;
  const NiftiHeader header = header_of({16, 16, 16}, 16, 32);
  write_nifti(folder / "v.nii.gz", at::rand({16, 16, 16}), header);
  std::string bytes = read_bytes(folder / "v.nii.gz");
  EXPECT_EQ(nifti_refusal(bytes.substr(0, bytes.size() / 2)), "the volume is cut off: the end of the file is missing");
  bytes[bytes.size() - 6] ^= 1;  // of the checksum
  EXPECT_EQ(nifti_refusal(bytes), "the volume is damaged: the compressed data are broken");
}

TEST(Nifti, IsToldByItsName) {
  for (const char* name : {"a.nii", "a.nii.gz", "A.NII.GZ"}) EXPECT_TRUE(is_nifti(name)) << name;
  for (const char* name : {"a.gz", "nii", "a.nii.png", "a.tar.gz"}) EXPECT_FALSE(is_nifti(name)) << name;
}

}  // namespace
}  // namespace attune::test
