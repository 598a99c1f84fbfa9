// attune loss: the numbers, how they are reported, and what a spec may get wrong.

#include <ATen/ops/full.h>
#include <ATen/ops/zeros.h>
#include <cmath>
#include <regex>

#include "image/npy.h"
#include "models.h"
#include "specs.h"
#include "support.h"

namespace attune::test {
namespace {

using Keys = std::vector<std::string>;
using Arguments = std::vector<std::string>;

class Loss : public CommandLine {
 protected:
  Loss() {
    save_classifier(folder_ / "model.pt");
    write("spec.json", spec_text());
    write_npy(folder_ / "rows.npy", rows_);
  }

  static Arguments loss(Arguments inputs, const std::string& spec = "spec.json") {
    inputs.insert(inputs.begin(), {"loss", "model.pt", spec, "--threads", "1", "--size", "32"});
    return inputs;
  }

  Json report(Arguments inputs, const std::string& spec = "spec.json") const {
    inputs.emplace_back("--json");
    return document(loss(inputs, spec));
  }

  // What is wrong with the spec of this text, which a run must refuse: "LINE:COLUMN at POINTER: ...".
  std::string fault(const std::string& text) const {
    write("bad.json", text);
    const Outcome outcome = run(loss({"rows.npy", "--json"}, "bad.json"));
    EXPECT_EQ(outcome.code, 3);
    EXPECT_EQ(outcome.out, "");
    EXPECT_EQ(outcome.err.rfind("bad.json:", 0), 0U) << outcome.err;
    EXPECT_EQ(outcome.err.find('\n'), outcome.err.size() - 1) << outcome.err;
    return outcome.err.substr(std::min<size_t>(9, outcome.err.size()));
  }

