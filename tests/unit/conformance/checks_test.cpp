// The checks find what is wrong with plugins that are wrong in one way each, and nothing else.

#include "conformance/checks.h"

#include <ATen/ops/equal.h>
#include <gtest/gtest.h>
#include <map>
#include <set>

#include "errors.h"
#include "memory.h"
#include "models.h"

namespace attune::conformance {
namespace {

using Ids = std::set<std::string>;

const Catalogue& wrong(const std::string& file) {
  static std::map<std::string, Catalogue> loaded;
  const std::string path =
      std::string(ATTUNE_BUILD_DIR) + "/tests/plugins/wrong." + file + "/attune-wrong." + file + ".so";
  return loaded.try_emplace(file, Catalogue::load_file(path)).first->second;
}

struct Wrong {
  std::string file;
  std::string name;
  Ids checks;           // those that must fail, and no other
  std::string message;  // part of what the first of them says
};

std::ostream& operator<<(std::ostream& stream, const Wrong& wrong) { return stream << wrong.name; }

// A method for models of a kind that the small ones are not: with one of its own kind every check passes.
class OwnModel : public testing::Test {
 protected:
  OwnModel() {
    module_.register_attribute("training", c10::BoolType::get(), false);
    module_.register_module("patches", test::conv(3, 4, 1, 2));
    module_.register_module("tokens", test::activation("torch.gelu(x)"));
    module_.register_parameter("fc", test::seeded({5, 4}, 3).requires_grad_(), false);
    module_.register_buffer("order", at::tensor({1, 0, 2, 3}, at::kLong));
    module_.define(
        "def forward(self, x):\n"
        "    x = torch.index_select(self.tokens.forward(self.patches.forward(x)), 1, self.order)\n"
        "    return torch.matmul(torch.mean(x, [2, 3]), torch.t(self.fc))\n");
    module_.to(at::kFloat);
    module_.setattr("order", module_.attr("order").toTensor().to(at::kLong));
  }

  // What every check for methods says of it.
  std::map<std::string, Outcome> outcomes(const TrialModel& own) const {
    const Catalogue& catalogue = wrong("methods");
    std::map<std::string, Outcome> found;
    for (const Check& check : checks()) {
      if (!check.is_for(ComponentKind::method)) continue;
      found.emplace(check.id, run_check(check, catalogue, *catalogue.find("wrong.tokens"), 1, &own));
    }
    return found;
  }

