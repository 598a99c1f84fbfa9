// Registers an id that the good plugin has too, after one that is its own.
#include "fixture.h"

ATTUNE_PLUGIN("zz_again", "1.0", registry) {
  registry.add_correlation<Dot>(described("again_dot"));
  registry.add_correlation<Dot>(described("good_dot"));
}
