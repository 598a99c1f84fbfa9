// Registers one component and then throws.
#include <stdexcept>

#include "fixture.h"

ATTUNE_PLUGIN("throws", "1.0", registry) {
  registry.add_correlation<Dot>(described("throws_dot"));
  throw std::runtime_error("no licence found\nwith a trace");
}
