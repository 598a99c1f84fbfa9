// Batches of examples, whatever the threads do and whatever is wrong with a file.
#include "data/batch_loader.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>
#include <set>

#include "datasets.h"
#include "picture.h"

namespace attune::test {
namespace {

namespace fs = std::filesystem;

// Pictures of 8 x 8 pixels, each of its own grey; three classes in turn.
class BatchLoading : public testing::Test {
 protected:
  void SetUp() override {
    dataset_.classes = {"a", "b", "c"};
    options_.preprocess.size = {4, 4};
    options_.batch = 3;
  }

  Example& add(const Image& picture) {
    const int64_t number = dataset_.size();
    Example example;
    example.path = folder_ / (std::to_string(number) + ".png");
    example.labels = {number % 3};
    write_png(example.path, picture);
    dataset_.examples.push_back(example);
    return dataset_.examples.back();
  }
  void add_greys(int count) {
    for (int i = 0; i < count; ++i) add(plain(8, 8, 10 * i, 10 * i, 10 * i));
  }

  std::vector<Batch> batches(std::vector<Draw> order) {
    BatchLoader loader(dataset_, std::move(order), options_);
    std::vector<Batch> all;
    while (auto batch = loader.next()) all.push_back(std::move(*batch));
    EXPECT_FALSE(loader.next());
    return all;
  }
  std::vector<Batch> all() { return batches(in_order(dataset_.size())); }

