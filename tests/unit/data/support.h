// What the tests of this folder share.
#pragma once

#include <ATen/ATen.h>
#include <gtest/gtest.h>
#include <string>
#include <vector>

#include "data/sample_stream.h"
#include "data/video.h"
#include "errors.h"
#include "folder.h"
#include "image/image.h"
#include "image/npy.h"
#include "picture.h"

namespace attune::test {

// Inputs [3,4,4] of values from 0 to 1.
inline StreamOptions small_inputs(int64_t batch, int threads = 1) {
  StreamOptions options;
  options.preprocess.size = {4, 4};
  options.batch = batch;
  options.decode_threads = threads;
  return options;
}

inline std::vector<InputFile> files(const std::vector<std::filesystem::path>& paths) {
  return list_inputs({paths.begin(), paths.end()}, false);
}

inline std::vector<std::vector<Sample>> batches(std::vector<InputFile> files, const StreamOptions& options) {
  SampleStream stream(std::move(files), options);
  std::vector<std::vector<Sample>> batches;
  while (auto batch = stream.next()) batches.push_back(std::move(*batch));
  return batches;
}

// All frames of a clip at once.
inline std::vector<Image> read_clip(const std::filesystem::path& path, const ClipTiming& timing) {
  std::vector<Image> pictures(static_cast<size_t>(std::max<int64_t>(timing.frames, 0)));
  attune::read_clip(path, timing,
                    [&](int64_t index, const Image& frame, double) { pictures[static_cast<size_t>(index)] = frame; });
  return pictures;
}

inline void expect_region(const Region& region, const Region& expected, double error = 1e-9) {
  EXPECT_NEAR(region.x, expected.x, error);
  EXPECT_NEAR(region.y, expected.y, error);
  EXPECT_NEAR(region.width, expected.width, error);
  EXPECT_NEAR(region.height, expected.height, error);
}

// The one sample of a file.
inline Sample sample_of(const std::filesystem::path& path, const StreamOptions& options = small_inputs(1)) {
  auto all = batches(list_inputs({path.string()}, options.frames > 0), options);
  EXPECT_EQ(all.size(), 1u);
  EXPECT_EQ(all.at(0).size(), 1u);
  Sample sample = std::move(all.at(0).at(0));
  EXPECT_EQ(sample.path, path.string());
  EXPECT_EQ(sample.input.defined(), sample.error.empty());
  EXPECT_TRUE(sample.error.empty() || sample.pictures.empty());
  return sample;
}

// Why a file gives no sample, without its path; one line.
inline std::string error_of(const std::filesystem::path& path, const StreamOptions& options = small_inputs(1)) {
  const std::string error = sample_of(path, options).error, prefix = path.string() + ": ";
  EXPECT_EQ(error.find('\n'), std::string::npos) << error;
  return error.rfind(prefix, 0) == 0 ? error.substr(prefix.size()) : "does not begin with its path: " + error;
}

}  // namespace attune::test
