#include <gtest/gtest.h>

#include <attune/sdk/error.h>

namespace attune {
namespace {

const std::vector<std::string> methods = {"gradcam", "guided_backprop", "saliency"};

TEST(Nearest, FindsOneMistakeOfEachKind) {
  EXPECT_EQ(nearest("gradcm", methods), "gradcam");    // left out
  EXPECT_EQ(nearest("graddcam", methods), "gradcam");  // put in
  EXPECT_EQ(nearest("grabcam", methods), "gradcam");   // replaced
  EXPECT_EQ(nearest("gradcma", methods), "gradcam");   // exchanged
}

TEST(Nearest, ExchangedNeighboursAreOneMistake) {
  EXPECT_EQ(nearest("bg", {"gb"}), "gb");  // two substitutions would be too many for two letters
  EXPECT_EQ(nearest("xy", {"gb"}), "");
}

TEST(Nearest, IgnoresCase) { EXPECT_EQ(nearest("GradCAM", methods), "gradcam"); }

TEST(Nearest, AThirdOfTheLettersIsNearAndMoreIsNot) {
  EXPECT_EQ(nearest("abcdef", {"abcdxx"}), "abcdxx");
  EXPECT_EQ(nearest("abcdef", {"abcxxx"}), "");
}

TEST(Nearest, PrefixAndSuffixMatch) {
  EXPECT_EQ(nearest("guided", methods), "guided_backprop");
  EXPECT_EQ(nearest("layer4", {"stem", "backbone.layer4"}), "backbone.layer4");
  EXPECT_EQ(nearest("model.features.12", {"features.12", "classifier"}), "features.12");
}

TEST(Nearest, AMistakeComesBeforeAPart) { EXPECT_EQ(nearest("gbp", {"gbpxxxxxx", "gb"}), "gb"); }

TEST(Nearest, NothingIsNear) {
  EXPECT_EQ(nearest("pearson", methods), "");
  EXPECT_EQ(nearest("", methods), "");
  EXPECT_EQ(nearest("gradcam", {}), "");
}

TEST(DidYouMean, EndsASentence) {
  EXPECT_EQ(did_you_mean("gradcm", methods), " (did you mean \"gradcam\"?)");
  EXPECT_EQ(did_you_mean("pearson", methods), "");
}

}  // namespace
}  // namespace attune