  torch::jit::Module module_ = torch::jit::Module("__torch__.OfTokens");
};

TEST_F(OwnModel, MakesChecksOfItsMethodsPass) {
  const TorchScriptModel model(module_);
  const TrialModel own(model, {3, 8, 6});
  EXPECT_EQ(own.classes(), 5);
  for (const auto& [id, outcome] : outcomes(own)) {
    const bool skips = test::sanitized && id == "growth";
    EXPECT_EQ(outcome.verdict, skips ? Verdict::skipped : Verdict::passed) << id << ": " << outcome.message;
  }
  for (const at::Tensor& parameter : module_.parameters()) EXPECT_EQ(parameter.scalar_type(), at::kFloat);
}

TEST_F(OwnModel, MustTakeFloat64AndInputsOfItsShape) {
  const TorchScriptModel model(module_);
  EXPECT_TRUE(test::contains(test::message_of(Fault::input, [&] { TrialModel(model, {4, 8, 6}); }), "[3, 4, 8, 6]"));
  torch::jit::Module narrow("__torch__.Narrow");
  narrow.register_attribute("training", c10::BoolType::get(), false);
  narrow.define("def forward(self, x):\n    return torch.matmul(torch.mean(x, [2, 3]), torch.ones([3, 4]))\n");
  const TorchScriptModel float32_only(narrow);
  const std::string said = test::message_of(Fault::input, [&] { TrialModel(float32_only, {3, 8, 6}); });
  EXPECT_TRUE(test::contains(said, "in float64, where the model fails")) << said;
}

class Faults : public testing::TestWithParam<Wrong> {};

TEST_P(Faults, AreFoundByTheirChecks) {
  const Catalogue& catalogue = wrong(GetParam().file);
  const Component* component = catalogue.find("wrong." + GetParam().name);
  ASSERT_NE(component, nullptr);
  Ids expected = GetParam().checks, failed;
  if (test::sanitized && expected.erase("growth") > 0 && expected.empty()) GTEST_SKIP() << "a sanitizer keeps memory";
  std::string said;
  for (const Check& check : checks()) {
    if (!check.is_for(component->descriptor.kind)) continue;
    const Outcome outcome = run_check(check, catalogue, *component, 1);
    EXPECT_NE(outcome.message, "") << check.id;
    if (outcome.verdict != Verdict::failed) continue;
    failed.insert(check.id);
    said += check.id + ": " + outcome.message + '\n';
  }
  EXPECT_EQ(failed, expected) << said;
  EXPECT_NE(said.find(GetParam().message), std::string::npos) << said;
}

const Wrong methods[] = {
    {"methods", "nothing", {}, ""},
    {"methods", "nothing_random", {}, ""},
    {"methods", "detaches", {"gradient"}, "the result has no graph"},
    {"methods", "wrong_gradient", {"gradient"}, "finite differences give"},
    {"methods", "mixes_samples", {"batch"}, "sample 0 of a batch of three differs from the same sample alone"},
    {"methods", "draws_for_each", {"batch"}, "each draws its own randomness"},
    {"methods", "nan", {"finite"}, "not finite (NaN or infinity) where the input is zero"},
    {"methods", "float32_only", {"types"}, "the result has the type Float"},
    {"methods", "random", {"determinism", "types"}, "the result depends on the pass's generator"},
    {"methods",
     "own_generator",
     {"batch", "determinism", "gradient", "targets", "threads", "untouched"},
     "Pass::generator()"},
    {"methods", "changes_input", {"targets", "untouched"}, "it changes the values of the input"},
    {"methods",
     "changes_activation",
     {"targets", "untouched"},
     "the activation of layer \"auto\", which other maps use too"},
    {"methods", "no_gradients", {"targets", "untouched"}, "leaves gradients disabled"},
    {"methods", "throws_number", {"exceptions"}, "given a pass that throws an attune::Error"},
    {"methods", "grows", {"growth"}, "bytes with every run"},
    {"methods", "keeps_state", {"threads"}, "no mutable state"},
    {"methods", "mixes_targets", {"targets"}, "the map of target 1 of two differs"},
    {"methods",
     "tokens",
     {"batch", "determinism", "finite", "gradient", "growth", "parameters", "shapes", "targets", "threads", "types",
      "untouched"},
     "finite: rank 2, float32: it threw an attune::Error: unknown layer 'tokens'"},
    {"methods", "fails_on_large_values", {"finite"}, "it threw an exception: The size of tensor a"},
    {"methods", "range_too_wide", {"parameters"}, "power=1"},
    {"methods",
     "other_shape",
     {"batch", "determinism", "finite", "gradient", "growth", "parameters", "shapes", "targets", "threads", "types",
      "untouched"},
     "expected [N,C,S1..Sd]"},
};

const Wrong matchers[] = {
    {"pairs", "no_matcher", {}, ""},
    {"pairs", "detaches_second", {"gradient"}, "gradient with respect to map 1"},
    {"pairs", "leaves_one_out", {"gradient"}, "no gradient reaches map 2"},
    {"pairs",
     "unequal_sizes",
     {"batch", "determinism", "finite", "gradient", "growth", "parameters", "reruns", "shapes", "threads", "types",
      "untouched"},
     "expected equal ones"},
    {"pairs",
     "undeclared",
     {"batch", "determinism", "finite", "gradient", "growth", "parameters", "reruns", "shapes", "threads", "types",
      "untouched"},
     "recomputes map 0, which reruns() did not declare"},
};

const Wrong correlations[] = {
    {"pairs", "no_correlation", {}, ""},
    {"pairs", "range", {"range"}, "but declares -1 to 1"},
    {"pairs", "distance", {"self"}, "with its own values in another order"},
    {"pairs", "tiny", {"finite"}, "1e-20 times noise"},
    {"pairs", "asymmetric", {"symmetry"}, "h(a, b) = h(b, a) is declared"},
    {"pairs", "not_affine", {"affine"}, "s = 2.5, t = 0.7"},
};

std::string name_of(const testing::TestParamInfo<Wrong>& wrong) { return wrong.param.name; }

INSTANTIATE_TEST_SUITE_P(Methods, Faults, testing::ValuesIn(methods), name_of);
INSTANTIATE_TEST_SUITE_P(Matchers, Faults, testing::ValuesIn(matchers), name_of);
INSTANTIATE_TEST_SUITE_P(Correlations, Faults, testing::ValuesIn(correlations), name_of);

TEST(Checks, HaveIdsOfTheirOwnAndSayWhatTheyDemand) {
  Ids ids;
  for (const Check& check : checks()) {
    EXPECT_TRUE(ids.insert(check.id).second) << check.id;
    EXPECT_FALSE(check.demand.empty()) << check.id;
    EXPECT_EQ(check.kinds.empty(), check.run == nullptr) << check.id;
    EXPECT_EQ(find_check(check.id).id, check.id);
  }
}

TEST(Checks, TheSeedChoosesInputs) {
  const Catalogue& catalogue = wrong("pairs");
  const auto subject = make_subject(catalogue, *catalogue.find("wrong.no_correlation"));
  const auto drawn = [&](uint64_t seed) { return subject->inputs({}, 2, seed)[0]; };
  EXPECT_TRUE(at::equal(drawn(1), drawn(1)));
  EXPECT_FALSE(at::equal(drawn(1), drawn(5)));
}

}  // namespace
}  // namespace attune::conformance
