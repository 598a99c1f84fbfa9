// How far a stream decodes ahead of its consumer.
#include <gtest/gtest.h>
#include <opencv2/imgcodecs.hpp>

#include "support.h"

namespace attune::test {
namespace {

namespace fs = std::filesystem;

// Names for one file, so that each can be taken away by itself.
std::vector<fs::path> names_for(const fs::path& file, int count, const std::string& prefix) {
  std::vector<fs::path> names;
  for (int i = 0; i < count; ++i) {
    names.push_back(file.parent_path() / (prefix + std::to_string(i) + file.extension().string()));
    fs::create_hard_link(file, names.back());
  }
  return names;
}

// How many of `count` samples a stream had decoded when its consumer, after one batch, let it run for as long as
// another stream takes to read all: then the files vanish, and what was not decoded comes as an error. A stream that
// keeps its bounds never has more; one that does not has had the time to.
int decoded_ahead(const fs::path& file, int count, const StreamOptions& options) {
  const auto names = names_for(file, count, "a");
  SampleStream stream(files(names), options);
  const auto first = stream.next();
  batches(files(names_for(file, count, "b")), options);
  for (const fs::path& name : names) fs::remove(name);
  int decoded = 0;
  while (const auto batch = stream.next()) {
    for (const Sample& sample : *batch) decoded += sample.error.empty() ? 1 : 0;
  }
  EXPECT_EQ(first->size(), static_cast<size_t>(options.batch));
  return decoded;
}

TEST(ReadAhead, IsBoundedInNumber) {
  const TemporaryFolder folder;
  write_png(folder / "small.png", gradient(100, 100));
  for (const int threads : {1, 3}) {
    const TemporaryFolder links;
    fs::create_hard_link(folder / "small.png", links / "small.png");
    const int decoded = decoded_ahead(links / "small.png", 200, small_inputs(4, threads));
    EXPECT_LE(decoded, 2 * 4 + threads);
  }
}

// 69 MiB a picture: four are more than 256 MiB, while by number seven might be out.
TEST(ReadAhead, IsBoundedInMemory) {
  const TemporaryFolder folder;
  ASSERT_TRUE(cv::imwrite((folder / "large.png").string(), cv::Mat(1200, 20000, CV_8UC3, cv::Scalar(10, 20, 30))));
  StreamOptions options = small_inputs(3);
  options.preprocess.crop = true;  // of that little is resized
  EXPECT_LE(decoded_ahead(folder / "large.png", 10, options), 4);
}

// One input may be larger than all that may wait.
TEST(ReadAhead, NeverStarves) {
  const TemporaryFolder folder;
  write_npy(folder / "a.npy", at::zeros({1, 8500, 8500}));  // 276 MiB
  const std::vector<fs::path> paths(3, folder / "a.npy");
  const auto all = batches(files(paths), small_inputs(1, 2));
  EXPECT_EQ(all.size(), 3u);
  for (const auto& batch : all) EXPECT_EQ(batch.at(0).error, "");
}

}  // namespace
}  // namespace attune::test
