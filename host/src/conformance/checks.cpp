#include "conformance/checks.h"

#include <algorithm>

#include <attune/sdk/error.h>

namespace attune::conformance {
namespace {

const std::vector<ComponentKind> all{ComponentKind::method, ComponentKind::matcher, ComponentKind::correlation};
const std::vector<ComponentKind> methods{ComponentKind::method};
const std::vector<ComponentKind> matchers{ComponentKind::matcher};
const std::vector<ComponentKind> correlations{ComponentKind::correlation};

}  // namespace

bool Check::is_for(ComponentKind kind) const { return std::find(kinds.begin(), kinds.end(), kind) != kinds.end(); }

const std::vector<Check>& checks() {
  static const std::vector<Check> table{
      {"load", {}, "The library loads and registers its components"},
      {"exports", {}, "The library exports attune_plugin_entry and no other symbol"},
      {"parameters", all,
       "Every value that the declarations allow, ends and choices included, gives finite results or an attune::Error; "
       "every other value is refused",
       check_parameters},
      {"shapes", all, "Results have the declared form for every declared rank, for one sample and for three",
       check_shapes},
      {"batch", all, "A batch gives what its samples give one by one", check_batch},
      {"types", all, "float32 and float64 are kept, and give the same values but for rounding", check_types},
      {"determinism", all,
       "Equal inputs give equal results; the pass's generator is the only randomness, and none when declared "
       "deterministic",
       check_determinism},
      {"finite", all,
       "Ordinary inputs work; constant, sparse, tiny and huge ones give finite results and gradients, or an "
       "attune::Error",
       check_finite},
      {"gradient", all, "Where declared differentiable, gradients reach model and inputs and equal finite differences",
       check_gradient},
      {"untouched", all, "Inputs, the model, what a pass hands out, gradient mode and random state stay as they are",
       check_untouched},
      {"threads", all, "One object used by two threads at once gives what it gives to one", check_threads},
      {"exceptions", all, "Where it cannot work, nothing but attune::Error and other std::exceptions comes out of it",
       check_exceptions},
      {"growth", all, "The process does not grow over 200 runs", check_growth},
      {"targets", methods, "Several targets at once give what each gives alone", check_targets},
      {"reruns", matchers, "Only maps that reruns() declares are recomputed", check_reruns},
      {"range", correlations, "Values lie in the declared range", check_range},
      {"symmetry", correlations, "Where declared symmetric, h(a, b) = h(b, a)", check_symmetry},
      {"affine", correlations, "Where declared affine invariant, h(s a + t, b) = h(a, b) for s > 0", check_affine},
      {"self", correlations, "A map agrees at least as well with itself as with itself in another order", check_self},
  };
  return table;
}

const Check& find_check(const std::string& id) {
  std::vector<std::string> ids;
  for (const Check& check : checks()) {
    if (check.id == id) return check;
    ids.push_back(check.id);
  }
  throw Error(Fault::usage,
              "no check is called '" + id + "'" + did_you_mean(id, ids) + "; `attune check --list` lists them");
}

Outcome run_check(const Check& check, const Catalogue& catalogue, const Component& component, uint64_t seed,
                  const TrialModel* own) {
  try {
    const auto run = [&] { return check.run(*make_subject(catalogue, component, own), seed); };
    return {Verdict::passed, attempt("", run)};
  } catch (const Skipped& reason) {
    return {Verdict::skipped, reason.what()};
  } catch (const Failed& reason) {
    return {Verdict::failed, reason.what()};
  }
}

}  // namespace attune::conformance
