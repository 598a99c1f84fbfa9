// Good specs: every value where it belongs.
#include <gtest/gtest.h>

#include "folder.h"
#include "specs.h"

namespace attune::test {
namespace {

using Names = std::vector<std::string>;

Spec spec_from(const std::string& text, const ModelNames& model = {}) {
  EXPECT_EQ(faults_of(text, model), "");
  return parse_spec(text, "spec.json", components(), model);
}

const char* const shortest = R"({
  "version": 1,
  "maps": {"cam": "gradcam", "gb": "guided_backprop"},
  "terms": [{"maps": ["gb", "cam"], "match": "upsample", "compare": "pearson"}]
})";

// The shortest spec with more keys.
std::string with(const std::string& keys) {
  std::string text = shortest;
  return text.insert(text.find("\"version\""), keys + ", ");
}

TEST(SpecReader, FillsInDefaults) {
  const Spec spec = spec_from(shortest);
  EXPECT_EQ(spec.description, "");
  EXPECT_EQ(spec.targets, Names{"top1"});
  EXPECT_EQ(spec.reduction, Reduction::mean);
  ASSERT_EQ(spec.maps.size(), 2u);
  EXPECT_EQ(spec.maps[0].name, "cam");
  EXPECT_EQ(spec.maps[0].method.id, "gradcam");
  EXPECT_TRUE(spec.maps[0].method.parameters.empty());
  EXPECT_FALSE(spec.maps[0].stop_gradient);
  ASSERT_EQ(spec.terms.size(), 1u);
  const TermSpec& term = spec.terms[0];
  EXPECT_EQ(term.name, "term0");
  EXPECT_EQ(term.maps, (Names{"gb", "cam"}));
  EXPECT_EQ(term.match.matcher.id, "upsample");
  EXPECT_FALSE(term.match.stop_gradient);
  EXPECT_EQ(term.normalise, Normalise::none);
  EXPECT_EQ(term.compare.id, "pearson");
  EXPECT_EQ(term.weight, 1);
}

TEST(SpecReader, ReadsNestedMethods) {
  const Spec spec = spec_from(R"({"version": 1, "maps": {
    "a": {"use": "smooth", "of": "gradcam", "samples": 16},
    "b": {"use": "smooth", "stop_gradient": true,
          "of": {"use": "smooth", "of": {"use": "gradcam", "layer": "layer3"}}}},
    "terms": [{"maps": ["a", "b"], "match": "upsample", "compare": "pearson"}]})",
                              {{"layer3"}, {}});
  const ComponentSpec cam{"gradcam", {}}, of_layer{"gradcam", {{"layer", std::string("layer3")}}};
  EXPECT_EQ(spec.maps[0].method, (ComponentSpec{"smooth", {{"of", cam}, {"samples", int64_t{16}}}}));
  EXPECT_EQ(spec.maps[1].method, (ComponentSpec{"smooth", {{"of", ComponentSpec{"smooth", {{"of", of_layer}}}}}}));
  EXPECT_TRUE(spec.maps[1].stop_gradient);
}

