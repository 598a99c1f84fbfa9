// Shows a function of its own to other libraries.
#include "fixture.h"

ATTUNE_SDK_API int attune_test_helper() { return 1; }

ATTUNE_PLUGIN("wrong.exports", "1.0", registry) { registry.add_correlation<Dot>(described("wrong.exports")); }
