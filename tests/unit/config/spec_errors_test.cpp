// The cases of tests/specs/bad; and what is too large to keep.
#include <algorithm>
#include <gtest/gtest.h>

#include "corpus.h"
#include "errors.h"
#include "specs.h"

namespace attune::test {
namespace {

namespace fs = std::filesystem;

class BadSpec : public testing::TestWithParam<std::string> {};

TEST_P(BadSpec, IsRefusedInTheseWords) {
  const fs::path file = bad_specs() / (GetParam() + ".cases");
  expect_messages(file, read_cases(file),
                  [](const Case& read) { return faults_of(read.document, model_of(read.name)); });
}

TEST_P(BadSpec, HasFaultsInTheOrderOfTheText) {
  for (const Case& read : read_cases(bad_specs() / (GetParam() + ".cases"))) {
    expect_faults_in_order(read, [&] { parse_spec(read.document, "spec.json", components(), model_of(read.name)); });
  }
}

INSTANTIATE_TEST_SUITE_P(Files, BadSpec, testing::ValuesIn(kinds_in(bad_specs())),
                         [](const auto& info) { return info.param; });

TEST(BadSpecs, AreNamedAfterTheirKind) { expect_names_of_kinds(cases_in(bad_specs())); }

TEST(BadSpecs, AreRefusedByTheNameOfTheirFile) {
  const TemporaryFolder folder;
  const fs::path file = folder.write("mine.json", "[]");
  EXPECT_EQ(message_of(Fault::spec, [&] { read_spec(file, components()); }),
            file.string() + ":1:1: must be an object {...}, not a list");
}

// A spec with `count` faults: what it lacks and keys that there are not.
std::string with_faults(size_t count) {
  std::string text = R"({"version": 1)";  // "maps" and "terms" are missing
  for (size_t i = 2; i < count; ++i) text += ", \"key" + std::to_string(i) + "\": 1";
  return text + "}";
}

TEST(BadSpecs, HaveAHundredFaultsAtMost) {
  for (const size_t count : {99, 100, 101, 5000}) {
    try {
      parse_spec(with_faults(count), "spec.json", components());
      ADD_FAILURE() << "is a good spec";
    } catch (const SpecError& error) {
      const std::string text = error.what();
      const std::string last = "\nspec.json: and more; these are the first 100";
      const bool says_so = text.size() > last.size() && text.substr(text.size() - last.size()) == last;
      EXPECT_EQ(error.faults().size(), std::min<size_t>(count, 100));
      EXPECT_EQ(error.has_more(), count > 100);
      EXPECT_EQ(says_so, count > 100);
      EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), std::min<int64_t>(static_cast<int64_t>(count) - 1, 100));
    }
  }
}

// Of a spec whose map "a" is smooth with these keys.
std::string faults_of_smooth(const std::string& keys) {
  return faults_of("{\"version\": 1, \"maps\": {\"a\": {\"use\": \"smooth\", " + keys + R"(}, "b": "gradcam"},
    "terms": [{"maps": ["a", "b"], "match": "upsample", "compare": "pearson"}]})",
                   {{"layer3", "layer4"}, {}});
}