TEST(SpecReader, ReadsEverything) {
  const Spec spec = spec_from(R"({
    "$schema": "spec.schema.json",
    "version": 1,
    "description": "caf\u00e9",
    "target": ["top5", "a label", 7],
    "reduction": "sum",
    "terms": [
      {"name": "first", "maps": ["z", "a"], "match": {"use": "mask", "source": "a", "scale": 2, "stop_gradient": true},
       "normalise": "standardise_sigmoid", "compare": {"use": "ssim", "window": 7, "sigma": 2}, "weight": -0.5},
      {"maps": ["z", "m-1", "a"], "match": {"use": "pool"}, "normalise": "minmax", "compare": {"use": "pearson"}}
    ],
    "maps": {
      "z": {"relu": true, "use": "gradcam", "layer": "layer4"},
      "m-1": {"use": "saliency", "stop_gradient": true},
      "a": {"use": "guided_backprop", "channels": "norm", "stop_gradient": false}
    }
  })");
  EXPECT_EQ(spec.description, "caf\xc3\xa9");
  EXPECT_EQ(spec.targets, (Names{"top5", "a label", "7"}));
  EXPECT_EQ(spec.reduction, Reduction::sum);
  ASSERT_EQ(spec.maps.size(), 3u);
  EXPECT_EQ(spec.maps[0].name, "z");  // the order of the file, not of the alphabet
  EXPECT_EQ(spec.maps[1].name, "m-1");
  EXPECT_EQ(spec.maps[2].name, "a");
  EXPECT_EQ(spec.maps[0].method.parameters.at("relu"), ParameterValue(true));
  EXPECT_EQ(spec.maps[0].method.parameters.at("layer"), ParameterValue(std::string("layer4")));
  EXPECT_EQ(spec.maps[0].method.parameters.size(), 2u);
  EXPECT_TRUE(spec.maps[1].stop_gradient);
  EXPECT_TRUE(spec.maps[1].method.parameters.empty());
  EXPECT_FALSE(spec.maps[2].stop_gradient);
  ASSERT_EQ(spec.terms.size(), 2u);
  const TermSpec& first = spec.terms[0];
  EXPECT_EQ(first.name, "first");
  EXPECT_EQ(first.maps, (Names{"z", "a"}));
  EXPECT_EQ(first.match.matcher.parameters.at("source"), ParameterValue(std::string("a")));
  EXPECT_TRUE(first.match.stop_gradient);
  EXPECT_EQ(first.match.matcher.parameters.size(), 2u);
  EXPECT_EQ(first.normalise, Normalise::standardise_sigmoid);
  EXPECT_EQ(first.compare.parameters.at("window"), ParameterValue(int64_t{7}));
  EXPECT_EQ(first.weight, -0.5);
  EXPECT_EQ(spec.terms[1].name, "term1");
  EXPECT_EQ(spec.terms[1].normalise, Normalise::minmax);
}

TEST(SpecReader, TakesAnIntegerWhereARealIsDeclared) {
  const Spec spec =
      spec_from(R"({"version": 1, "maps": {"a": "saliency", "b": "saliency"}, "terms": [{"maps": ["a", "b"],
    "match": {"use": "upsample", "smooth": 2}, "compare": {"use": "coverage", "threshold": 1}, "weight": 3}]})");
  const TermSpec& term = spec.terms[0];
  const auto& smooth = term.match.matcher.parameters.at("smooth");
  EXPECT_EQ(Parameters({real("smooth", 0, {0, 64}, "")}, {{"smooth", smooth}}).real("smooth"), 2);
  EXPECT_EQ(term.weight, 3);
}

TEST(SpecReader, TakesAWordOrANumber) {
  const auto scale = [](const std::string& value) {
    const Spec spec =
        spec_from(R"({"version": 1, "maps": {"a": "saliency", "b": "gradcam"}, "terms": [{"maps": ["a", "b"],
      "match": {"use": "mask", "source": "a", "scale": )" +
                  value + R"(}, "compare": "pearson"}]})");
    return spec.terms[0].match.matcher.parameters.at("scale");
  };
  EXPECT_EQ(scale("\"std\""), ParameterValue(std::string("std")));
  EXPECT_EQ(scale("0.125"), ParameterValue(0.125));
}

