// A few examples of every class, and parts that are held out.
#include <algorithm>
#include <gtest/gtest.h>
#include <set>

#include "base/random.h"
#include "data/dataset.h"
#include "datasets.h"

namespace attune::test {
namespace {

using Indices = std::vector<int64_t>;

std::vector<int64_t> counts(const Dataset& dataset, const Indices& indices) {
  std::vector<int64_t> counts(dataset.classes.size());
  for (const int64_t index : indices) {
    for (const int64_t label : dataset.examples.at(static_cast<size_t>(index)).labels) {
      ++counts[static_cast<size_t>(label)];
    }
  }
  return counts;
}

// One to three of eight classes each, the last ones rare.
Dataset several_labels(int64_t size, uint64_t seed) {
  Random random(seed);
  std::vector<Labels> labels;
  for (int64_t i = 0; i < size; ++i) {
    std::set<int64_t> drawn{i % 8};
    for (int64_t more = random.index(3); more > 0; --more) drawn.insert(random.index(1 + random.index(8)));
    labels.emplace_back(drawn.begin(), drawn.end());
  }
  return labelled(8, labels);
}

TEST(FewShot, TakesExactlySoManyOfSingleLabels) {
  std::vector<Labels> labels;
  for (int64_t i = 0; i < 60; ++i) labels.push_back({i % 3});
  const Dataset dataset = labelled(3, labels);
  const Indices chosen = few_shot(dataset, 4, 9);
  EXPECT_EQ(chosen.size(), 12u);
  EXPECT_TRUE(std::is_sorted(chosen.begin(), chosen.end()));
  EXPECT_EQ(counts(dataset, chosen), (std::vector<int64_t>{4, 4, 4}));
}

TEST(FewShot, TakesNoMoreThanItNeedsOfSeveralLabels) {
  for (uint64_t seed = 0; seed < 20; ++seed) {
    const Dataset dataset = several_labels(80, seed);
    const Indices chosen = few_shot(dataset, 3, seed);
    const auto all = counts(dataset, chosen);
    EXPECT_GE(*std::min_element(all.begin(), all.end()), 3);
    for (const int64_t index : chosen) {  // each is needed by one of its classes
      const auto& labels = dataset.examples[static_cast<size_t>(index)].labels;
      EXPECT_TRUE(std::any_of(labels.begin(), labels.end(), [&](int64_t l) { return all[size_t(l)] == 3; })) << index;
    }
  }
}

TEST(FewShot, StaysBalancedWhereItCan) {
  // Class 1 can be served alone or together with class 0, which has enough by then.
  const Dataset dataset = labelled(2, {{0}, {0}, {0, 1}, {0, 1}, {0, 1}, {1}, {1}, {1}, {1}, {1}});
  for (uint64_t seed = 0; seed < 10; ++seed) {
    const Indices chosen = few_shot(dataset, 2, seed);
    EXPECT_EQ(counts(dataset, chosen), (std::vector<int64_t>{2, 2})) << seed;
  }
}

TEST(FewShot, PrefersExamplesThatGiveNothingToFullClasses) {
  const Dataset dataset = labelled(3, {{0, 2}, {1}, {0, 1}, {0, 1}});  // class 2 brings class 0 along
  for (uint64_t seed = 0; seed < 20; ++seed) EXPECT_EQ(few_shot(dataset, 1, seed), (Indices{0, 1})) << seed;
}

// Class 1 comes last, and whichever example serves it brings another class that may have been served alone.
TEST(FewShot, TakesBackWhatHasBecomeSuperfluous) {
  const Dataset dataset = labelled(4, {{0}, {0, 1}, {1, 2}, {2}, {1, 3}, {3}});
  for (uint64_t seed = 0; seed < 50; ++seed) EXPECT_EQ(few_shot(dataset, 1, seed).size(), 3u) << seed;
}

TEST(FewShot, IsAFunctionOfTheSeed) {
  const Dataset dataset = several_labels(80, 1);
  EXPECT_EQ(few_shot(dataset, 2, 5), few_shot(dataset, 2, 5));
  EXPECT_NE(few_shot(dataset, 2, 5), few_shot(dataset, 2, 6));
}

TEST(FewShot, DoesNotCountUnsureExamples) {
  Dataset dataset = labelled(1, {{0}, {}});
  dataset.examples[1].unsure = {0};
  EXPECT_EQ(few_shot(dataset, 1, 3), Indices{0});
  EXPECT_EQ(message_of(Fault::input, [&] { few_shot(dataset, 2, 3); }),
            "train.txt: 2 examples per class are asked for, but there are fewer of a 1");
}

TEST(FewShot, TakesAllOfWhatIsTooFewWhenAsked) {
  const Dataset dataset = labelled(3, {{0}, {0}, {0}, {1}, {0}});
  const Indices chosen = few_shot(dataset, 2, 1, TooFew::take_all);
  EXPECT_EQ(counts(dataset, chosen), (std::vector<int64_t>{2, 1, 0}));
}

TEST(FewShot, SaysOfWhichClassesThereAreTooFew) {
  const Dataset dataset = labelled(4, {{0}, {0}, {0}, {1, 2}, {2}});
  EXPECT_EQ(message_of(Fault::input, [&] { few_shot(dataset, 3, 0); }),
            "train.txt: 3 examples per class are asked for, but there are fewer of d 0, b 1, c 2");
  EXPECT_EQ(message_of(Fault::spec, [&] { few_shot(dataset, 0, 0); }),
            "at least 1 example per class must be chosen, not 0");
  EXPECT_EQ(message_of(Fault::input, [&] { few_shot(labelled(0, {{}}), 1, 0); }),
            "train.txt: examples per class cannot be chosen from unlabelled data");
}

TEST(HoldOut, DividesEveryClass) {
  std::vector<Labels> labels;
  for (int64_t i = 0; i < 100; ++i) labels.push_back(i < 60 ? Labels{0} : i < 90 ? Labels{1} : Labels{});
  const Dataset dataset = labelled(2, labels);
  const HoldOut parts = hold_out(dataset, 0.2, 4);
  EXPECT_EQ(counts(dataset, parts.held), (std::vector<int64_t>{12, 6}));
  EXPECT_EQ(counts(dataset, parts.kept), (std::vector<int64_t>{48, 24}));
  EXPECT_EQ(parts.held.size(), 20u);  // two of ten without a class
  Indices all = parts.kept;
  all.insert(all.end(), parts.held.begin(), parts.held.end());
  std::sort(all.begin(), all.end());
  for (int64_t i = 0; i < 100; ++i) ASSERT_EQ(all.at(static_cast<size_t>(i)), i);
  EXPECT_EQ(all.size(), 100u);
}

TEST(HoldOut, ComesNearTheShareOfSeveralLabels) {
  const Dataset dataset = several_labels(400, 2);
  const auto held = counts(dataset, hold_out(dataset, 0.25, 1).held),
             all = counts(dataset, hold_out(dataset, 0.25, 1).kept);
  for (size_t label = 0; label < held.size(); ++label) {
    const double share = static_cast<double>(held[label]) / static_cast<double>(held[label] + all[label]);
    EXPECT_NEAR(share, 0.25, 0.08) << "class " << label;
  }
}

TEST(HoldOut, IsAFunctionOfTheSeed) {
  const Dataset dataset = several_labels(80, 1);
  EXPECT_EQ(hold_out(dataset, 0.3, 5).held, hold_out(dataset, 0.3, 5).held);
  EXPECT_NE(hold_out(dataset, 0.3, 5).held, hold_out(dataset, 0.3, 6).held);
}

TEST(HoldOut, RefusesWhatMakesNoSense) {
  const Dataset dataset = labelled(1, {{0}, {0}});
  EXPECT_EQ(message_of(Fault::spec, [&] { hold_out(dataset, 1, 0); }),
            "the share that is held out must lie between 0 and 1, not 1.000000");
  EXPECT_EQ(message_of(Fault::input, [&] { hold_out(dataset, 0.1, 0); }),
            "train.txt: holding out a share of 0.100000 of 2 examples leaves one part empty");
}

}  // namespace
}  // namespace attune::test