  const at::Tensor rows_ = noise({5, 3, 32, 32});
};

std::vector<double> values(const Json& term) {
  std::vector<double> all;
  for (const Json& sample : term.at("samples")) all.push_back(sample.at("value"));
  return all;
}

void expect_near(const Json& a, const Json& b, double tolerance) {
  EXPECT_NEAR(a.get<double>(), b.get<double>(), tolerance) << a << " and " << b;
}

void expect_same_values(const Json& one, const Json& other) {
  ASSERT_EQ(one.at("terms").size(), other.at("terms").size());
  for (size_t t = 0; t < one["terms"].size(); ++t) {
    const auto a = values(one["terms"][t]), b = values(other["terms"][t]);
    ASSERT_EQ(a.size(), b.size());
    for (size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 1e-5) << "term " << t << ", sample " << i;
  }
  expect_near(one["loss"], other["loss"], 1e-5);
}

// The sum over terms and the means over samples, as the contract defines them.
void expect_sums(const Json& report) {
  double loss = 0;
  for (const Json& term : report.at("terms")) {
    const auto all = values(term);
    double sum = 0;
    for (const double value : all) sum += value;
    EXPECT_NEAR(term.at("value").get<double>(), sum / static_cast<double>(all.size()), 1e-9) << term;
    loss -= term.at("weight").get<double>() * (report.at("reduction") == "sum" ? sum : term["value"].get<double>());
  }
  EXPECT_NEAR(report.at("loss").get<double>(), loss, 1e-9);
}

void expect_gradient(const Json& gradient) {
  double square = 0;
  for (const auto& [name, norm] : gradient.at("parameters").items()) {
    EXPECT_TRUE(norm.is_number_float()) << name;
    EXPECT_GE(norm.get<double>(), 0) << name;
    square += norm.get<double>() * norm.get<double>();
  }
  EXPECT_NEAR(gradient.at("norm").get<double>(), std::sqrt(square), 1e-9);
}

TEST_F(Loss, TheDocumentIsAsPromised) {
  write_picture("picture.png");
  write("spec.json", spec_text(masked + ", " + upsampled));
  const Outcome outcome = run(loss({"picture.png", "rows.npy", "--gradient", "--json"}));
  ASSERT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.err, "");
  EXPECT_EQ(keys(outcome.out, ""), (Keys{"loss", "reduction", "terms", "gradient"}));
  EXPECT_EQ(keys(outcome.out, "/terms/0"), (Keys{"name", "weight", "value", "samples"}));
  EXPECT_EQ(keys(outcome.out, "/terms/0/samples/0"),
            (Keys{"input", "index", "target", "value", "degenerate", "saturated"}));
  EXPECT_EQ(keys(outcome.out, "/terms/0/samples/0/target"), (Keys{"index", "label", "score", "probability"}));
  EXPECT_EQ(keys(outcome.out, "/gradient"), (Keys{"norm", "parameters"}));
  EXPECT_EQ(keys(outcome.out, "/gradient/parameters"), (Keys{"conv1.weight", "conv2.weight", "fc.weight"}));
  const Json report = parsed(outcome.out);
  EXPECT_TRUE(report["loss"].is_number_float());
  EXPECT_EQ(report["reduction"], "mean");
  EXPECT_EQ(report["terms"][0]["name"], "agreement");
  EXPECT_EQ(report["terms"][0]["weight"], 1.0);
  EXPECT_EQ(report["terms"][1]["name"], "term1");
  EXPECT_EQ(report["terms"][1]["weight"], -0.5);
  for (const Json& term : report["terms"]) {
    ASSERT_EQ(term["samples"].size(), 6U);
    for (size_t i = 0; i < 6; ++i) {
      const Json& sample = term["samples"][i];
      EXPECT_EQ(sample["input"], i == 0 ? "picture.png" : "rows.npy");
      EXPECT_EQ(sample["index"], i == 0 ? Json() : Json(i - 1));
      EXPECT_LE(std::abs(sample["value"].get<double>()), 1);
      EXPECT_EQ(sample["degenerate"], false);
      EXPECT_EQ(sample["saturated"], false);
      EXPECT_EQ(sample["target"]["label"], nullptr);
      EXPECT_TRUE(sample["target"]["index"].is_number_unsigned());
      EXPECT_TRUE(sample["target"]["score"].is_number_float());
      EXPECT_GE(sample["target"]["probability"].get<double>(), 0.25) << "the best of 4";
      EXPECT_LE(sample["target"]["probability"].get<double>(), 1);
    }
  }
  expect_sums(report);
  expect_gradient(report["gradient"]);
  EXPECT_GT(report["gradient"]["norm"].get<double>(), 0);
}

TEST_F(Loss, DoesNotDependOnHowTheWorkIsCutUp) {
  Arguments singles{"--gradient", "--batch", "4"};
  for (int64_t i = 0; i < 5; ++i) {
    singles.push_back("row" + std::to_string(i) + ".npy");
    write_npy(folder_ / singles.back(), rows_[i]);
  }
  const std::string model = read("model.pt");
  const auto written = fs::last_write_time(folder_ / "model.pt");
  const Json one = report({"rows.npy", "--batch", "1", "--gradient"});
  const Json four = report({"rows.npy", "--batch", "4", "--gradient"});
  const Json files = report(singles);
  for (const Json* other : {&four, &files}) {
    expect_same_values(one, *other);
    for (const auto& [name, norm] : one["gradient"]["parameters"].items()) {
      expect_near((*other)["gradient"]["parameters"].at(name), norm, 1e-5 * norm.get<double>());
    }
  }
  for (int i = 0; i < 5; ++i) EXPECT_EQ(files["terms"][0]["samples"][i]["input"], singles[3 + i]);
  EXPECT_NEAR(report({"row3.npy"})["loss"].get<double>(), -values(one["terms"][0])[3], 1e-5);
  EXPECT_EQ(read("model.pt"), model);
  EXPECT_EQ(fs::last_write_time(folder_ / "model.pt"), written);
}

TEST_F(Loss, IsASumWhereTheSpecSaysSo) {
  write("sum.json", spec_text(masked, "\"reduction\": \"sum\","));
  const Json mean = report({"rows.npy", "--batch", "2", "--gradient"});
  const Json sum = report({"rows.npy", "--batch", "2", "--gradient"}, "sum.json");
  EXPECT_EQ(sum["reduction"], "sum");
  expect_sums(sum);
  EXPECT_NEAR(sum["loss"].get<double>(), 5 * mean["loss"].get<double>(), 1e-5);
  expect_near(sum["terms"][0]["value"], mean["terms"][0]["value"], 1e-6);
  expect_gradient(sum["gradient"]);
  const double norm = mean["gradient"]["norm"];
  EXPECT_NEAR(sum["gradient"]["norm"].get<double>(), 5 * norm, 1e-4 * norm);
}

TEST_F(Loss, OfSeveralTargets) {
  write("two.json", spec_text(masked, "\"target\": [\"top1\", 3],"));
  write("three.json", spec_text(masked, "\"target\": 3,"));
  const Json both = report({"rows.npy", "--gradient", "--batch", "2"}, "two.json");
  const Json best = report({"rows.npy"});
  const Json third = report({"rows.npy"}, "three.json");
  const Json& samples = both["terms"][0]["samples"];
  ASSERT_EQ(samples.size(), 10U);
  for (size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(samples[2 * i]["index"], i);
    EXPECT_EQ(samples[2 * i + 1]["index"], i);
    EXPECT_EQ(samples[2 * i]["target"]["index"], best["terms"][0]["samples"][i]["target"]["index"]);
    EXPECT_EQ(samples[2 * i + 1]["target"]["index"], 3);
    expect_near(samples[2 * i]["value"], best["terms"][0]["samples"][i]["value"], 1e-5);
    expect_near(samples[2 * i + 1]["value"], third["terms"][0]["samples"][i]["value"], 1e-5);
  }
  expect_sums(both);
  expect_gradient(both["gradient"]);
  expect_near(report({"rows.npy", "--gradient"}, "two.json")["gradient"]["norm"], both["gradient"]["norm"], 1e-5);
}

TEST_F(Loss, OfLabels) {
  write("labels.txt", "cat\ndog\ncrane\nzebra\n");
  write("crane.json", spec_text(masked, "\"target\": \"crane\","));
  const Json said = report({"rows.npy", "--labels", "labels.txt"}, "crane.json");
  EXPECT_EQ(said["terms"][0]["samples"][0]["target"]["label"], "crane");
  EXPECT_EQ(said["terms"][0]["samples"][0]["target"]["index"], 2);
  write("bad.json", spec_text(masked, "\"target\": \"carne\","));
  const Outcome outcome = run(loss({"rows.npy", "--labels", "labels.txt"}, "bad.json"));
  EXPECT_EQ(outcome.code, 3);
  EXPECT_EQ(outcome.err, "bad.json:2:27 at /target: no class is called \"carne\" (did you mean \"crane\"?)\n");
  write("labels.txt", "cat\ndog\n");
  expect_parts(refusal(2, loss({"rows.npy", "--labels", "labels.txt"})), {"2 labels, but the model has 4 classes"});
}

TEST_F(Loss, LayerAutoIsTheOneOfTheFlag) {
  write("conv1.json", spec_text(masked, "", R"({"use": "gradcam", "layer": "conv1"})"));
  const Json named = report({"rows.npy"}, "conv1.json");
  expect_same_values(report({"rows.npy", "--layer", "conv1"}), named);
  EXPECT_GT(std::abs(report({"rows.npy"})["loss"].get<double>() - named["loss"].get<double>()), 1e-3);
}

// The model has no biases: nothing speaks for any class of an input of zeros.
TEST_F(Loss, ConstantMapsAreDegenerate) {
  write_npy(folder_ / "zero.npy", at::zeros({3, 32, 32}));
  const Json zero = report({"zero.npy", "--gradient"});
  EXPECT_EQ(zero["loss"], 0.0);
  EXPECT_EQ(zero["terms"][0]["samples"][0]["value"], 0.0);
  EXPECT_EQ(zero["terms"][0]["samples"][0]["degenerate"], true);
  EXPECT_EQ(zero["gradient"]["norm"], 0.0);
  const Json mixed = report({"zero.npy", "rows.npy"});
  EXPECT_EQ(mixed["terms"][0]["samples"][0]["degenerate"], true);
  EXPECT_EQ(mixed["terms"][0]["samples"][1]["degenerate"], false);
  expect_sums(mixed);
  EXPECT_NEAR(mixed["loss"].get<double>(), report({"rows.npy"})["loss"].get<double>() * 5 / 6, 1e-5);
  expect_parts(run(loss({"zero.npy"})).out, {"zero.npy", "degenerate"});
}

TEST_F(Loss, BlackAndWhiteMasksAreSaturated) {
  std::string hard = masked;
  hard.replace(hard.find("\"std\""), 5, "1e-15");
  write("hard.json", spec_text(hard));
  const Json report = this->report({"rows.npy", "--gradient"}, "hard.json");
  for (const Json& sample : report["terms"][0]["samples"]) {
    EXPECT_EQ(sample["saturated"], true) << sample;
    EXPECT_EQ(sample["degenerate"], false) << sample;
  }
  EXPECT_GT(report["gradient"]["norm"].get<double>(), 0);
  expect_parts(run(loss({"rows.npy"}, "hard.json")).out, {"rows.npy row 4", "saturated"});
}

TEST_F(Loss, AsText) {
  const Outcome outcome = run(loss({"rows.npy", "--gradient"}));
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.err, "");
  const Json said = report({"rows.npy"});
  std::smatch parts;
  ASSERT_TRUE(std::regex_search(outcome.out, parts, std::regex("^loss (-?[0-9.e-]+)  \\(mean over 5 values\\)\n")));
  EXPECT_NEAR(std::stod(parts[1]), said["loss"].get<double>(), 1e-5);
  expect_parts(outcome.out, {"\nagreement  h ", ", weight 1\n", "rows.npy row 0  class ", "rows.npy row 4  class ",
                             "\ngradient norm ", "conv1.weight\n", "fc.weight\n"});
}

