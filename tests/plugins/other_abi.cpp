// Built, as far as the host can tell, with another layout of the standard library's types.
#include "fixture.h"

#undef ATTUNE_ABI_LAYOUT
#define ATTUNE_ABI_LAYOUT cxx03
extern "C" const char ATTUNE_ABI_FENCE;

ATTUNE_PLUGIN("other_abi", "1.0", registry) { registry.add_correlation<Dot>(described("other_abi_dot")); }
