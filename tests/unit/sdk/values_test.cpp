#include <gtest/gtest.h>

#include <attune/sdk/error.h>
#include <attune/sdk/parameters.h>

namespace attune {
namespace {

const ParameterDeclaration steps = integer("steps", 32, {1, 1000}, "Number of steps");
const ParameterDeclaration omega = real("omega", 8, {0, 100}, "Sharpness");
const ParameterDeclaration relu = boolean("relu", false, "Keep the positive part");
const ParameterDeclaration scales = list("scales", {}, {0, 4}, "Scales");
const ParameterDeclaration channels = choice("channels", "keep", {"keep", "sum"}, "How channels are reduced");

std::string message(const ParameterDeclaration& declaration, const std::string& text) {
  try {
    parse_value(declaration, text);
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), Fault::usage);
    return error.what();
  }
  return "no error";
}

TEST(ParseValue, ReadsEveryType) {
  EXPECT_EQ(parse_value(steps, "8"), ParameterValue(int64_t{8}));
  EXPECT_EQ(parse_value(omega, "8"), ParameterValue(8.0));
  EXPECT_EQ(parse_value(omega, "1e-3"), ParameterValue(1e-3));
  EXPECT_EQ(parse_value(relu, "true"), ParameterValue(true));
  EXPECT_EQ(parse_value(relu, "false"), ParameterValue(false));
  EXPECT_EQ(parse_value(scales, "0.5,1,2"), ParameterValue(std::vector<double>{0.5, 1, 2}));
  EXPECT_EQ(parse_value(scales, ""), ParameterValue(std::vector<double>{}));
  EXPECT_EQ(parse_value(channels, "sum"), ParameterValue(std::string("sum")));
}

TEST(ParseValue, RefusesWhatIsNotWhollyAValue) {
  EXPECT_EQ(message(steps, "8x"), "parameter \"steps\" must be an integer, not \"8x\"");
  EXPECT_EQ(message(steps, "3.7"), "parameter \"steps\" must be an integer, not \"3.7\"");
  EXPECT_EQ(message(steps, ""), "parameter \"steps\" must be an integer, not \"\"");
  EXPECT_EQ(message(steps, "99999999999999999999"),
            "parameter \"steps\" must be an integer, not \"99999999999999999999\"");
  EXPECT_EQ(message(omega, "nan"), "parameter \"omega\" must be finite, not nan");
  EXPECT_EQ(message(relu, "True"), "parameter \"relu\" must be true or false, not \"True\"");
  EXPECT_EQ(message(scales, "1,,2"), "parameter \"scales\" must be a list of numbers, not \"1,,2\"");
  EXPECT_EQ(message(scales, "1,"), "parameter \"scales\" must be a list of numbers, not \"1,\"");
  EXPECT_EQ(message(steps, "0"), "parameter \"steps\" must be at least 1, not 0");
  EXPECT_EQ(message(channels, "sm"),
            "parameter \"channels\" must be one of \"keep\", \"sum\", not \"sm\" (did you mean \"sum\"?)");
}

TEST(ToString, ParseValueReadsItBack) {
  for (const double value : {0.1, 1.0, 1e-300, 100.0 / 3}) {
    EXPECT_EQ(parse_value(omega, to_string(ParameterValue(value))), ParameterValue(value));
  }
  const ParameterValue numbers = std::vector<double>{0.1, 2, 1.0 / 3};
  EXPECT_EQ(parse_value(scales, to_string(numbers)), numbers);
  EXPECT_EQ(to_string(ParameterValue(true)), "true");
  EXPECT_EQ(to_string(ParameterValue(int64_t{-3})), "-3");
  EXPECT_EQ(to_string(ParameterValue(8.0)), "8");
  EXPECT_EQ(to_string(ParameterValue(std::string("auto"))), "auto");
}

TEST(ParseValue, ReadsLayersAndMethods) {
  const auto names = layers("layers", {"auto"}, "Layers");
  EXPECT_EQ(parse_value(names, "layer1,layer2.0"), ParameterValue(std::vector<std::string>{"layer1", "layer2.0"}));
  EXPECT_EQ(parse_value(names, ""), ParameterValue(std::vector<std::string>{}));
  EXPECT_EQ(message(names, "a,b,a"), "parameter \"layers\" must not hold \"a\" twice");
  EXPECT_EQ(message(names, "a,,b"), "parameter \"layers\" must hold no empty name");
  const auto of = method("of", {"gradcam", {}}, "Method");
  EXPECT_EQ(parse_value(of, "saliency"), ParameterValue(ComponentSpec{"saliency", {}}));
  EXPECT_EQ(message(of, ""), "parameter \"of\" must be a method, not \"\"");
}

TEST(ToString, MethodsWithParametersStandInParentheses) {
  EXPECT_EQ(to_string(ParameterValue(ComponentSpec{"gradcam", {}})), "gradcam");
  const ComponentSpec inner{"gradcam", {{"layer", std::string("layer3")}, {"relu", true}}};
  EXPECT_EQ(to_string(ParameterValue(inner)), "(gradcam:layer=layer3,relu=true)");
  EXPECT_EQ(to_string(ParameterValue(ComponentSpec{"smooth", {{"of", inner}, {"samples", int64_t{8}}}})),
            "(smooth:of=(gradcam:layer=layer3,relu=true),samples=8)");
  EXPECT_EQ(to_string(ParameterValue(std::vector<std::string>{"a", "b"})), "a,b");
}

TEST(ToString, TypesHaveNames) {
  EXPECT_EQ(to_string(ParameterType::integer), "integer");
  EXPECT_EQ(to_string(ParameterType::map), "map");
  EXPECT_EQ(to_string(ParameterType::layers), "layers");
  EXPECT_EQ(to_string(ParameterType::method), "method");
}

}  // namespace
}  // namespace attune
