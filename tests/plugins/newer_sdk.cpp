// Says that it needs something which this major version of the SDK got later.
#include "fixture.h"

#undef ATTUNE_SDK_MINOR
#define ATTUNE_SDK_MINOR 99

ATTUNE_PLUGIN("newer_sdk", "1.0", registry) { registry.add_correlation<Dot>(described("newer_sdk_dot")); }
