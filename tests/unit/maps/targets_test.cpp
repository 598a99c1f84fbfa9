// What a user writes for a target, and the classes it stands for.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include <attune/maps.h>

#include "errors.h"

namespace attune::test {
namespace {

const Labels& animals() {
  static const Labels labels({"cat", "crane", "great white shark", "crane", "7", "top1"});
  return labels;
}

std::vector<std::vector<int64_t>> classes(const std::string& text, const at::Tensor& scores) {
  std::vector<std::vector<int64_t>> classes;
  for (const Target& target : TargetChoice::parse(text, animals()).resolve(scores)) {
    const at::Tensor values = target.classes()->contiguous();
    EXPECT_EQ(values.scalar_type(), at::kLong);
    EXPECT_EQ(values.dim(), 1);
    EXPECT_FALSE(values.requires_grad());
    classes.emplace_back(values.data_ptr<int64_t>(), values.data_ptr<int64_t>() + values.numel());
  }
  return classes;
}

using Classes = std::vector<std::vector<int64_t>>;

// Best classes: 2, 0, 1, 3 and 3, 1, 2, 0.
at::Tensor scores() { return at::tensor({5.0, 3.0, 9.0, -1.0, -4.0, 2.0, 1.0, 2.5}, at::kDouble).view({2, 4}); }

std::string refusal(const std::string& text, const Labels& labels) {
  return message_of(Fault::usage, [&] { TargetChoice::parse(text, labels); });
}

TEST(TargetChoice, TopGivesTheBestClassesOfEverySample) {
  EXPECT_EQ(classes("top1", scores()), (Classes{{2, 3}}));
  EXPECT_EQ(classes("top3", scores()), (Classes{{2, 3}, {0, 1}, {1, 2}}));
  EXPECT_EQ(classes("top4", scores()).at(3), (std::vector<int64_t>{3, 0}));
}

TEST(TargetChoice, TopGivesNoMoreThanThereAre) {
  EXPECT_EQ(classes("top5", scores()), classes("top4", scores()));
  EXPECT_EQ(classes("top100000000", scores()).size(), 4u);
}

TEST(TargetChoice, TopIsAtLeastOne) {
  EXPECT_EQ(refusal("top0", {}), "target 'top0' is no class; expected top1, top2...");
  EXPECT_EQ(refusal("top00", animals()), "target 'top0' is no class; expected top1, top2...");
}

TEST(TargetChoice, CountsItsTargets) {
  for (const char* text : {"top1", "top3", "top9", "0", "3"}) {
    const TargetChoice choice = TargetChoice::parse(text, {});
    EXPECT_EQ(choice.count(4), static_cast<int64_t>(choice.resolve(scores()).size())) << text;
  }
  EXPECT_EQ(TargetChoice::parse("top9", {}).count(4), 4);
}

TEST(TargetChoice, AnIndexIsOneClassForAll) {
  EXPECT_EQ(classes("0", scores()), (Classes{{0, 0}}));
  EXPECT_EQ(classes("3", scores()), (Classes{{3, 3}}));
  EXPECT_EQ(classes("003", scores()), (Classes{{3, 3}}));
}

TEST(TargetChoice, EverySampleMayHaveItsOwnClass) {
  const at::Tensor given = at::tensor({3, 0}, at::kLong);
  const auto targets = TargetChoice::of(given).resolve(scores());
  ASSERT_EQ(targets.size(), 1u);
  EXPECT_TRUE(at::equal(*targets[0].classes(), given));
  EXPECT_TRUE(at::equal(targets[0].score(scores()), at::tensor({-1.0, -4.0}, at::kDouble)));
  const auto refused = [](const at::Tensor& classes) {
    return message_of(Fault::usage, [&] { TargetChoice::of(classes).resolve(scores()); });
  };
  EXPECT_EQ(refused(at::tensor({3, 4}, at::kLong)), "class 4 is out of range: the model has 4 classes, 0 to 3");
  EXPECT_EQ(refused(at::tensor({-1, 0}, at::kLong)), "class -1 is out of range: the model has 4 classes, 0 to 3");
  EXPECT_EQ(refused(at::tensor({0}, at::kLong)), "there are 1 classes to explain for 2 samples");
  for (const at::Tensor& other :
       {at::Tensor(), at::zeros({2}), at::zeros({2, 1}, at::kLong), at::zeros({0}, at::kLong)}) {
    EXPECT_EQ(refused(other), "classes to explain are a tensor [N] of int64, one for each sample");
  }
}

TEST(TargetChoice, ALabelIsItsIndex) {
  EXPECT_EQ(classes("cat", scores()), (Classes{{0, 0}}));
  EXPECT_EQ(classes("great white shark", scores()), (Classes{{2, 2}}));
}

TEST(TargetChoice, NumbersAndTopComeBeforeLabels) {
  EXPECT_EQ(classes("top1", scores()), (Classes{{2, 3}}));
  EXPECT_EQ(classes("7", at::zeros({1, 8})), (Classes{{7}}));
}

TEST(TargetChoice, DoesNotHoldOnToTheScoresGraph) {
  EXPECT_EQ(classes("top2", scores().requires_grad_()).size(), 2u);
  EXPECT_EQ(classes("1", scores().requires_grad_()), (Classes{{1, 1}}));
}

TEST(TargetChoice, RefusesAnIndexThatTheModelDoesNotHave) {
  for (const std::string index : {"4", "999999999"}) {
    const TargetChoice choice = TargetChoice::parse(index, {});
    EXPECT_EQ(message_of(Fault::usage, [&] { choice.resolve(scores()); }),
              "target " + index + " is out of range: the model has 4 classes, 0 to 3");
  }
}

TEST(TargetChoice, RefusesOtherWordsOfAModelWithoutLabels) {
  for (const std::string text : {"cat", "top", "top-1", "Top1", "top1 ", "-1", "1.5", "", "1000000000"}) {
    EXPECT_EQ(refusal(text, {}), "target '" + text +
                                     "' is neither top1, top5 nor an index, and the model has no labels; give them "
                                     "with --labels FILE");
  }
}

TEST(TargetChoice, AnswersUnknownLabelsWithTheNearest) {
  EXPECT_EQ(refusal("great wite shark", animals()),
            "no class is called 'great wite shark' (did you mean \"great white shark\"?)");
  EXPECT_EQ(refusal("Cat", animals()), "no class is called 'Cat' (did you mean \"cat\"?)");
  EXPECT_EQ(refusal("xylophone", animals()), "no class is called 'xylophone'");
  EXPECT_EQ(refusal("", animals()), "no class is called ''");
}

TEST(TargetChoice, ListsTheIndicesOfALabelThatOccursTwice) {
  EXPECT_EQ(refusal("crane", animals()), "several classes are called 'crane'; choose one by its index: 1, 3");
}

TEST(Labels, KnowNamesAndIndices) {
  EXPECT_TRUE(Labels().empty());
  EXPECT_EQ(Labels().size(), 0u);
  EXPECT_EQ(Labels().name(0), "");
  EXPECT_FALSE(animals().empty());
  EXPECT_EQ(animals().size(), 6u);
  EXPECT_EQ(animals().name(2), "great white shark");
  EXPECT_EQ(animals().name(-1), "");
  EXPECT_EQ(animals().name(6), "");
  EXPECT_EQ(animals().index("cat"), 0);
  EXPECT_EQ(animals().index("7"), 4);
  EXPECT_EQ(message_of(Fault::usage, [] { Labels().index("cat"); }), "no class is called 'cat'");
}

}  // namespace
}  // namespace attune::test
