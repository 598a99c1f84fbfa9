// What a loss hands to plugins, and what it makes of their exceptions.
#include <gtest/gtest.h>

#include "loss/parts.h"
#include "support.h"
#include "unit/maps/support.h"

namespace attune::test {
namespace {

const Catalogue& with_fixtures() {
  const std::string build = ATTUNE_BUILD_DIR;
  static const Catalogue loaded = Catalogue::load({{build + "/lib/attune/plugins", "test"},
                                                   {build + "/tests/plugins/wrong.methods", "test"},
                                                   {build + "/tests/plugins/reruns", "test"}});
  return loaded;
}

// Two random maps of one method and one parameter set, and a matcher that computes both again on the same input.
TEST(LossComponents, RandomMapsDifferAndAreTheSameWhenComputedAgain) {
  const Spec spec = parse_spec(R"({"version": 1, "maps": {"a": "wrong.nothing_random", "b": "wrong.nothing_random"},
    "terms": [{"maps": ["a", "b"], "match": "again", "compare": "pearson"}]})",
                               "spec.json", with_fixtures());
  const ConsistencyLoss loss(std::make_shared<TorchScriptModel>(normed_model(2)), spec, with_fixtures());
  const at::NoGradGuard no_grad;
  const auto maps = [&] {
    LossTrace trace;
    loss(input_of(2, 2), &trace);
    std::map<std::string, at::Tensor> values;
    for (const LossTrace::Item& item : trace.items) values[item.name] = item.values;
    return values;
  };
  auto first = maps(), second = maps();
  ASSERT_EQ(first.size(), 4U);
  EXPECT_FALSE(at::allclose(first["a"], first["b"]));
  EXPECT_TRUE(at::equal(first["a"], first["a again"]));
  EXPECT_TRUE(at::equal(first["b"], first["b again"]));
  EXPECT_FALSE(at::allclose(first["a"], second["a"]));
}

class BrokenMatcher final : public ResolutionMatcher {
 public:
  explicit BrokenMatcher(bool recomputes) : recomputes_(recomputes) {}
  MatchedPairs match(MatchContext& context, const std::vector<AttentionMap>& maps) const override {
    if (recomputes_) context.recompute(0, context.input());
    return {{{maps[0].values.add(at::ones({3})), false}, maps[0]}};
  }

 private:
  bool recomputes_;
};

TEST(LossComponents, WhatAMatcherThrowsNamesIt) {
  TorchScriptModel model(small_model());
  const std::vector<MapRequest> requests{input_gradient()};
  const at::Tensor x = two_inputs();
  const Target target{at::zeros({2}, at::kLong)};
  MapSet set;
  set.targets = {target};
  set.explained = {{target}};
  const MatchScene scene{model, requests, x, set, 0, false, 0, nullptr};
  const auto said = [&](bool recomputes) {
    Match match;
    match.spec.matcher.id = "acme.broken";
    match.matcher = std::make_shared<BrokenMatcher>(recomputes);
    match.maps = {0};
    return message_of(Fault::run, [&] { run_match(match, scene, {{at::ones({2, 1, 2, 2}), false}}); });
  };
  EXPECT_EQ(said(false),
            "matcher 'acme.broken' failed: The size of tensor a (2) must match the size of tensor b (3) at "
            "non-singleton dimension 3");
  EXPECT_EQ(said(true), "matcher 'acme.broken': it recomputes a map that it did not declare");
}

class BrokenCorrelation final : public Correlation {
 public:
  explicit BrokenCorrelation(bool throws) : throws_(throws) {}
  at::Tensor correlate(const AttentionMap& a, const AttentionMap&) const override {
    if (throws_) throw 42;
    return a.values;
  }

 private:
  bool throws_;
};

TEST(LossComponents, WhatACorrelationThrowsNamesIt) {
  const auto said = [](bool throws) {
    const Comparison how{Normalise::none, "acme.broken", std::make_shared<BrokenCorrelation>(throws)};
    const at::Tensor a = seeded({2, 1, 3, 3}, 1), b = seeded({2, 1, 3, 3}, 2);
    return message_of(Fault::run, [&] { compare({a, false}, {b, false}, how); });
  };
  EXPECT_EQ(said(true), "correlation 'acme.broken' failed: something was thrown that is not a std::exception");
  EXPECT_EQ(said(false), "correlation 'acme.broken' gave no value for every sample");
}

}  // namespace
}  // namespace attune::test
