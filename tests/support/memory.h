// Memory of the test's own process.
#pragma once

#include <cstdint>
#include <malloc.h>

namespace attune::test {

// A sanitizer keeps freed memory.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool sanitized = true;
#else
inline constexpr bool sanitized = false;
#endif

// Bytes that are allocated. Pages in memory, which the kernel takes and gives as other processes need them, would say
// something of the machine.
inline int64_t allocated() {
  const auto memory = mallinfo2();
  return static_cast<int64_t>(memory.uordblks + memory.hblkhd);
}

}  // namespace attune::test
