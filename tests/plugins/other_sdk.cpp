// Says that it was built with the first major version of the SDK.
#include "fixture.h"

#undef ATTUNE_SDK_MAJOR
#define ATTUNE_SDK_MAJOR 1

ATTUNE_PLUGIN("other_sdk", "1.0", registry) { registry.add_correlation<Dot>(described("other_sdk_dot")); }
