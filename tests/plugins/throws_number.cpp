// Registers one component and then throws what is no std::exception.
#include "fixture.h"

ATTUNE_PLUGIN("throws_number", "1.0", registry) {
  registry.add_correlation<Dot>(described("throws_number_dot"));
  throw 42;
}
