// A real dataset in VOC's layout: every picture, and the lists per class that come with it.
#include <fstream>
#include <gtest/gtest.h>
#include <map>

#include "data/batch_loader.h"
#include "data/dataset.h"
#include "datasets.h"
#include "material.h"

namespace attune::test {
namespace {

const Strings kSplits{"train", "val", "test"};

class VocAnimals : public testing::Test {
 protected:
  void SetUp() override {
    ATTUNE_NEED(root_);
    DataSource source;
    source.root = root_;
    parts_ = read_datasets(source, kSplits);
  }

  const std::filesystem::path root_ = shared() / "data" / "voc_animals";
  std::vector<Dataset> parts_;
};

TEST_F(VocAnimals, HasTheCountsOfItsDescription) {
  EXPECT_EQ(parts_[0].size(), 227);
  EXPECT_EQ(parts_[1].size(), 129);
  EXPECT_EQ(parts_[2].size(), 117);
  std::map<std::string, int64_t> pictures;
  int64_t boxes = 0;
  for (const Dataset& part : parts_) {
    EXPECT_TRUE(part.problems.empty());
    for (const Example& example : part.examples) {
      for (const int64_t label : example.labels) ++pictures[part.classes[static_cast<size_t>(label)]];
      boxes += static_cast<int64_t>(example.boxes.size());
    }
  }
  const std::map<std::string, int64_t> described{{"raccoon", 200}, {"kangaroo", 164}, {"nine", 18},    {"ten", 30},
                                                 {"jack", 28},     {"queen", 25},     {"king", 28},    {"ace", 17},
                                                 {"date", 17},     {"fig", 16},       {"hazelnut", 17}};
  EXPECT_EQ(pictures, described);
  EXPECT_EQ(boxes, 217 + 266 + 163 + 164);
}

TEST_F(VocAnimals, AgreesWithItsListsOfClasses) {
  for (size_t part = 0; part < kSplits.size(); ++part) {
    const Dataset& dataset = parts_[part];
    for (size_t label = 0; label < dataset.classes.size(); ++label) {
      std::map<std::string, int> listed, read;
      std::ifstream lines(root_ / "ImageSets" / "Main" / (dataset.classes[label] + "_" + kSplits[part] + ".txt"));
      std::string id;
      for (int sign = 0; lines >> id >> sign;) listed[id] = sign;
      for (const Example& example : dataset.examples) {
        const bool has = std::count(example.labels.begin(), example.labels.end(), static_cast<int64_t>(label)) > 0;
        read[example.id] = has ? 1 : -1;
      }
      EXPECT_EQ(read, listed) << dataset.classes[label] << ", " << kSplits[part];
    }
  }
}

TEST_F(VocAnimals, GivesFewOfEveryClass) {
  const auto count = [&](const std::vector<int64_t>& chosen) {
    std::vector<int64_t> counts(parts_[0].classes.size());
    for (const Example& example : subset(parts_[0], chosen).examples) {
      for (const int64_t label : example.labels) ++counts[static_cast<size_t>(label)];
    }
    return counts;
  };
  for (const int64_t per_class : {2, 4, 6}) {
    const auto chosen = few_shot(parts_[0], per_class, 1);
    const auto counts = count(chosen);
    EXPECT_EQ(*std::min_element(counts.begin(), counts.end()), per_class);
    EXPECT_LE(chosen.size(), 11u * static_cast<size_t>(per_class));
  }
  EXPECT_EQ(message_of(Fault::input, [&] { few_shot(parts_[0], 8, 1); }),
            parts_[0].list.string() + ": 8 examples per class are asked for, but there are fewer of ace 6");
  const auto counts = count(few_shot(parts_[0], 8, 1, TooFew::take_all));
  EXPECT_EQ(counts[0], 6);
  EXPECT_EQ(*std::min_element(counts.begin() + 1, counts.end()), 8);
}

// With the annotations' sizes and boxes checked against the pictures.
TEST_F(VocAnimals, Loads) {
  LoaderOptions options;
  options.preprocess.size = {32, 32};
  options.batch = 32;
  options.threads = 2;
  BatchLoader loader(parts_[2], in_order(parts_[2].size()), options);
  int64_t rows = 0, boxes = 0;
  while (const auto batch = loader.next()) {
    EXPECT_EQ(batch->input.sizes().slice(1), (at::IntArrayRef{3, 32, 32}));
    rows += batch->input.size(0);
    for (const auto& of_row : batch->boxes) boxes += static_cast<int64_t>(of_row.size());
  }
  EXPECT_EQ(rows, 117);
  int64_t annotated = 0;
  for (const Example& example : parts_[2].examples) annotated += static_cast<int64_t>(example.boxes.size());
  EXPECT_EQ(boxes, annotated);
}

}  // namespace
}  // namespace attune::test
