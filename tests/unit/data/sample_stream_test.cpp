// Batches in the order of the files, whatever the threads do and whatever is wrong with a file.
#include "data/sample_stream.h"

#include <gtest/gtest.h>
#include <limits>

#include "support.h"

namespace attune::test {
namespace {

namespace fs = std::filesystem;

// One letter a sample, batches apart: "AB e|A" is A, B, an error, then a batch of A. The letter is the one that the
// file's name begins with.
std::string text(const std::vector<std::vector<Sample>>& batches) {
  std::string text;
  for (const auto& batch : batches) {
    if (!text.empty()) text += '|';
    for (const Sample& sample : batch) {
      text += sample.error.empty() ? fs::path(sample.path).filename().string()[0] : 'e';
    }
  }
  return text;
}

// The files that such a text asks for: a and b are arrays of two shapes, e is missing.
class Letters : public testing::Test {
 protected:
  std::string read(const std::string& letters, int64_t batch, int threads = 2) {
    std::vector<fs::path> paths;
    for (size_t i = 0; i < letters.size(); ++i) {
      const std::string name = letters[i] + std::to_string(i) + ".npy";
      if (letters[i] != 'e') write_npy(folder_ / name, at::full({1, letters[i] == 'a' ? 2 : 3, 2}, double(i)));
      paths.push_back(folder_ / name);
    }
    return text(batches(files(paths), small_inputs(batch, threads)));
  }

 private:
  TemporaryFolder folder_;
};

TEST_F(Letters, BatchesAreFullButForTheLast) {
  EXPECT_EQ(read("aaaaaaa", 3), "aaa|aaa|a");
  EXPECT_EQ(read("aaaa", 2), "aa|aa");
  EXPECT_EQ(read("aa", 8), "aa");
  EXPECT_EQ(read("aaa", 1), "a|a|a");
}

TEST_F(Letters, BatchesBreakWhereShapesChange) {
  for (const int threads : {1, 4}) {
    EXPECT_EQ(read("aabaabbb", 3, threads), "aa|b|aa|bbb");
    EXPECT_EQ(read("abab", 8, threads), "a|b|a|b");
    EXPECT_EQ(read("abbba", 2, threads), "a|bb|b|a");
  }
}

TEST_F(Letters, ErrorsComeInTheirPlace) {
  for (const int threads : {1, 4}) {
    EXPECT_EQ(read("aeeaa", 3, threads), "aeeaa");  // errors do not count
    EXPECT_EQ(read("aeaea", 2, threads), "aea|ea");
    EXPECT_EQ(read("aeb", 8, threads), "ae|b");
    EXPECT_EQ(read("eaae", 2, threads), "eaa|e");
    EXPECT_EQ(read("eee", 2, threads), "eee");
  }
}

TEST_F(Letters, NothingComesOfNothing) { EXPECT_EQ(read("", 2), ""); }

TEST(SampleStream, StaysAtTheEnd) {
  const TemporaryFolder folder;
  write_npy(folder / "a.npy", at::ones({1, 2, 2}));
  SampleStream stream(files({folder / "a.npy"}), small_inputs(1, 3));
  EXPECT_TRUE(stream.next());
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(stream.next());
}

// Every seventh picture takes far longer than the others, so that threads overtake each other.
TEST(SampleStream, KeepsTheOrderWithSeveralThreads) {
  const TemporaryFolder folder;
  std::vector<fs::path> paths;
  for (int i = 0; i < 60; ++i) {
    const int64_t side = i % 7 == 0 ? 500 : 2;
    paths.push_back(folder / (std::to_string(i) + ".png"));
    write_png(paths.back(), plain(side, side, 4 * i, 0, 0));
  }
  for (const int threads : {1, 2, 5}) {
    const auto all = batches(files(paths), small_inputs(7, threads));
    ASSERT_EQ(all.size(), 9u);
    int i = 0;
    for (const auto& batch : all) {
      ASSERT_EQ(batch.size(), i < 56 ? 7u : 4u);
      for (const Sample& sample : batch) {
        ASSERT_EQ(sample.path, paths.at(i).string());
        ASSERT_NEAR(sample.input[0][0][0].item<double>(), 4 * i / 255.0, 1e-6);
        ++i;
      }
    }
  }
}

TEST(SampleStream, HandsOutTheRowsOfABatch) {
  const TemporaryFolder folder;
  const at::Tensor rows = at::arange(12, at::kFloat).view({3, 1, 2, 2});
  write_npy(folder / "single.npy", at::zeros({1, 2, 2}));
  write_npy(folder / "rows.npy", rows);
  write_npy(folder / "one_row.npy", at::ones({1, 1, 2, 2}));
  const auto all =
      batches(files({folder / "rows.npy", folder / "single.npy", folder / "one_row.npy"}), small_inputs(8, 3));
  ASSERT_EQ(all.size(), 1u);
  ASSERT_EQ(all[0].size(), 5u);
  for (int64_t row = 0; row < 3; ++row) {
    const Sample& sample = all[0][row];
    EXPECT_EQ(sample.path, (folder / "rows.npy").string());
    EXPECT_EQ(sample.row, row);
    EXPECT_TRUE(at::equal(sample.input, rows[row]));
    EXPECT_TRUE(sample.pictures.empty());
  }
  EXPECT_EQ(all[0][3].row, std::nullopt);
  EXPECT_EQ(all[0][4].row, 0);
  EXPECT_TRUE(at::equal(all[0][4].input, at::ones({1, 2, 2})));
}

TEST(SampleStream, OneBadRowLeavesTheOthers) {
  const TemporaryFolder folder;
  at::Tensor rows = at::zeros({4, 1, 2, 2});
  rows[2][0][1][0] = std::numeric_limits<float>::quiet_NaN();
  write_npy(folder / "rows.npy", rows);
  const auto all = batches(files({folder / "rows.npy"}), small_inputs(2, 3));
  EXPECT_EQ(text(all), "rr|er");
  EXPECT_EQ(all.at(1).at(0).row, 2);
  EXPECT_EQ(all.at(1).at(0).error,
            (folder / "rows.npy").string() + ": holds values that are not finite: first NaN at index [2, 0, 1, 0]");
}

TEST(SampleStream, MayBeDestroyedEarly) {
  const TemporaryFolder folder;
  write_png(folder / "a.png", gradient(200, 200));
  const std::vector<fs::path> paths(50, folder / "a.png");
  for (int pulled = 0; pulled < 10; ++pulled) {
    SampleStream stream(files(paths), small_inputs(2, 1 + pulled % 4));
    for (int i = 0; i < pulled; ++i) ASSERT_TRUE(stream.next());
  }
}

TEST(SampleStream, RefusesOptionsThatMakeNoSense) {
  const auto refusal = [](const std::function<void(StreamOptions&)>& spoil) {
    StreamOptions options;
    spoil(options);
    return message_of(Fault::usage, [&] { SampleStream({}, options); });
  };
  EXPECT_EQ(refusal([](StreamOptions& o) { o.batch = 0; }), "the batch must be at least 1");
  EXPECT_EQ(refusal([](StreamOptions& o) { o.frames = -1; }), "the number of frames must not be negative");
  EXPECT_EQ(refusal([](StreamOptions& o) { o.decode_threads = 0; }), "at least one thread must decode");
  EXPECT_EQ(refusal([](StreamOptions& o) {
              o.preprocess.std = {1, 0, 1};
            }),
            "preprocessing: std must be greater than 0");
}

}  // namespace
}  // namespace attune::test