TEST_F(Loss, OfSignalsAndClips) {
  save_signal_classifier(folder_ / "model.pt");
  write_npy(folder_ / "signals.npy", noise({2, 2, 64}));
  EXPECT_EQ(report({"signals.npy", "--gradient"})["terms"][0]["samples"].size(), 2U);
  save_clip_classifier(folder_ / "model.pt");
  write_npy(folder_ / "clip.npy", noise({3, 8, 32, 48}));
  EXPECT_EQ(report({"clip.npy", "--gradient"})["terms"][0]["samples"].size(), 1U);
}

TEST_F(Loss, BadInputsAreNamedAndTheOthersDone) {
  write("text.png", "no picture");
  at::Tensor hole = rows_.narrow(0, 0, 2).clone();
  hole[1][0][0][0] = NAN;
  write_npy(folder_ / "hole.npy", hole);
  write_npy(folder_ / "huge.npy", at::full({3, 32, 32}, 3e38));
  const std::string unreadable =
      "attune: text.png: is not a picture that can be decoded (damaged, or of another format)\n"
      "attune: missing.png: cannot be read: No such file or directory\n";
  const Outcome outcome = run(loss({"text.png", "rows.npy", "missing.png", "hole.npy", "--json", "--gradient"}));
  EXPECT_EQ(outcome.code, 5);
  EXPECT_EQ(outcome.err,
            unreadable + "attune: hole.npy: holds values that are not finite: first NaN at index [1, 0, 0, 0]\n");
  const Json said = parsed(outcome.out);
  ASSERT_EQ(said["terms"][0]["samples"].size(), 6U);
  EXPECT_EQ(said["terms"][0]["samples"][4]["input"], "rows.npy");
  EXPECT_EQ(said["terms"][0]["samples"][5]["input"], "hole.npy");
  expect_sums(said);

  const Outcome none = run(loss({"text.png", "missing.png", "--json"}));
  EXPECT_EQ(none.code, 5);
  EXPECT_EQ(none.out, "");
  EXPECT_EQ(none.err, unreadable);

  // The model fails on one of a batch: the others count once.
  const Outcome overflow = run(loss({"rows.npy", "huge.npy", "--json", "--gradient"}));
  EXPECT_EQ(overflow.code, 6);
  expect_parts(overflow.err, {"attune: huge.npy: the model's scores are not finite"});
  const Json rest = parsed(overflow.out);
  const Json alone = report({"rows.npy", "--gradient"});
  expect_same_values(rest, alone);
  expect_near(rest["gradient"]["norm"], alone["gradient"]["norm"], 1e-5);
}

