// A plugin that is fine and whose static constructor leaves a mark: the counterpart of the refused ones.
#include "fixture.h"

ATTUNE_PLUGIN("marked", "1.0", registry) { registry.add_correlation<Dot>(described("marked_dot")); }
