// A shared library that is no plugin.
#include "mark.h"

extern "C" int answer() { return 42; }