TEST_F(Loss, FaultsOfSpecsBeginWithTheirPlace) {
  EXPECT_EQ(
      fault(spec_text(masked, "", R"({"use": "gradcam", "layer": "cnov2"})")),
      "4:40 at /maps/cam/layer: unknown layer \"cnov2\" (did you mean \"conv2\"?); `attune layers` lists all 6\n");
  expect_parts(fault(spec_text(masked, "", "\"gradcma\"")),
               {"4:12 at /maps/cam: unknown method \"gradcma\"", "(did you mean \"gradcam\"?)"});
  expect_parts(fault(spec_text(masked, "\"reduction\": \"median\",")), {"2:30 at /reduction: "});
}

TEST_F(Loss, SpecsThatShipHaveNames) {
  const Json shipped = report({"rows.npy"}, "atcon_fast");
  EXPECT_EQ(shipped["terms"][0]["name"], "agreement");
  expect_same_values(shipped, report({"rows.npy"}, ATTUNE_SOURCE_DIR "/docs/specs/atcon_fast.json"));
}

TEST_F(Loss, WithoutGradientThereIsNoneToTake) {
  std::string stopped = masked;
  stopped.replace(stopped.find("\"scale\""), 0, "\"stop_gradient\": true, ");
  std::string text = spec_text(stopped, "", R"({"use": "gradcam", "stop_gradient": true})");
  text.replace(text.find("\"abs_sum\""), 9, "\"abs_sum\", \"stop_gradient\": true");
  write("stopped.json", text);
  expect_same_values(report({"rows.npy"}, "stopped.json"), report({"rows.npy"}));
  EXPECT_EQ(refusal(3, loss({"rows.npy", "--gradient"}, "stopped.json")),
            "the spec stops every gradient; there is none to take");
}