TEST(SpecReader, TakesTargetsOfEveryKind) {
  EXPECT_EQ(spec_from(with(R"("target": 3)")).targets, Names{"3"});
  EXPECT_EQ(spec_from(with(R"("target": "3")")).targets, Names{"3"});
  EXPECT_EQ(spec_from(with(R"("target": "top5")")).targets, Names{"top5"});
  EXPECT_EQ(spec_from(with(R"("target": ["top1"])")).targets, Names{"top1"});
  EXPECT_EQ(spec_from(with(R"("target": "top hat")")).targets, Names{"top hat"});
  EXPECT_EQ(spec_from(with(R"("target": "top1:minus=similar3")")).targets, Names{"top1:minus=similar3"});
  EXPECT_EQ(spec_from(with(R"("target": {"class": "top1", "minus": "similar3"})")).targets,
            Names{"top1:minus=similar3"});
  EXPECT_EQ(spec_from(with(R"("target": {"value": true, "output": 1})")).targets, Names{"output=1,value"});
  EXPECT_EQ(spec_from(with(R"("target": {"class": 3, "region": "0,0,4,4"})")).targets, Names{"3:region=0,0,4,4"});
  EXPECT_EQ(faults_of(with(R"("target": {"class": "top1", "mimus": 3})")),
            "spec.json:2:31 at /target/mimus: unknown key \"mimus\"; keys are \"class\", \"minus\", \"of\", "
            "\"output\", \"axis\", "
            "\"boxes\", \"region\", \"pick\", \"similar_to\", \"value\" (did you mean \"minus\"?)");
  EXPECT_EQ(faults_of(with(R"("target": {"class": "top1", "pick": "most"})")),
            "spec.json:2:13 at /target: target \"top1:pick=most\" gives pick 'most'; expected sum, mean, max or topN");
  EXPECT_EQ(spec_from(with(R"("target": [0, "top2", "cat"])")).targets, (Names{"0", "top2", "cat"}));
}

TEST(SpecReader, ChecksTargetsAgainstKnownLabels) {
  const ModelNames model{{}, {"cat", "dog"}};
  EXPECT_EQ(spec_from(with(R"("target": ["dog", 1, "top5"])"), model).targets, (Names{"dog", "1", "top5"}));
  EXPECT_EQ(faults_of(with(R"("target": 2)"), model),
            "spec.json:2:13 at /target: must be a class index of at most 1, not 2");
}

TEST(SpecReader, ChecksLayersAgainstKnownOnes) {
  const ModelNames model{{"features", "head"}, {}};
  const std::string maps = R"({"version": 1, "terms": [{"maps": ["a", "b"], "match": "identity", "compare": "pearson"}],
    "maps": {"a": {"use": "gradcam", "layer": "features"}, "b": {"use": "gradcam", "layer": ")";
  EXPECT_EQ(faults_of(maps + "auto\"}}}", model), "");
  EXPECT_EQ(faults_of(maps + "anything\"}}}"), "");
  EXPECT_EQ(faults_of(maps + "feature\"}}}", model),
            "spec.json:2:93 at /maps/b/layer: unknown layer \"feature\" (did you mean \"features\"?); `attune layers` "
            "lists all 2");
}

TEST(SpecReader, ReadsFilesWithAByteOrderMarkAndWindowsLines) {
  const TemporaryFolder folder;
  std::string text = shortest;
  for (size_t at = text.find('\n'); at != std::string::npos; at = text.find('\n', at + 2)) text.insert(at, "\r");
  const Spec spec = read_spec(folder.write("spec.json", "\xef\xbb\xbf" + text), components());
  EXPECT_EQ(spec.maps.size(), 2u);
}

// Nothing is told twice: what depends on a fault is not checked.
TEST(SpecReader, TellsOneMistakeOnce) {
  const auto count = [](const std::string& text) {
    const std::string told = faults_of(text);
    return 1 + std::count(told.begin(), told.end(), '\n');
  };
  const std::string term =
      R"("terms": [{"maps": ["a", "b"], "match": {"use": "mask", "source": "b"}, "compare": "pearson"}])";
  EXPECT_EQ(count(R"({"version": 1, )" + term + "}"), 1);
  EXPECT_EQ(count(R"({"version": 1, "maps": 3, )" + term + "}"), 1);
  EXPECT_EQ(count(R"({"version": 1, "maps": {"a": "saliency", "b": "salience"}, )" + term + "}"), 1);
  EXPECT_EQ(count(R"({"version": 1, "maps": {"a": "saliency", "c": "saliency", "b": {"use": "gradcam", "relu": 1}}, )" +
                  term + "}"),
            1);
  EXPECT_EQ(count(R"({"version": 1, "maps": {"aa": "saliency", "b": "gradcam"}, )" + term + "}"), 1);
}

}  // namespace
}  // namespace attune::test
