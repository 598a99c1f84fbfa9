// Matchers and correlations that are wrong in one way each, and one of each that is not; their ids say how.
#include <ATen/ATen.h>

#include <attune/sdk/plugin.h>

namespace {

using namespace attune;

at::Tensor pooled(const at::Tensor& map, at::IntArrayRef extents) {
  if (extents.size() == 1) return at::adaptive_avg_pool1d(map, extents);
  return extents.size() == 2 ? at::adaptive_avg_pool2d(map, extents) : at::adaptive_avg_pool3d(map, extents);
}

// Every map pooled to the size of the first, which is a small one, and paired with it.
MatchedPairs right(const std::vector<AttentionMap>& maps) {
  MatchedPairs pairs;
  for (size_t i = 1; i < maps.size(); ++i) {
    pairs.emplace_back(maps[0], AttentionMap{pooled(maps[i].values, maps[0].values.sizes().slice(2)), false});
  }
  return pairs;
}

class Matcher final : public ResolutionMatcher {
 public:
  using Match = MatchedPairs (*)(MatchContext&, const std::vector<AttentionMap>&);
  explicit Matcher(Match match) : match_(match) {}
  MatchedPairs match(MatchContext& context, const std::vector<AttentionMap>& maps) const override {
    return match_(context, maps);
  }

 private:
  Match match_;
};

class Agreement final : public Correlation {
 public:
  using Compare = at::Tensor (*)(const at::Tensor&, const at::Tensor&);
  explicit Agreement(Compare compare) : compare_(compare) {}
  at::Tensor correlate(const AttentionMap& a, const AttentionMap& b) const override {
    return compare_(a.values.flatten(1), b.values.flatten(1));
  }

 private:
  Compare compare_;
};

at::Tensor unit(const at::Tensor& rows) {
  const at::Tensor scaled = rows / rows.detach().abs().amax(1, true);
  return scaled / scaled.norm(2, 1, true);
}

at::Tensor cosine(const at::Tensor& a, const at::Tensor& b) { return (unit(a) * unit(b)).sum(1); }

at::Tensor pearson(const at::Tensor& a, const at::Tensor& b) {
  return cosine(a - a.mean(1, true), b - b.mean(1, true));
}

Descriptor described(const std::string& name) {
  Descriptor d;
  d.id = "wrong." + name;
  d.title = "Fixture";
  return d;
}

void add(Registry& registry, const std::string& name, Matcher::Match match) {
  registry.add(described(name),
               MatcherFactory([match](const Parameters&) { return std::make_unique<Matcher>(match); }));
}

void add(Registry& registry, Descriptor d, Agreement::Compare compare) {
  d.minimum = -1;
  d.maximum = 1;
  registry.add(d, CorrelationFactory([compare](const Parameters&) { return std::make_unique<Agreement>(compare); }));
}

void add_matchers(Registry& registry) {
  add(registry, "no_matcher", [](MatchContext&, const std::vector<AttentionMap>& maps) { return right(maps); });
  add(registry, "unequal_sizes", [](MatchContext&, const std::vector<AttentionMap>& maps) {
    return MatchedPairs{{maps[0], maps[1]}};
  });
  add(registry, "leaves_one_out", [](MatchContext&, const std::vector<AttentionMap>& maps) {
    return right({maps[0], maps[1]});
  });
  add(registry, "detaches_second", [](MatchContext&, const std::vector<AttentionMap>& maps) {
    std::vector<AttentionMap> cut = maps;
    cut[1].values = cut[1].values.detach();
    return right(cut);
  });
  add(registry, "undeclared", [](MatchContext& context, const std::vector<AttentionMap>& maps) {
    return MatchedPairs{{maps[0], context.recompute(0, context.input())}};
  });
}

void add_correlations(Registry& registry) {
  Descriptor all = described("no_correlation");
  all.symmetric = true;
  all.affine_invariant = true;
  add(registry, all, pearson);
  add(registry, described("range"), [](const at::Tensor& a, const at::Tensor& b) { return 2 * pearson(a, b); });
  add(registry, described("distance"), [](const at::Tensor& a, const at::Tensor& b) { return -pearson(a, b); });
  add(registry, described("tiny"), [](const at::Tensor& a, const at::Tensor& b) {
    return (a * b).sum(1) / ((a * a).sum(1) * (b * b).sum(1)).sqrt();
  });
  Descriptor symmetric = described("asymmetric");
  symmetric.symmetric = true;
  add(registry, symmetric,
      [](const at::Tensor& a, const at::Tensor& b) { return pearson(a, b) * at::sigmoid(unit(a).mean(1)); });
  Descriptor invariant = described("not_affine");
  invariant.affine_invariant = true;
  add(registry, invariant, cosine);
}

}  // namespace

ATTUNE_PLUGIN("wrong.pairs", "1.0", registry) {
  add_matchers(registry);
  add_correlations(registry);
}
