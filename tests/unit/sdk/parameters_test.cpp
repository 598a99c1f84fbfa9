#include <cmath>
#include <gtest/gtest.h>
#include <limits>

#include <attune/sdk/error.h>
#include <attune/sdk/parameters.h>

namespace attune {
namespace {

const std::vector<ParameterDeclaration> declared = {
    integer("steps", 32, {1, 1000}, "Number of steps"),
    real("omega", 8, {0, 100}, "Sharpness"),
    boolean("relu", false, "Keep the positive part"),
    choice("channels", "keep", {"keep", "abs_sum"}, "How channels are reduced"),
    list("scales", {1, 0.5}, {0, 4}, "Scales"),
    layer("layer", "auto", "Layer"),
    map("source", "", "Map the mask is made from"),
    string("label", "x", "A label"),
    layers("layers", {"auto"}, "Layers"),
    method("of", {"gradcam", {{"relu", true}}}, "Another method"),
};

std::string message(const std::map<std::string, ParameterValue>& given) {
  try {
    Parameters(declared, given);
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::spec);
    return error.what();
  }
  return "no error";
}

TEST(Parameters, DefaultsFillWhatIsNotGiven) {
  const Parameters p(declared, {{"steps", int64_t{5}}, {"layer", std::string("layer4")}});
  EXPECT_EQ(p.integer("steps"), 5);
  EXPECT_EQ(p.real("omega"), 8);
  EXPECT_FALSE(p.boolean("relu"));
  EXPECT_EQ(p.string("channels"), "keep");
  EXPECT_EQ(p.list("scales"), (std::vector<double>{1, 0.5}));
  EXPECT_EQ(p.string("layer"), "layer4");
  EXPECT_EQ(p.string("source"), "");
  EXPECT_EQ(p.layers("layers"), std::vector<std::string>{"auto"});
  EXPECT_EQ(p.method("of"), (ComponentSpec{"gradcam", {{"relu", true}}}));
  EXPECT_EQ(p.values().size(), declared.size());
}

TEST(Parameters, AnIntegerServesAsAReal) {
  const Parameters p(declared, {{"omega", int64_t{32}}});
  EXPECT_EQ(p.real("omega"), 32.0);
  EXPECT_TRUE(std::holds_alternative<double>(p.values().at("omega")));
}

TEST(Parameters, NothingElseIsConverted) {
  EXPECT_EQ(message({{"steps", 3.7}}), "parameter \"steps\" must be an integer, not 3.7");
  EXPECT_EQ(message({{"steps", true}}), "parameter \"steps\" must be an integer, not true");
  EXPECT_EQ(message({{"relu", int64_t{1}}}), "parameter \"relu\" must be true or false, not 1");
  EXPECT_EQ(message({{"omega", std::string("8")}}), "parameter \"omega\" must be a number, not \"8\"");
  EXPECT_EQ(message({{"scales", 1.0}}), "parameter \"scales\" must be a list of numbers, not 1");
  EXPECT_EQ(message({{"of", std::string("gradcam")}}), "parameter \"of\" must be a method, not \"gradcam\"");
  EXPECT_EQ(message({{"relu", ComponentSpec{"gradcam", {}}}}),
            "parameter \"relu\" must be true or false, not \"gradcam\"");
  EXPECT_EQ(message({{"layers", std::string("a")}}), "parameter \"layers\" must be a list of layers, not \"a\"");
  EXPECT_EQ(message({{"layer", int64_t{4}}}), "parameter \"layer\" must be the name of a layer, not 4");
}

TEST(Parameters, UnknownNamesAreAnsweredWithTheNearest) {
  EXPECT_EQ(message({{"omgea", 1.0}}),
            "unknown parameter \"omgea\"; parameters are \"steps\", \"omega\", \"relu\", \"channels\", \"scales\", "
            "\"layer\", \"source\", \"label\", \"layers\", \"of\" (did you mean \"omega\"?)");
  EXPECT_THROW(Parameters({}, {{"relu", true}}), Error);
}

TEST(Parameters, RangesAreInclusive) {
  EXPECT_EQ(message({{"steps", int64_t{1}}}), "no error");
  EXPECT_EQ(message({{"steps", int64_t{1000}}}), "no error");
  EXPECT_EQ(message({{"steps", int64_t{0}}}), "parameter \"steps\" must be at least 1, not 0");
  EXPECT_EQ(message({{"omega", 100.5}}), "parameter \"omega\" must be at most 100, not 100.5");
  EXPECT_EQ(message({{"scales", std::vector<double>{1, -2}}}),
            "parameter \"scales\" must hold numbers of at least 0, not -2");
}

TEST(Parameters, OnlyFiniteNumbers) {
  EXPECT_EQ(message({{"omega", std::numeric_limits<double>::quiet_NaN()}}),
            "parameter \"omega\" must be finite, not nan");
  const auto unbounded = real("x", 0, {-INFINITY, INFINITY}, "Any number");
  EXPECT_FALSE(unbounded.minimum || unbounded.maximum);
  EXPECT_EQ(check_value(unbounded, 1e300), "");
  EXPECT_EQ(check_value(unbounded, INFINITY), "must be finite, not inf");
}

TEST(Parameters, ChoicesAreAnsweredWithTheNearest) {
  EXPECT_EQ(message({{"channels", std::string("abssum")}}),
            "parameter \"channels\" must be one of \"keep\", \"abs_sum\", not \"abssum\" (did you mean \"abs_sum\"?)");
}

TEST(Parameters, ReadingWhatWasNotDeclaredIsAnError) {
  const Parameters p(declared, {});
  EXPECT_THROW(p.real("omgea"), Error);
  EXPECT_THROW(p.integer("omega"), Error);
  EXPECT_THROW(p.string("relu"), Error);
}

}  // namespace
}  // namespace attune
