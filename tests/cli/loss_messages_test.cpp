// attune loss: what is printed for people, what --explain says, and what is refused.

#include <ATen/ops/full.h>
#include <algorithm>
#include <cctype>
#include <cmath>
#include <sstream>

#include "loss_support.h"

namespace attune::test {
namespace {

class LossMessages : public Loss {
 protected:
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
};

TEST_F(LossMessages, AsText) {
  const Outcome outcome = run(loss({"rows.npy", "--gradient"}));
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_EQ(outcome.err, "");
  const Json said = report({"rows.npy"});
  ASSERT_EQ(outcome.out.rfind("loss ", 0), 0U) << outcome.out;
  const std::string number = outcome.out.substr(5);
  size_t end = 0;
  EXPECT_NEAR(std::stod(number, &end), said["loss"].get<double>(), 1e-5);
  EXPECT_EQ(number.find("  (mean over 5 values)\n"), end) << outcome.out;
  expect_parts(outcome.out, {"\nagreement  h ", ", weight 1\n", "rows.npy row 0  class ", "rows.npy row 4  class ",
                             "\ngradient norm ", "conv1.weight\n", "fc.weight\n"});
}

TEST_F(LossMessages, BadInputsAreNamedAndTheOthersDone) {
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

TEST_F(LossMessages, FaultsOfSpecsBeginWithTheirPlace) {
  EXPECT_EQ(
      fault(spec_text(masked, "", R"({"use": "gradcam", "layer": "cnov2"})")),
      "4:40 at /maps/cam/layer: unknown layer \"cnov2\" (did you mean \"conv2\"?); `attune layers` lists all 6\n");
  expect_parts(fault(spec_text(masked, "", "\"gradcma\"")),
               {"4:12 at /maps/cam: unknown method \"gradcma\"", "(did you mean \"gradcam\"?)"});
  expect_parts(fault(spec_text(masked, "\"reduction\": \"median\",")), {"2:30 at /reduction: "});
}

TEST_F(LossMessages, SpecsThatShipHaveNames) {
  const Json shipped = report({"rows.npy"}, "atcon_fast");
  EXPECT_EQ(shipped["terms"][0]["name"], "agreement");
  expect_same_values(shipped, report({"rows.npy"}, ATTUNE_SOURCE_DIR "/docs/specs/atcon_fast.json"));
}

TEST_F(LossMessages, WithoutGradientThereIsNoneToTake) {
  std::string stopped = masked;
  stopped.replace(stopped.find("\"scale\""), 0, "\"stop_gradient\": true, ");
  std::string text = spec_text(stopped, "", R"({"use": "gradcam", "stop_gradient": true})");
  text.replace(text.find("\"abs_sum\""), 9, "\"abs_sum\", \"stop_gradient\": true");
  write("stopped.json", text);
  expect_same_values(report({"rows.npy"}, "stopped.json"), report({"rows.npy"}));
  EXPECT_EQ(refusal(3, loss({"rows.npy", "--gradient"}, "stopped.json")),
            "the spec stops every gradient; there is none to take");
}

TEST_F(LossMessages, Explained) {
  const Outcome value = run(loss({"--explain"}));
  EXPECT_EQ(value.code, 0) << value.err;
  EXPECT_EQ(value.err, "");
  const auto rows = [](const std::string& table, const std::vector<std::string>& parts) {
    std::istringstream lines(table);
    int count = 0;
    for (std::string line; std::getline(lines, line);) {
      const std::string whole = line + "\n";
      const auto has = [&](const std::string& part) { return whole.find(part) != std::string::npos; };
      count += std::isdigit(static_cast<unsigned char>(whole[0])) && std::all_of(parts.begin(), parts.end(), has);
    }
    return count;
  };
  EXPECT_EQ(value.out.rfind("step", 0), 0U) << value.out;
  EXPECT_EQ(rows(value.out, {" forward ", " no\n"}), 2) << value.out;
  EXPECT_EQ(rows(value.out, {" backward ", " no\n"}), 3) << value.out;
  EXPECT_EQ(rows(value.out, {" forward ", "  input made by mask (agreement)  cam "}), 1) << value.out;
  expect_parts(value.out, {"2 forward and 3 backward passes in all", "memory: "});
  const std::string whole = run(loss({"--explain", "--gradient", "missing.png"})).out;
  EXPECT_EQ(rows(whole, {" yes\n"}), 5) << whole;
  EXPECT_EQ(rows(whole, {"  backward of the loss "}), 1) << whole;
  // A document or a refusal, but no table where a document is promised.
  const Outcome json = run(loss({"--explain", "--json"}));
  if (json.code == 0) {
    parsed(json.out);
  } else {
    EXPECT_NE(sentence(json, 2), "");
  }
}

// The flags say what inputs will be like; the model may take no others.
TEST_F(LossMessages, ExplainedForTheSizeThatIsGiven) {
  save_fixed_size(folder_ / "model.pt");
  const Outcome outcome = run(loss({"--explain"}));
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  save_classifier(folder_ / "model.pt");
  const auto memory = [&](const char* size) {
    const std::string text = run({"loss", "model.pt", "spec.json", "--explain", "--batch", "1024", "--size", size}).out;
    const std::string before = "hold about ";
    const size_t at = text.find(before);
    EXPECT_NE(at, std::string::npos) << text;
    if (at == std::string::npos) return 0.0;
    const std::string number = text.substr(at + before.size());
    size_t end = 0;
    const double megabytes = std::stod(number, &end);
    EXPECT_EQ(number.find(" MB"), end) << text;
    return megabytes;
  };
  EXPECT_NEAR(memory("448") / memory("224"), 4, 0.3);
}

}  // namespace
}  // namespace attune::test