TEST(BadSpecs, SayWhereInANestedMethodTheyAreWrong) {
  const std::string place = "spec.json:1:";
  const auto fault = [&](int column, const std::string& pointer, const std::string& message) {
    return place + std::to_string(column) + " at /maps/a/of" + pointer + ": " + message;
  };
  EXPECT_EQ(faults_of_smooth(R"("of": "gradcam")"), "");
  EXPECT_EQ(faults_of_smooth(R"("of": 3)"),
            fault(54, "", "must be the id of a method or an object {\"use\": ...}, not 3"));
  EXPECT_EQ(faults_of_smooth(R"("of": {"use": "gradcam", "relu": 1})"),
            fault(81, "/relu", "must be true or false, not 1"));
  EXPECT_EQ(faults_of_smooth(R"("of": {"use": "gradcam", "layer": "layer5"})"),
            fault(82, "/layer", "unknown layer \"layer5\" (did you mean \"layer3\"?); `attune layers` lists all 2"));
  EXPECT_EQ(faults_of_smooth(R"("of": {"use": "gradcam", "stop_gradient": true})"),
            fault(73, "/stop_gradient", "\"gradcam\" has no parameter \"stop_gradient\"; it has \"layer\", \"relu\""));
  const std::string unknown = fault(54, "", "unknown method \"gradcm\"; `attune plugins` lists the methods");
  EXPECT_EQ(faults_of_smooth(R"("of": "gradcm")").substr(0, unknown.size()), unknown);
  EXPECT_EQ(faults_of_smooth(R"("statistic": "variance", "samples": 1)"),
            "spec.json:1:30 at /maps/a: method \"smooth\": parameter \"samples\" must be at least 2 for the variance, "
            "not 1");
}

TEST(BadSpecs, NestMethodsSoDeepAndNoDeeper) {
  const auto nested = [](int depth) {
    std::string text = "\"gradcam\"";
    for (int i = 1; i < depth; ++i) text = R"({"use": "smooth", "of": )" + text + "}";
    return "\"of\": " + text;
  };
  EXPECT_EQ(faults_of_smooth(nested(deepest_nesting)), "");
  for (const int depth : {deepest_nesting + 1, 40}) {
    const std::string faults = faults_of_smooth(nested(depth));
    EXPECT_NE(faults.find(": methods are nested more than 8 deep"), std::string::npos) << faults;
    EXPECT_EQ(std::count(faults.begin(), faults.end(), '\n'), 0) << faults;
  }
}

// Whatever a plugin throws is one fault among others.
TEST(BadSpecs, MayNamePluginsThatThrow) {
  const fs::path fixtures = fs::path(ATTUNE_BUILD_DIR) / "tests" / "plugins";
  const Catalogue catalogue = Catalogue::load({{fs::path(ATTUNE_BUILD_DIR) / "lib" / "attune" / "plugins", "test"},
                                               {fixtures / "good", "test"},
                                               {fixtures / "reruns", "test"}});
  const auto faults = [&](const std::string& map, const std::string& matcher) -> std::string {
    try {
      parse_spec(R"({"version": 3, "maps": {"a": "saliency", "b": )" + map +
                     R"(}, "terms": [{"maps": ["a", "b"], "match": )" + matcher + R"(, "compare": "pearson"}]})",
                 "spec.json", catalogue);
    } catch (const SpecError& error) {
      return error.what();
    }
    return "";
  };
  const auto map = [](const std::string& how) { return R"({"use": "good_copy", "fail": ")" + how + "\"}"; };
  const auto matcher = [](const std::string& how) { return R"({"use": "again", "fail": ")" + how + "\"}"; };
  const std::string version =
      "spec.json:1:13 at /version: must be 1 or 2, the versions of specs that this attune reads, not 3";
  const std::string other = "it threw something that is not a std::exception";
  EXPECT_EQ(faults(map("no"), matcher("no")), version);
  const std::string at_map = version + "\nspec.json:1:47 at /maps/b: method \"good_copy\"";
  EXPECT_EQ(faults(map("error"), "\"pool\""), at_map + ": refused by the plugin");
  EXPECT_EQ(faults(map("standard"), "\"pool\""), at_map + " could not be made: broken");
  EXPECT_EQ(faults(map("other"), "\"pool\""), at_map + " could not be made: " + other);
  const std::string at_match = version +
                               "\nspec.json:1:99 at /terms/0/match: matcher \"again\" cannot say what it computes "
                               "again: ";
  EXPECT_EQ(faults("\"gradcam\"", matcher("standard")), at_match + "broken");
  EXPECT_EQ(faults("\"gradcam\"", matcher("other")), at_match + other);
}

