// What a spec becomes: objects, and which of them share what.
#pragma once

#include <ATen/core/Tensor.h>
#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <attune/consistency_loss.h>
#include <attune/sdk/correlation.h>
#include <attune/sdk/matcher.h>
#include <attune/spec.h>

#include "maps/attend.h"

namespace attune {

// How maps are compared.
struct Comparison {
  Normalise normalise = Normalise::none;
  std::string id;  // of the correlation
  std::shared_ptr<const Correlation> correlation;
};

struct Agreement {
  at::Tensor values;      // [N]
  at::Tensor degenerate;  // [N] boolean
};

// [N], whether each sample's map is constant but for rounding, or so small that its square, or its reciprocal, is lost.
at::Tensor is_constant(const at::Tensor& map);

// The maps normalised and compared. Rows where a map is constant, and those of `without` ([N] boolean or undefined),
// are kept from the correlation: h = 0, no gradient. Throws Error(Fault::run) when the maps differ in shape, or the
// correlation fails or gives no [N].
Agreement compare(const AttentionMap& a, const AttentionMap& b, const Comparison& how, const at::Tensor& without = {});

// The map, normalised, measured, as compare() does it.
Agreement measure(const AttentionMap& map, Normalise normalise, Measure measure);

// [N], of the model's `answer` [N,K] on an input that a matcher made, and `clean`, that on the input itself. Throws
// Error(Fault::usage) for a target that the score does not suit.
at::Tensor scored(const at::Tensor& answer, const at::Tensor& clean, const Target& target, Score score);

// One way to match, for all terms that share it.
struct Match {
  std::string terms;      // their names, "agreement, shape"
  bool compares = false;  // one of them does
  bool scores = false;
  MatchSpec spec;
  std::shared_ptr<const ResolutionMatcher> matcher;
  std::vector<size_t> maps;  // indices of the loss's requests
  std::vector<MapInfo> infos;
  Reruns reruns;  // indices into `maps`
};

struct Matched {
  MatchedPairs pairs;
  std::vector<at::Tensor> answers;  // the model's outputs on the inputs that were made, where terms score them
  at::Tensor saturated;             // [N] boolean; undefined: none
  at::Tensor constant_source;       // [N] boolean: what an input was made from is constant; undefined: none
};

// One input and one of its targets, while a loss is computed.
struct MatchScene {
  Model& model;
  const std::vector<MapRequest>& requests;  // the loss's
  const at::Tensor& input;
  const MapSet& set;    // what was computed of the input
  size_t target_index;  // of the set's targets
  bool graph;           // passes record one
  uint64_t seed;        // of random draws: a map that is computed again draws what it drew before
  LossTrace* trace;
};

// For messages: "matcher 'mask'".
std::string name_of(const MatchSpec& match);

// `maps` are those of `match`, in its order.
Matched run_match(const Match& match, const MatchScene& scene, const std::vector<AttentionMap>& maps);

struct Term {
  std::string name;
  double weight = 1;
  Comparison comparison;
  std::optional<size_t> match = {};  // index of Parts::matches; of what measures none
  std::vector<size_t> maps = {};     // indices of the requests
  std::optional<Measure> measure = {};
  std::optional<Score> score = {};
};

struct ConsistencyLoss::Parts {
  Parts(std::shared_ptr<Model> model, const Spec& spec, const Catalogue& catalogue, const Labels& labels,
        const OtherModels& others);

  // Throws Error(Fault::spec) when a component that the gradient passes has none.
  void require_gradients() const;
  bool any_graph() const;

  std::shared_ptr<Model> model;
  OtherModels others;
  Spec spec;
  std::vector<TargetChoice> targets;
  std::vector<MapRequest> requests;     // of the maps that terms use, in the order of the spec
  std::vector<Descriptor> descriptors;  // of the requests' methods
  std::vector<Match> matches;
  std::vector<Term> terms;
  std::string without_gradient;  // the component that has no gradient although one is to pass, if any
  mutable std::atomic<uint64_t> next_seed{0};

 private:
  void open_others(const OtherModels& given);
  void make_requests(const Catalogue& catalogue, const Labels& labels);
  Term make_term(const TermSpec& term, const Catalogue& catalogue);
  size_t match_of(const TermSpec& term, const Catalogue& catalogue);
  Match make_match(const TermSpec& term, const Catalogue& catalogue) const;
  void stop_graphs();
  void find_without_gradient(const Catalogue& catalogue);
};

}  // namespace attune
