// What a spec becomes: objects, and which of them share what.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <attune/consistency_loss.h>

#include "loss/compare.h"
#include "loss/match.h"

namespace attune {

struct Term {
  std::string name;
  double weight = 1;
  Comparison comparison;
  size_t match = 0;  // index of Parts::matches
};

struct ConsistencyLoss::Parts {
  Parts(std::shared_ptr<Model> model, const Spec& spec, const Catalogue& catalogue, const Labels& labels);

  // Throws Error(Fault::spec) when a component that the gradient passes has none.
  void require_gradients() const;
  bool any_graph() const;

  std::shared_ptr<Model> model;
  Spec spec;
  std::vector<TargetChoice> targets;
  std::vector<MapRequest> requests;     // of the maps that terms use, in the order of the spec
  std::vector<Descriptor> descriptors;  // of the requests' methods
  std::vector<Match> matches;
  std::vector<Term> terms;
  std::string without_gradient;  // the component that has no gradient although one is to pass, if any
  mutable std::atomic<uint64_t> next_seed{0};

 private:
  void make_requests(const Catalogue& catalogue);
  size_t match_of(const TermSpec& term, const Catalogue& catalogue);
  Match make_match(const TermSpec& term, const Catalogue& catalogue) const;
  void stop_graphs();
  void find_without_gradient(const Catalogue& catalogue);
};

}  // namespace attune
