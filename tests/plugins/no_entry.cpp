// Has the section but not the entry.
#include <attune/sdk/abi.h>

#define attune_plugin_entry another_entry
#include "fixture.h"

ATTUNE_PLUGIN("no_entry", "1.0", registry) { registry.add_correlation<Dot>(described("no_entry_dot")); }
