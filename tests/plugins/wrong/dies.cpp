// Ends the process as soon as it is loaded.
#include <csignal>

#include "fixture.h"

namespace {

const int ended = std::raise(SIGSEGV);

}  // namespace

ATTUNE_PLUGIN("wrong.dies", "1.0", registry) { registry.add_correlation<Dot>(described("wrong.dies")); }
