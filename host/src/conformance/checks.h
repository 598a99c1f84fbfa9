// What every plugin must keep to: one entry for each check.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <attune/catalogue.h>

#include "conformance/subject.h"

namespace attune::conformance {

struct Check {
  std::string id;
  std::vector<ComponentKind> kinds;  // of the components it is for; none: it is for the library as a whole
  std::string demand;                // one line
  // The sentence of a pass; throws Failed or Skipped. Null for those of the library.
  std::string (*run)(const Subject& subject, uint64_t seed) = nullptr;

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

// The checks themselves. `seed` chooses inputs and parameters.
std::string check_parameters(const Subject& subject, uint64_t seed);
std::string check_shapes(const Subject& subject, uint64_t seed);
std::string check_batch(const Subject& subject, uint64_t seed);
std::string check_types(const Subject& subject, uint64_t seed);
std::string check_determinism(const Subject& subject, uint64_t seed);
std::string check_finite(const Subject& subject, uint64_t seed);
std::string check_gradient(const Subject& subject, uint64_t seed);
std::string check_untouched(const Subject& subject, uint64_t seed);
std::string check_threads(const Subject& subject, uint64_t seed);
std::string check_exceptions(const Subject& subject, uint64_t seed);
std::string check_growth(const Subject& subject, uint64_t seed);
std::string check_targets(const Subject& subject, uint64_t seed);
std::string check_reruns(const Subject& subject, uint64_t seed);
std::string check_range(const Subject& subject, uint64_t seed);
std::string check_symmetry(const Subject& subject, uint64_t seed);
std::string check_affine(const Subject& subject, uint64_t seed);
std::string check_self(const Subject& subject, uint64_t seed);

}  // namespace attune::conformance