TEST_F(Loss, Explained) {
  const Outcome value = run(loss({"--explain"}));
  EXPECT_EQ(value.code, 0) << value.err;
  EXPECT_EQ(value.err, "");
  const auto rows = [](const std::string& table, const std::string& pattern) {
    const std::regex row("\n[0-9]+ +" + pattern);
    return std::distance(std::sregex_iterator(table.begin(), table.end(), row), {});
  };
  EXPECT_EQ(value.out.rfind("step", 0), 0U) << value.out;
  EXPECT_EQ(rows(value.out, "forward .* no"), 2) << value.out;
  EXPECT_EQ(rows(value.out, "backward .* no"), 3) << value.out;
  EXPECT_EQ(rows(value.out, "forward .* input made by mask \\(agreement\\) +cam "), 1) << value.out;
  expect_parts(value.out, {"2 forward and 3 backward passes in all", "memory: "});
  const std::string whole = run(loss({"--explain", "--gradient", "missing.png"})).out;
  EXPECT_EQ(rows(whole, "(forward|backward) .* yes"), 5) << whole;
  EXPECT_EQ(rows(whole, "backward of the loss "), 1) << whole;
  // A document or a refusal, but no table where a document is promised.
  const Outcome json = run(loss({"--explain", "--json"}));
  if (json.code == 0) {
    parsed(json.out);
  } else {
    EXPECT_NE(sentence(json, 2), "");
  }
}

// The flags say what inputs will be like; the model may take no others.
TEST_F(Loss, ExplainedForTheSizeThatIsGiven) {
  save_fixed_size(folder_ / "model.pt");
  const Outcome outcome = run(loss({"--explain"}));
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  save_classifier(folder_ / "model.pt");
  const auto memory = [&](const char* size) {
    const std::string text = run({"loss", "model.pt", "spec.json", "--explain", "--batch", "1024", "--size", size}).out;
    std::smatch parts;
    EXPECT_TRUE(std::regex_search(text, parts, std::regex("hold about ([0-9.]+) MB"))) << text;
    return parts.empty() ? 0 : std::stod(parts[1]);
  };
  EXPECT_NEAR(memory("448") / memory("224"), 4, 0.3);
}

}  // namespace
}  // namespace attune::test
