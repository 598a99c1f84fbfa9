// Calls a function that no library has.
#include "fixture.h"

void nobody_defines_this();

ATTUNE_PLUGIN("undefined", "1.0", registry) {
  nobody_defines_this();
  registry.add_correlation<Dot>(described("undefined_dot"));
}
