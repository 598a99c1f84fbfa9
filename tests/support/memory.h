// Memory of the test's own process.
#pragma once

#include <cstdint>
#include <fstream>
#include <malloc.h>
#include <unistd.h>

namespace attune::test {

// A sanitizer keeps freed memory.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool sanitized = true;
#else
inline constexpr bool sanitized = false;
#endif

// Bytes in memory once what was freed is given back: the allocator otherwise returns pages when it likes.
inline int64_t resident() {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
  int64_t pages = 0;
  std::ifstream statm("/proc/self/statm");
  statm >> pages >> pages;
  return pages * sysconf(_SC_PAGESIZE);
}

}  // namespace attune::test
