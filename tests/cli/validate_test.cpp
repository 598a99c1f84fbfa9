// attune validate: a spec that is good, and everything that is wrong with one that is not.

#include "models.h"
#include "specs.h"
#include "support.h"

namespace attune::test {
namespace {

using Keys = std::vector<std::string>;

class Validate : public CommandLine {
 protected:
  Validate() { write("spec.json", spec_text(masked + ", " + upsampled)); }

  // Of a spec that must be refused, with whatever other flags are given.
  Json errors(std::vector<std::string> arguments) const {
    arguments.insert(arguments.begin(), "validate");
    arguments.emplace_back("--json");
    const Outcome outcome = run(arguments);
    EXPECT_EQ(outcome.code, 3) << outcome.err;
    EXPECT_EQ(outcome.err, "");
    const Json document = parsed(outcome.out);
    if (!document.is_object()) return Json::array();
    EXPECT_EQ(keys(outcome.out, ""), (Keys{"ok", "errors", "more"}));
    EXPECT_EQ(document["ok"], false);
    EXPECT_GT(document["errors"].size(), 0U);
    return document["errors"];
  }
};

TEST_F(Validate, GoodOnes) {
  const Outcome outcome = run({"validate", "spec.json"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.err, "");
  EXPECT_EQ(outcome.out,
            "spec.json: a good spec\n"
            "  agreement: cam, gb through mask, compared by pearson, weight 1\n"
            "  term1: cam, gb through upsample, compared by cross_correlation, weight -0.5\n");
  EXPECT_EQ(document({"validate", "spec.json", "--json"}),
            (Json{{"ok", true}, {"errors", Json::array()}, {"more", false}}));
  EXPECT_EQ(document({"validate", "atcon", "--json"})["ok"], true);
  EXPECT_EQ(document({"validate", "atcon.json", "--json"})["ok"], true);
}

TEST_F(Validate, SaysEverythingThatIsWrongAtOnce) {
  std::string term = masked;
  term.replace(term.find("\"source\": \"gb\""), 14, "\"source\": \"gbp\", \"sclae\": 1");
  write("bad.json", spec_text(term, "\"reduction\": 3,", "\"gradcma\""));
  const std::vector<std::string> places = {"2:30 at /reduction: ", "4:12 at /maps/cam: ",
                                           "7:93 at /terms/0/match/source: ", "7:100 at /terms/0/match/sclae: "};
  const Outcome outcome = run({"validate", "bad.json"});
  EXPECT_EQ(outcome.code, 3);
  EXPECT_EQ(outcome.out, "");
  const Json listed = errors({"bad.json"});
  ASSERT_EQ(listed.size(), places.size());
  std::string text;
  for (size_t i = 0; i < listed.size(); ++i) {
    const Json& error = listed[i];
    EXPECT_EQ(error.size(), 4U) << error;
    const std::string place = error.at("line").dump() + ":" + error.at("column").dump() + " at " +
                              error.at("pointer").get<std::string>() + ": ";
    EXPECT_EQ(place, places[i]);
    text += "bad.json:" + place + error.at("message").get<std::string>() + "\n";
  }
  EXPECT_EQ(outcome.err, text);
  expect_parts(text, {"(did you mean \"gradcam\"?)", "(did you mean \"gb\"?)", "(did you mean \"scale\"?)"});
}

TEST_F(Validate, LayersAndLabelsOfTheModel) {
  save_classifier(folder_ / "model.pt");
  EXPECT_EQ(run({"validate", "spec.json", "--model", "model.pt"}).code, 0);
  write("bad.json", spec_text(masked, "\"target\": \"carne\",", R"({"use": "gradcam", "layer": "cnov2"})"));
  EXPECT_EQ(run({"validate", "bad.json"}).code, 0) << "without a model neither is known";

  const Json layer = errors({"bad.json", "--model", "model.pt"});
  ASSERT_EQ(layer.size(), 1U);
  EXPECT_EQ(layer[0]["pointer"], "/maps/cam/layer");
  expect_parts(layer[0]["message"], {"unknown layer \"cnov2\" (did you mean \"conv2\"?)"});

  write("labels.txt", "cat\ndog\ncrane\nzebra\n");
  const Json label = errors({"bad.json", "--labels", "labels.txt"});
  ASSERT_EQ(label.size(), 1U);
  EXPECT_EQ(label[0]["pointer"], "/target");
  expect_parts(label[0]["message"], {"no class is called \"carne\" (did you mean \"crane\"?)"});

  write("model.json", R"({"labels": ["cat", "dog", "crane", "zebra"]})");
  EXPECT_EQ(errors({"bad.json", "--model", "model.pt"}).size(), 2U) << "the labels of the sidecar";
  EXPECT_EQ(refusal(5, {"validate", "spec.json", "--model", "missing.pt"}), "model 'missing.pt' does not exist");
  EXPECT_EQ(refusal(5, {"validate", "spec.json", "--labels", "missing.txt"}), "'missing.txt' cannot be read");
}

TEST_F(Validate, LooksAtTheSpecBeforeTheModel) {
  write("bad.json", spec_text(masked, "\"reduction\": 3,", R"({"use": "gradcam", "layer": "cnov2"})"));
  EXPECT_EQ(errors({"bad.json", "--model", "missing.pt"})[0]["pointer"], "/reduction");
  EXPECT_EQ(run({"validate", "bad.json", "--model", "missing.pt"}).err.rfind("bad.json:2:30 at /reduction: ", 0), 0U);
}

TEST_F(Validate, ListsAHundredFaultsAndSaysWhenThereAreMore) {
  std::string keys;
  for (int i = 0; i < 100; ++i) keys += "\"key" + std::to_string(i) + "\": 1, ";
  write("hundred.json", spec_text(masked, keys));
  write("more.json", spec_text(masked, keys + "\"another\": 1, "));
  const auto report = [&](const char* spec) { return parsed(run({"validate", spec, "--json"}).out); };
  EXPECT_EQ(report("hundred.json")["errors"].size(), 100U);
  EXPECT_EQ(report("hundred.json")["more"], false);
  EXPECT_EQ(report("more.json")["errors"].size(), 100U);
  EXPECT_EQ(report("more.json")["more"], true);
  expect_parts(run({"validate", "more.json"}).err, {"\nmore.json: and more; these are the first 100\n"});
}

TEST_F(Validate, AFileOfTheNameOfASpecThatShipsComesFirstAndAFolderDoesNot) {
  fs::create_directory(folder_ / "atcon");
  EXPECT_EQ(document({"validate", "atcon", "--json"})["ok"], true);
  fs::remove(folder_ / "atcon");
  write("atcon", spec_text());
  EXPECT_EQ(run({"validate", "atcon"}).out.rfind("atcon: a good spec\n", 0), 0U);
}

// Editors and scripts that ask for a document get one, whatever is wrong with the file.
TEST_F(Validate, FilesThatAreNoSpecs) {
  write("empty.json", "");
  write("folder/spec.json", spec_text());
  write("huge.json", spec_text());
  fs::resize_file(folder_ / "huge.json", (1U << 20) + 1);
  const std::map<std::string, std::string> said = {
      {"missing.json", "there is no file 'missing.json', and no spec of that name ships with attune"},
      {"no/spec.json", "spec 'no/spec.json' cannot be read"},
      {"folder", "there is no file 'folder', and no spec of that name ships with attune"},
      {"folder/", "spec 'folder/' cannot be read"},
      {"huge.json", "spec 'huge.json' has 1048577 bytes; a spec has at most 1048576"},
      {"atcno", "there is no file 'atcno', and no spec of that name ships with attune (did you mean \"atcon\"?)"}};
  for (const auto& [name, message] : said) {
    const Json listed = errors({name});
    EXPECT_EQ(listed.size(), 1U) << name;
    if (listed.empty()) continue;
    EXPECT_EQ(listed[0].at("message").get<std::string>().rfind(message, 0), 0U) << listed;
    EXPECT_EQ(listed[0].at("pointer"), "") << name;
  }
  EXPECT_EQ(refusal(3, {"validate", "huge.json"}), said.at("huge.json"));
  const Outcome empty = run({"validate", "empty.json"});
  EXPECT_EQ(empty.code, 3);
  EXPECT_EQ(empty.err.rfind("empty.json:1:1: ", 0), 0U) << empty.err;
}

}  // namespace
}  // namespace attune::test
