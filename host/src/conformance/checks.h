// What every plugin must keep to: one entry for each check.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <attune/catalogue.h>

#include "conformance/subject.h"

namespace attune::conformance {

// The sentence of a pass; throws Failed or Skipped. `seed` chooses inputs and parameters.
using RunCheck = std::string(const Subject& subject, uint64_t seed);

struct Check {
  std::string id;
  std::vector<ComponentKind> kinds;  // of the components it is for; none: it is for the library as a whole
  std::string demand;                // one line
  RunCheck* run = nullptr;           // null for those of the library

  bool is_for(ComponentKind kind) const;
};

// In the order in which they are run.
const std::vector<Check>& checks();
// Throws Error(Fault::usage) with the nearest id.
const Check& find_check(const std::string& id);

// Calls the plugin's code, which may do anything: end the process, or never return.
// Methods run on small models, or on `own`.
Outcome run_check(const Check& check, const Catalogue& catalogue, const Component& component, uint64_t seed,
                  const TrialModel* own = nullptr);
// "exports"
Outcome check_exports(const std::filesystem::path& library);

// The checks themselves.
RunCheck check_parameters, check_shapes, check_batch, check_types, check_determinism, check_finite, check_gradient,
    check_untouched, check_threads, check_exceptions, check_growth, check_targets, check_reruns, check_range,
    check_symmetry, check_affine, check_self;

}  // namespace attune::conformance
