// Its section lies: the facts fit, but the fence says that it was built against another SDK library.
#include "fixture.h"

#undef ATTUNE_ABI_FENCE
#define ATTUNE_ABI_FENCE attune_abi_of_another_world
extern "C" const char ATTUNE_ABI_FENCE;

ATTUNE_PLUGIN("fenced", "1.0", registry) { registry.add_correlation<Dot>(described("fenced_dot")); }
