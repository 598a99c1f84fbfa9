// Registers one component, then one with a bad id, and hides the error.
#include <exception>

#include "fixture.h"

ATTUNE_PLUGIN("swallows", "1.0", registry) {
  registry.add_correlation<Dot>(described("swallows_dot"));
  try {
    registry.add_correlation<Dot>(described("Swallows Dot"));
  } catch (const std::exception&) {
  }
}
