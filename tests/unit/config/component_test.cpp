// Methods as a user writes them: [NAME=]ID[:key=value,...].
#include "config/component.h"

#include <algorithm>
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

TEST(ParseMethods, AGroupIsAllOfItsMethods) {
  const auto ids = [](const std::string& text) {
    std::vector<std::string> ids;
    for (const ComponentText& method : parse_methods(text, catalogue())) {
      EXPECT_EQ(method.name, method.id);
      EXPECT_TRUE(method.optional) << text;
      ids.push_back(method.id);
    }
    return ids;
  };
  EXPECT_EQ(ids("all-cam"), (std::vector<std::string>{"acme.plain", "sketch"}));
  EXPECT_EQ(ids("all-drawn"), (std::vector<std::string>{"sketch"}));
  EXPECT_EQ(ids("all"), (std::vector<std::string>{"acme.plain", "sketch"})) << "plain is of no group";
  const auto one = parse_methods("a=sketch:steps=3", catalogue());
  ASSERT_EQ(one.size(), 1U);
  EXPECT_EQ(one[0].name, "a");
  EXPECT_FALSE(one[0].optional);
  EXPECT_EQ(message_of(Fault::usage, [] { parse_methods("all-cma", catalogue()); }),
            "no method is of the group 'cma' in --method 'all-cma'; groups are cam, drawn (did you mean \"cam\"?)");
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

const Catalogue& nesting() {
  static const Catalogue loaded =
      Catalogue::load_file(std::filesystem::path(ATTUNE_BUILD_DIR) / "tests/plugins/nested/attune-nested.so");
  return loaded;
}

std::string nested_refusal(Fault fault, const std::string& text) {
  return message_of(fault, [&] { parse_method(text, nesting()); });
}

TEST(ParseMethod, AMethodIsAValue) {
  const auto parsed = [](const std::string& text) { return parse_method(text, nesting()).parameters; };
  using Given = std::map<std::string, ParameterValue>;
  const ComponentSpec plain{"input", {}}, scaled{"input", {{"scale", 3.0}}};
  EXPECT_EQ(parsed("wrap:of=input"), (Given{{"of", plain}}));
  EXPECT_EQ(parsed("wrap:of=(input)"), (Given{{"of", plain}}));
  EXPECT_EQ(parsed("wrap:of=input,times=3"), (Given{{"of", plain}, {"times", int64_t{3}}}));
  EXPECT_EQ(parsed("wrap:times=3,of=(input:scale=3)"), (Given{{"of", scaled}, {"times", int64_t{3}}}));
  EXPECT_EQ(parsed("wrap:of=(input:scale=3),times=3"), (Given{{"of", scaled}, {"times", int64_t{3}}}));
  const std::vector<std::string> layers{"a", "b"};
  EXPECT_EQ(parsed("wrap:of=(wrap:of=(input:layers=a,b,scale=3),times=2),times=3"),
            (Given{{"of", ComponentSpec{"wrap",
                                        {{"of", ComponentSpec{"input", {{"layers", layers}, {"scale", 3.0}}}},
                                         {"times", int64_t{2}}}}},
                   {"times", int64_t{3}}}));
  EXPECT_EQ(parse_method("mine=wrap:of=(input)", nesting()).name, "mine");
}

TEST(ParseMethod, ReadsBackWhatIsPrinted) {
  for (const std::string text : {"wrap:of=(input:layers=a,b,scale=3),times=3", "wrap:of=(wrap:of=(wrap:of=input))"}) {
    const ComponentText method = parse_method(text, nesting());
    EXPECT_EQ(to_string(ParameterValue(ComponentSpec{method.id, method.parameters})), "(" + text + ")");
  }
}

TEST(ParseMethod, RefusesNestedMethodsOfAnotherForm) {
  EXPECT_EQ(nested_refusal(Fault::usage, "wrap:of=input:scale=3"),
            "'input:scale=3' in --method 'wrap:of=input:scale=3' must stand in parentheses: of=(input:scale=3)");
  EXPECT_EQ(nested_refusal(Fault::usage, "wrap:of=(input:scale=3"),
            "'(input:scale=3' in --method 'wrap:of=(input:scale=3' lacks a closing parenthesis");
  EXPECT_EQ(nested_refusal(Fault::usage, "wrap:of=(input)times=3"),
            "'times=3' in --method 'wrap:of=(input)times=3' stands behind a closing parenthesis, where a comma or the "
            "end is expected");
  EXPECT_EQ(nested_refusal(Fault::spec, "wrap:of=(inputs)").substr(0, 24), "unknown method \"inputs\";");
  EXPECT_EQ(nested_refusal(Fault::spec, "wrap:of=(input:scal=3)"),
            "method \"input\" has no parameter 'scal'; it has scale, layers, layer (did you mean \"scale\"?)");
  EXPECT_EQ(nested_refusal(Fault::usage, "wrap:of=(input:scale=11)"), "parameter \"scale\" must be at most 10, not 11");
  EXPECT_EQ(nested_refusal(Fault::usage, "wrap:of=(input:scale)"),
            "'scale' in --method 'wrap:of=(input:scale)' is no key=value");
  EXPECT_EQ(nested_refusal(Fault::usage, "wrap:of=input,of=input"),
            "parameter 'of' stands twice in --method 'wrap:of=input,of=input'");
}

TEST(ParseMethod, MethodsAreNestedSoDeepAndNoDeeper) {
  const auto nested = [](int depth) {
    std::string text = "input";
    for (int i = 0; i < depth; ++i) text = "wrap:of=(" + text + ")";
    return text;
  };
  EXPECT_NO_THROW(parse_method(nested(deepest_nesting), nesting()));
  for (const int depth : {deepest_nesting + 1, 5000}) {
    EXPECT_EQ(nested_refusal(Fault::usage, nested(depth)),
              "methods are nested more than 8 deep in --method '" + nested(depth) + "'");
  }
}

TEST(NamedLayers, AreThoseOfNestedMethodsToo) {
  const ComponentText method = parse_method("wrap:of=(wrap:of=(input:layers=a,b,layer=c))", nesting());
  auto layers = named_layers({method.id, method.parameters}, nesting());
  std::sort(layers.begin(), layers.end());
  EXPECT_EQ(layers, (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(title_of({method.id, method.parameters}, nesting()), "Fixture of Fixture of Input");
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
