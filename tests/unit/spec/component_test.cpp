// Methods as a user writes them: [NAME=]ID[:key=value,...].
#include "spec/component.h"

#include <filesystem>
#include <gtest/gtest.h>

#include "errors.h"

namespace attune::test {
namespace {

const Catalogue& catalogue() {
  static const Catalogue catalogue =
      Catalogue::load_file(std::filesystem::path(ATTUNE_BUILD_DIR) / "tests/plugins/parameters/attune-parameters.so");
  return catalogue;
}

ComponentText parse(const std::string& text) { return parse_method(text, catalogue()); }

ParameterValue value(const std::string& text, const std::string& key) { return parse(text).parameters.at(key); }

std::string refusal(Fault fault, const std::string& text) {
  return message_of(fault, [&] { parse(text); });
}

using List = std::vector<double>;

TEST(ParseMethod, AnIdIsAlsoTheName) {
  for (const char* id : {"sketch", "plain", "acme.plain"}) {
    EXPECT_EQ(parse(id).id, id);
    EXPECT_EQ(parse(id).name, id);
    EXPECT_TRUE(parse(id).parameters.empty());
  }
}

TEST(ParseMethod, ANameComesFirst) {
  for (const char* name : {"a", "Layer-4_deep", "2"}) {
    EXPECT_EQ(parse(name + std::string("=acme.plain")).name, name);
    EXPECT_EQ(parse(name + std::string("=acme.plain")).id, "acme.plain");
  }
  const ComponentText both = parse("deep=sketch:layer=layer4");
  EXPECT_EQ(both.name, "deep");
  EXPECT_EQ(both.id, "sketch");
  EXPECT_EQ(both.parameters, (std::map<std::string, ParameterValue>{{"layer", std::string("layer4")}}));
}

TEST(ParseMethod, ValuesHaveTheDeclaredType) {
  EXPECT_EQ(value("sketch:steps=12", "steps"), ParameterValue(int64_t{12}));
  EXPECT_EQ(value("sketch:scale=2", "scale"), ParameterValue(2.0));
  EXPECT_EQ(value("sketch:scale=2.5e-1", "scale"), ParameterValue(0.25));
  EXPECT_EQ(value("sketch:relu=true", "relu"), ParameterValue(true));
  EXPECT_EQ(value("sketch:relu=false", "relu"), ParameterValue(false));
  EXPECT_EQ(value("sketch:channels=sum", "channels"), ParameterValue(std::string("sum")));
  EXPECT_EQ(value("sketch:layer=layer4.2.conv3", "layer"), ParameterValue(std::string("layer4.2.conv3")));
  EXPECT_EQ(value("sketch:note=12", "note"), ParameterValue(std::string("12")));
  EXPECT_EQ(value("sketch:note=", "note"), ParameterValue(std::string()));
}

TEST(ParseMethod, CommasPartParameters) {
  const auto parameters = parse("sketch:steps=3,relu=true,channels=sum").parameters;
  EXPECT_EQ(parameters, (std::map<std::string, ParameterValue>{
                            {"steps", int64_t{3}}, {"relu", true}, {"channels", std::string("sum")}}));
}

TEST(ParseMethod, ListsHoldCommasWhereverTheyStand) {
  EXPECT_EQ(value("sketch:sizes=0.5", "sizes"), ParameterValue(List{0.5}));
  EXPECT_EQ(value("sketch:sizes=0.5,1,2", "sizes"), ParameterValue(List{0.5, 1, 2}));
  EXPECT_EQ(value("sketch:sizes=", "sizes"), ParameterValue(List{}));
  for (const char* text :
       {"sketch:sizes=1,2,3,relu=true,angles=-90,0,90,steps=4", "sketch:sizes=1,2,3,angles=-90,0,90,steps=4,relu=true",
        "sketch:relu=true,steps=4,angles=-90,0,90,sizes=1,2,3"}) {
    const auto parameters = parse(text).parameters;
    EXPECT_EQ(parameters,
              (std::map<std::string, ParameterValue>{
                  {"sizes", List{1, 2, 3}}, {"angles", List{-90, 0, 90}}, {"relu", true}, {"steps", int64_t{4}}}))
        << text;
  }
}

TEST(ParseMethod, TextsHoldWhatMarksOtherThings) {
  EXPECT_EQ(value("sketch:layer=a:b", "layer"), ParameterValue(std::string("a:b")));
  EXPECT_EQ(value("sketch:note=a=b", "note"), ParameterValue(std::string("a=b")));
  EXPECT_EQ(value("sketch:note=a, b,relu=true", "note"), ParameterValue(std::string("a, b")));
}

TEST(ParseMethod, RefusesNamesThatAreNoneForFiles) {
  for (const std::string name : {"", "a b", "a.b", "a/b", "a#2", "\xc3\xbc", ".."}) {
    EXPECT_EQ(refusal(Fault::usage, name + "=plain"),
              "'" + name + "' in --method '" + name + "=plain' is no name for files: letters, digits, '_' and '-' are");
  }
}

TEST(ParseMethod, AnswersUnknownMethodsWithTheNearest) {
  const std::string known = "; methods are \"acme.plain\", \"plain\", \"sketch\"";
  EXPECT_EQ(refusal(Fault::spec, "sketsh"), "unknown method \"sketsh\"" + known + " (did you mean \"sketch\"?)");
  EXPECT_EQ(refusal(Fault::spec, "a=sketsh:relu=true"),
            "unknown method \"sketsh\"" + known + " (did you mean \"sketch\"?)");
  EXPECT_EQ(refusal(Fault::spec, ""), "unknown method \"\"" + known);
  EXPECT_EQ(refusal(Fault::spec, "a=b=plain"), "unknown method \"b=plain\"" + known + " (did you mean \"plain\"?)");
  EXPECT_EQ(refusal(Fault::spec, "dot"), "\"dot\" is a correlation, not a method" + known);
}

TEST(ParseMethod, AnswersUnknownParametersWithTheNearest) {
  const std::string known = "it has steps, scale, sizes, angles, relu, channels, layer, note";
  EXPECT_EQ(refusal(Fault::spec, "sketch:scal=1"),
            "method \"sketch\" has no parameter 'scal'; " + known + " (did you mean \"scale\"?)");
  EXPECT_EQ(refusal(Fault::spec, "sketch:xyz=1"), "method \"sketch\" has no parameter 'xyz'; " + known);
  EXPECT_EQ(refusal(Fault::spec, "plain:scale=1"), "method \"plain\" has no parameter 'scale'; it has none");
  EXPECT_EQ(refusal(Fault::spec, "sketch:steps=1, relu=true"),
            "method \"sketch\" has no parameter ' relu'; " + known + " (did you mean \"relu\"?)");
}

TEST(ParseMethod, RefusesWhatIsNoKeyAndValue) {
  EXPECT_EQ(refusal(Fault::usage, "sketch:"), "'' in --method 'sketch:' is no key=value");
  EXPECT_EQ(refusal(Fault::usage, "sketch:relu"), "'relu' in --method 'sketch:relu' is no key=value");
  EXPECT_EQ(refusal(Fault::usage, "sketch:=1"), "'=1' in --method 'sketch:=1' is no key=value");
  EXPECT_EQ(refusal(Fault::usage, "a=sketch:relu,steps=1"),
            "'relu' in --method 'a=sketch:relu,steps=1' is no key=value");
}

TEST(ParseMethod, RefusesValues) {
  EXPECT_EQ(refusal(Fault::usage, "sketch:steps=many"), "parameter \"steps\" must be an integer, not \"many\"");
  EXPECT_EQ(refusal(Fault::usage, "sketch:steps=2.5"), "parameter \"steps\" must be an integer, not \"2.5\"");
  EXPECT_EQ(refusal(Fault::usage, "sketch:steps=0"), "parameter \"steps\" must be at least 1, not 0");
  EXPECT_EQ(refusal(Fault::usage, "sketch:relu=yes"), "parameter \"relu\" must be true or false, not \"yes\"");
  EXPECT_EQ(refusal(Fault::usage, "sketch:channels=sun"),
            "parameter \"channels\" must be one of \"keep\", \"sum\", not \"sun\" (did you mean \"sum\"?)");
  EXPECT_EQ(refusal(Fault::usage, "sketch:sizes=1,9"), "parameter \"sizes\" must hold numbers of at most 5, not 9");
  EXPECT_EQ(refusal(Fault::usage, "sketch:sizes=1,2,relu"),
            "parameter \"sizes\" must be a list of numbers, not \"1,2,relu\"");
  EXPECT_EQ(refusal(Fault::usage, "sketch:relu=true,"), "parameter \"relu\" must be true or false, not \"true,\"");
}

TEST(ParseMethod, RefusesAParameterGivenTwice) {
  EXPECT_EQ(refusal(Fault::usage, "sketch:steps=1,relu=true,steps=2"),
            "parameter 'steps' stands twice in --method 'sketch:steps=1,relu=true,steps=2'");
}

TEST(NumberRepeatedNames, CountsFromTwo) {
  std::vector<ComponentText> components;
  for (const char* name : {"a", "b", "a", "c", "a", "b"}) components.push_back({name, "plain", {}});
  number_repeated_names(components);
  std::vector<std::string> names;
  for (const ComponentText& component : components) names.push_back(component.name);
  EXPECT_EQ(names, (std::vector<std::string>{"a", "b", "a#2", "c", "a#3", "b#2"}));
  for (const ComponentText& component : components) EXPECT_EQ(component.id, "plain");
}

}  // namespace
}  // namespace attune::test
