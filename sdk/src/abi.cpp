#include <attune/sdk/abi.h>

const char ATTUNE_ABI_FENCE = 0;
