// How many bytes of tensors are alive on the CPU.
#pragma once

#include <cstdint>

namespace attune::cli {

// While it lives, allocations of CPU tensors are counted. One at a time; a program's threads may allocate freely.
class MemoryCounter {
 public:
  MemoryCounter();
  ~MemoryCounter();
  MemoryCounter(const MemoryCounter&) = delete;
  MemoryCounter& operator=(const MemoryCounter&) = delete;

  int64_t peak() const;   // the most bytes that were alive at once, of those allocated since
  int64_t alive() const;  // bytes allocated since that are alive now
};

}  // namespace attune::cli
