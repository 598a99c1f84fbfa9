// Built, as far as the host can tell, with another LibTorch; its fence is a symbol that does not exist here.
#include "fixture.h"

#undef TORCH_VERSION_MINOR
#define TORCH_VERSION_MINOR 99
extern "C" const char ATTUNE_ABI_FENCE;

ATTUNE_PLUGIN("other_torch", "1.0", registry) { registry.add_correlation<Dot>(described("other_torch_dot")); }