  const TemporaryFolder folder_;
  Dataset dataset_;
  LoaderOptions options_;
};

using Indices = std::vector<int64_t>;

TEST_F(BatchLoading, KeepsTheOrder) {
  add_greys(20);
  const std::vector<Draw> order = shuffled(20, 5);
  for (const int threads : {1, 4}) {
    options_.threads = threads;
    const auto all = batches(order);
    ASSERT_EQ(all.size(), 7u);
    size_t at = 0;
    for (const Batch& batch : all) {
      ASSERT_EQ(batch.input.sizes(), (at::IntArrayRef{at < 18 ? 3 : 2, 3, 4, 4}));
      EXPECT_EQ(batch.input.scalar_type(), at::kFloat);
      for (size_t row = 0; row < batch.examples.size(); ++row, ++at) {
        const int64_t example = order[at].example;
        EXPECT_EQ(batch.examples[row], example);
        EXPECT_NEAR(batch.input[row].max().item<double>(), 10.0 * double(example) / 255, 1e-6);
        EXPECT_EQ(batch.labels[row].argmax().item<int64_t>(), example % 3);
        EXPECT_EQ(batch.labels[row].sum().item<double>(), 1);
      }
    }
  }
}

// Of one decoded picture, with draws of its own; boxes are of the first.
TEST_F(BatchLoading, GivesASecondViewWhereItIsAskedFor) {
  add(gradient(8, 8)).boxes = {{0, {0, 0, 2, 4}}};
  EXPECT_FALSE(all().at(0).second_view.defined());
  options_.second_view = std::vector<Augmentation>{Flip{1, 0}};
  const Batch batch = all().at(0);
  EXPECT_TRUE(at::equal(batch.second_view, batch.input.flip({3})));
  EXPECT_EQ(batch.boxes[0][0].region.x, 0);
  options_.augmentations = {Crop{0.5}};
  options_.second_view = options_.augmentations;
  const Batch cropped = all().at(0);
  EXPECT_FALSE(at::equal(cropped.second_view, cropped.input));
  EXPECT_TRUE(at::equal(all().at(0).second_view, cropped.second_view));
}

TEST_F(BatchLoading, GivesLuminanceToModelsOfOneChannel) {
  add(plain(8, 8, 200, 100, 50));
  options_.preprocess.mean = {0};
  options_.preprocess.std = {1};
  const at::Tensor input = all().at(0).input;
  EXPECT_TRUE(at::equal(input, at::full({1, 1, 4, 4}, 124.0F / 255)));
}

// A decoder that only warns would have the model learn from grey blocks.
TEST_F(BatchLoading, LeavesOutAJpegWithBrokenData) {
  add_greys(2);
  cv::Mat noise(64, 64, CV_8UC3);
  cv::RNG(7).fill(noise, cv::RNG::UNIFORM, 0, 255);
  cv::imwrite((folder_ / "noise.jpg").string(), noise);
  std::string bytes = read_bytes(folder_ / "noise.jpg");
  bytes.replace(bytes.size() / 2, bytes.size() / 3, bytes.size() / 3, '\0');
  dataset_.examples[1].path = folder_.write("1.jpg", bytes);
  const std::string sentence = (folder_ / "1.jpg").string() + ": the picture is damaged: ";
  EXPECT_TRUE(contains(message_of(Fault::input, [&] { all(); }), sentence));
  options_.on_problem = OnProblem::skip;
  const Batch batch = all().at(0);
  EXPECT_EQ(batch.examples, (std::vector<int64_t>{0}));
  ASSERT_EQ(batch.problems.size(), 1u);
  EXPECT_TRUE(contains(batch.problems[0].sentence, sentence));
}

TEST_F(BatchLoading, GivesLabelsAndWeights) {
  add_greys(2);
  dataset_.examples[0].labels = {0, 2};
  dataset_.examples[1].labels = {};
  dataset_.examples[1].unsure = {1};
  const Batch batch = all().at(0);
  EXPECT_TRUE(at::equal(batch.labels, at::tensor({1.0F, 0.0F, 1.0F, 0.0F, 0.0F, 0.0F}).view({2, 3})));
  EXPECT_TRUE(at::equal(batch.weights, at::tensor({1.0F, 1.0F, 1.0F, 1.0F, 0.0F, 1.0F}).view({2, 3})));
}

TEST_F(BatchLoading, NeedsNoLabels) {
  add_greys(2);
  dataset_.classes = {};
  for (Example& example : dataset_.examples) example.labels = {};
  const Batch batch = all().at(0);
  EXPECT_EQ(batch.labels.sizes(), (at::IntArrayRef{2, 0}));
  EXPECT_EQ(batch.input.size(0), 2);
}

TEST_F(BatchLoading, BringsBoxesToTheInput) {
  add(plain(8, 16, 1, 2, 3)).boxes = {{1, {2, 2, 4, 4}, true}};
  const Box squashed = all().at(0).boxes.at(0).at(0);
  EXPECT_EQ(squashed.label, 1);
  EXPECT_TRUE(squashed.difficult);
  EXPECT_DOUBLE_EQ(squashed.region.x, 0.5);
  EXPECT_DOUBLE_EQ(squashed.region.y, 1);
  EXPECT_DOUBLE_EQ(squashed.region.width, 1);
  EXPECT_DOUBLE_EQ(squashed.region.height, 2);

  options_.preprocess.crop = true;
  options_.preprocess.crop_resize = 4;  // the middle half of the width is seen
  dataset_.examples[0].boxes = {{0, {0, 0, 6, 8}}, {1, {0, 0, 3, 8}}};
  const auto boxes = all().at(0).boxes.at(0);
  ASSERT_EQ(boxes.size(), 1u);
  EXPECT_EQ(boxes[0].label, 0);
  EXPECT_DOUBLE_EQ(boxes[0].region.x, 0);
  EXPECT_DOUBLE_EQ(boxes[0].region.width, 1);
  EXPECT_DOUBLE_EQ(boxes[0].region.height, 4);
}

TEST_F(BatchLoading, AugmentsByTheSeedOfTheDraw) {
  for (int i = 0; i < 8; ++i) add(gradient(40, 40)).boxes = {{0, {5, 5, 20, 20}}};
  options_.augmentations = {Rotate{45}, Crop{0.7}, ColourJitter{}};
  options_.batch = 8;
  options_.threads = 3;
  const Batch first = batches(shuffled(8, 1)).at(0), again = batches(shuffled(8, 1)).at(0);
  EXPECT_TRUE(at::equal(first.input, again.input));
  // One picture eight times, each changed in its own way.
  for (int64_t i = 1; i < 8; ++i) EXPECT_FALSE(at::equal(first.input[0], first.input[i])) << i;
  // The seed is the example's, wherever it comes.
  std::vector<Draw> reversed = shuffled(8, 1);
  std::reverse(reversed.begin(), reversed.end());
  const Batch other_way = batches(reversed).at(0);
  EXPECT_TRUE(at::equal(other_way.input, first.input.flip({0})));
  EXPECT_EQ(other_way.boxes[7][0].region.x, first.boxes[0][0].region.x);
  EXPECT_FALSE(at::equal(batches(shuffled(8, 2)).at(0).input[0], first.input[0]));
}

TEST_F(BatchLoading, SkipsBrokenFilesInTheirBatch) {
  add_greys(8);
  for (const int broken : {1, 3, 4, 5}) folder_.write(std::to_string(broken) + ".png", "broken");
  options_.on_problem = OnProblem::skip;
  options_.threads = 3;
  const auto found = all();
  ASSERT_EQ(found.size(), 3u);
  EXPECT_EQ(found[0].examples, (Indices{0, 2}));
  EXPECT_EQ(found[0].input.size(0), 2);
  EXPECT_EQ(found[0].labels.size(0), 2);
  ASSERT_EQ(found[0].problems.size(), 1u);
  EXPECT_EQ(found[0].problems[0].path, folder_ / "1.png");
  EXPECT_EQ(found[0].problems[0].sentence,
            (folder_ / "1.png").string() + ": is not a picture that can be decoded (damaged, or of another format)");
  EXPECT_EQ(found[1].examples, Indices{});
  EXPECT_FALSE(found[1].input.defined());
  EXPECT_EQ(found[1].problems.size(), 3u);
  EXPECT_EQ(found[2].examples, (Indices{6, 7}));
}

TEST_F(BatchLoading, StopsAtBrokenFiles) {
  add_greys(6);
  fs::remove(folder_ / "4.png");
  BatchLoader loader(dataset_, in_order(6), options_);
  EXPECT_EQ(loader.next()->examples, (Indices{0, 1, 2}));
  EXPECT_EQ(message_of(Fault::input, [&] { loader.next(); }),
            (folder_ / "4.png").string() + ": cannot be read: No such file or directory");
}

TEST_F(BatchLoading, ComparesAnnotationsWithPictures) {
  Example& example = add(plain(8, 16, 1, 2, 3));
  const std::string path = example.path.string();
  example.height = 16;
  example.width = 8;
  EXPECT_EQ(message_of(Fault::input, [&] { all(); }),
            path + ": the picture has 16 x 8 pixels, but its boxes were drawn in one of 8 x 16");
  example.height = example.width = 0;
  example.boxes = {{0, {10, 2, 8, 4}}};
  EXPECT_EQ(message_of(Fault::input, [&] { all(); }),
            path + ": has a box outside of the picture: pixels 10 to 18 of 16, rows 2 to 6 of 8");
}

TEST_F(BatchLoading, WantsVideosForClips) {
  add_greys(1);
  dataset_.clips = true;
  EXPECT_EQ(message_of(Fault::input, [&] { all(); }),
            (folder_ / "0.png").string() + ": is a still picture, but the model takes clips; give it a video");
}

TEST_F(BatchLoading, MayEndEarly) {
  for (int i = 0; i < 20; ++i) add(gradient(200, 200));
  options_.threads = 4;
  for (int pulled = 0; pulled < 5; ++pulled) {
    BatchLoader loader(dataset_, in_order(20), options_);
    for (int i = 0; i < pulled; ++i) ASSERT_TRUE(loader.next());
  }
}

TEST_F(BatchLoading, RefusesWhatMakesNoSense) {
  const auto refusal = [&](Fault fault, const std::function<void(LoaderOptions&)>& spoil) {
    LoaderOptions options = options_;
    spoil(options);
    return message_of(fault, [&] { BatchLoader(dataset_, {}, options); });
  };
  EXPECT_EQ(refusal(Fault::usage, [](auto& o) { o.batch = 0; }), "the batch must be at least 1");
  EXPECT_EQ(refusal(Fault::usage, [](auto& o) { o.threads = 0; }), "at least one thread must decode");
  EXPECT_EQ(refusal(Fault::usage, [](auto& o) { o.preprocess.std[1] = 0; }),
            "preprocessing: std must be greater than 0");
  EXPECT_EQ(refusal(Fault::spec, [](auto& o) { o.clip.frames = 0; }), "a clip needs at least one frame, not 0");
  EXPECT_EQ(refusal(Fault::spec, [](auto& o) { o.augmentations = {Crop{2}}; }),
            "augmentation: the share of crop must be above 0 and at most 1, not 2");
  add_greys(2);
  EXPECT_EQ(message_of(Fault::run,
                       [&] {
                         BatchLoader(dataset_, {{2, 0}}, options_);
                       }),
            "there is no example 2 among 2");
}

TEST(Order, IsAPermutationThatTheSeedDecides) {
  const auto examples = [](const std::vector<Draw>& order) {
    Indices indices;
    for (const Draw& draw : order) indices.push_back(draw.example);
    return indices;
  };
  EXPECT_EQ(examples(in_order(3)), (Indices{0, 1, 2}));
  Indices first = examples(shuffled(50, 1));
  EXPECT_EQ(first, examples(shuffled(50, 1)));
  EXPECT_NE(first, examples(shuffled(50, 2)));
  std::sort(first.begin(), first.end());
  EXPECT_EQ(first, examples(in_order(50)));
  std::set<uint64_t> seeds;
  for (const Draw& draw : shuffled(50, 1)) seeds.insert(draw.seed);
  EXPECT_EQ(seeds.size(), 50u);
  EXPECT_TRUE(shuffled(0, 1).empty());
}

}  // namespace
}  // namespace attune::test
