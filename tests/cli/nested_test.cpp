// Methods that are made of other methods, on the command line and in specs.
#include "models.h"
#include "support.h"

namespace attune::test {
namespace {

class Nested : public CommandLine {
 protected:
  Nested() {
    save_classifier(folder_ / "model.pt");
    write_picture("picture.png");
    write("spec.json", R"({"version": 1, "maps": {
      "a": {"use": "smooth", "of": {"use": "gradcam", "layer": "relu1"}, "samples": 3},
      "b": {"use": "occlusion", "window": [8], "stop_gradient": true}},
      "terms": [{"maps": ["a", "b"], "match": "upsample", "compare": "pearson"}]})");
  }

  static std::vector<std::string> with(std::vector<std::string> words, const std::vector<std::string>& more) {
    words.insert(words.end(), {"--threads", "1", "--size", "32"});
    words.insert(words.end(), more.begin(), more.end());
    return words;
  }
  static std::vector<std::string> heatmap(const std::vector<std::string>& more) {
    return with({"heatmap", "model.pt", "picture.png", "--output", "out"}, more);
  }
};

TEST_F(Nested, MethodsAreDrawnAndWrittenDownWhole) {
  const Json summary =
      document(heatmap({"--json", "--method", "smooth:of=(gradcam:layer=relu1),samples=2", "--method",
                        "plain=smooth:of=guided_backprop,samples=2", "--method", "occlusion:window=8"}));
  EXPECT_EQ(files("out"), (std::set<std::string>{"contact_sheet.png", "picture.occlusion.png", "picture.plain.png",
                                                 "picture.smooth.png", "summary.json"}));
  const Json& methods = summary["run"]["methods"];
  EXPECT_EQ(methods[0]["parameters"]["of"], (Json{{"use", "gradcam"}, {"layer", "relu1"}, {"relu", false}}));
  EXPECT_EQ(methods[0]["parameters"]["samples"], 2);
  EXPECT_EQ(methods[0]["parameters"]["noise"], 0.15);
  EXPECT_EQ(methods[1]["parameters"]["of"], (Json{{"use", "guided_backprop"}, {"channels", "keep"}}));
  const Json& maps = summary["items"][0]["maps"];
  EXPECT_EQ(maps[1]["shape"], (Json{3, 32, 32})) << "of the nested method's resolution";
  EXPECT_EQ(maps[2]["shape"], (Json{1, 32, 32}));
}

TEST_F(Nested, FaultsAreThoseOfTheNestedMethod) {
  expect_parts(refusal(2, heatmap({"--method", "smooth:of=(gradcam:relu=1)"})),
               {"parameter \"relu\" must be true or false, not \"1\""});
  expect_parts(refusal(3, heatmap({"--method", "smooth:of=gradcm"})), {"\"gradcm\"", "(did you mean \"gradcam\"?)"});
  expect_parts(refusal(5, heatmap({"--method", "smooth:of=(gradcam:layer=relu9)"})), {"unknown layer 'relu9'"});
}

// A window of 32 was the default once, and drew an even picture of such an input.
TEST_F(Nested, NoWindowHidesTheWholeInput) {
  expect_parts(refusal(6, heatmap({"--method", "occlusion:window=9000"})),
               {"picture.png", "a window of 32 x 32 hides the whole input of 32 x 32", "less than 32"});
  const Json map = document(heatmap({"--json", "--method", "occlusion"}))["items"][0]["maps"][0];
  EXPECT_LT(map["min"].get<double>(), map["max"].get<double>());
}

TEST_F(Nested, SpecsHaveALossAndAPlan) {
  const Outcome value = run(with({"loss", "model.pt", "spec.json", "picture.png"}, {"--gradient"}));
  EXPECT_EQ(value.code, 0) << value.err;
  const Outcome plan = run(with({"loss", "model.pt", "spec.json", "--explain"}, {}));
  EXPECT_EQ(plan.code, 0) << plan.err;
  expect_parts(plan.out, {"3 T", "a"});
}

TEST_F(Nested, DescribeSaysWhatIsNested) {
  const Json smooth = document({"describe", "smooth", "--json"});
  EXPECT_EQ(smooth["resolution_of"], "of");
  EXPECT_EQ(smooth["parameters"][0]["type"], "method");
  EXPECT_EQ(smooth["parameters"][0]["default"], (Json{{"use", "saliency"}, {"absolute", false}}));
  expect_parts(run({"describe", "smooth"}).out, {"of (method, default (saliency:absolute=false))"});
}

// The method that is nested comes from the installed plugins.
TEST_F(Nested, AFileIsCheckedWithWhatItsMethodsAreMadeOf) {
  const Outcome outcome = run({"check", ATTUNE_BUILD_DIR "/lib/attune/plugins/attune-smooth.so", "--only", "shapes"});
  EXPECT_EQ(outcome.code, 0) << outcome.out << outcome.err;
  expect_parts(outcome.out, {"passed", "shapes", "1 passed"});
}

}  // namespace
}  // namespace attune::test