TEST(BadSpecs, MayBeNestedDeeply) {
  const std::string deep(1000000, '[');
  EXPECT_EQ(faults_of(deep), "spec.json:1:65: objects and lists are nested deeper than 64 levels");
  EXPECT_EQ(faults_of("{\"version\": 1, \"maps\": " + deep),
            "spec.json:1:87: objects and lists are nested deeper than 64 levels");
  std::string objects;
  for (int i = 0; i < 100000; ++i) objects += "{\"a\":\n";
  EXPECT_EQ(faults_of(objects), "spec.json:65:1: objects and lists are nested deeper than 64 levels");
}

TEST(BadSpecs, AreNotReadWhenTheyAreHuge) {
  const TemporaryFolder folder;
  const fs::path file = folder.write("huge.json", "{");
  fs::resize_file(file, 50u << 20);
  EXPECT_EQ(message_of(Fault::spec, [&] { read_spec(file, components()); }),
            "spec '" + file.string() + "' has 52428800 bytes; a spec has at most 1048576");
  fs::resize_file(file, (1u << 20) + 1);
  EXPECT_EQ(message_of(Fault::spec, [&] { read_spec(file, components()); }),
            "spec '" + file.string() + "' has 1048577 bytes; a spec has at most 1048576");
}

TEST(BadSpecs, MayBeMissing) {
  const TemporaryFolder folder;
  for (const fs::path& path : {folder / "none.json", folder.path()}) {
    EXPECT_EQ(message_of(Fault::spec, [&] { read_spec(path, components()); }),
              "spec '" + path.string() + "' cannot be read");
  }
}

// Texts of a megabyte that ask for much work: many names that resemble others, long names, many faults. Work that grows
// with the square of that would outlast the limit of the test program.
TEST(BadSpecs, TakeNoLongTime) {
  constexpr size_t megabyte = 1 << 20;
  const auto filled = [](const std::string& head, const auto& item, const std::string& tail) {
    std::string text = head;
    for (size_t i = 0; text.size() < megabyte; ++i) text += std::string(i == 0 ? "" : ",") + item(i);
    return text + tail;
  };
  const auto name = [](size_t i) { return "\"name" + std::to_string(i) + "\""; };
  const auto map = [&](size_t i) { return name(i) + ":\"saliency\""; };
  const auto term = [](size_t) { return R"({"maps":["a","b"],"match":"pool","compare":"pearson"})"; };
  const std::string long_name(megabyte, 'n');
  const std::string rest = R"(, "match": "pool", "compare": "pearson"}]})";
  const std::string maps = R"({"version": 1, "maps": {"a": "saliency", "b": "gradcam"}, "terms": [)";
  const std::vector<std::string> texts = {
      filled(R"({"version": 1, "maps": {)", map, "}, \"terms\": [{\"maps\": [\"nome\", \"mane\"]" + rest),
      filled(maps + "{\"maps\": [", name, "]" + rest),
      filled(maps, term, "]}"),
      filled(R"({"version": 1, "target": [)", name, "], \"maps\": 1}"),
      filled("{", map, "}"),
      filled(
          "[", [](size_t) { return "{}"; }, "]"),
      filled(
          "{\"" + std::string(megabyte / 2, 'k') + "\": [", [](size_t) { return "{}"; }, "]}"),
      "{\"version\": 1, \"" + long_name + "\": 1}",
      "{\"version\": " + std::string(megabyte, '1') + "}",
      R"({"version": 1, "maps": {"a": ")" + long_name + "\"}}",
      R"({"version": 1, "maps": {"a": {"use": "saliency", "channels": ")" + long_name + "\"}}}",
      R"({"version": 1, "target": ")" + long_name + "\"}",
  };
  const ModelNames model{std::vector<std::string>(1000, "layer"), std::vector<std::string>(1000, "some label")};
  for (size_t i = 0; i < texts.size(); ++i) {
    const bool is_good = i == 2;
    EXPECT_EQ(faults_of(texts[i], model).empty(), is_good) << i;
  }
}

}  // namespace
}  // namespace attune::test
