// How much LibTorch may allocate while a file is read: a few of its bytes can ask for any number of values.
#pragma once

#include <c10/core/Allocator.h>
#include <c10/util/ThreadLocalDebugInfo.h>
#include <cstdint>
#include <memory>
#include <optional>

namespace attune {

class MemoryLimit {
 public:
  explicit MemoryLimit(int64_t most);  // bytes that may be in use at once

  // While it lives, tensors that this thread makes count; what would be too much throws inside of its operator. Nothing
  // is counted in a thread that is being profiled, as LibTorch reports to one only.
  class Scope {
   public:
    explicit Scope(const MemoryLimit& limit);

   private:
    std::optional<c10::DebugInfoGuard> guard_;
  };

  bool was_reached() const;

 private:
  struct Count;
  std::shared_ptr<Count> count_;
};

}  // namespace attune
