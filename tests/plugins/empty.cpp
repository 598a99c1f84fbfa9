// Registers nothing.
#include "fixture.h"

ATTUNE_PLUGIN("empty", "1.0", registry) { (void)registry; }
