#include "formats/memory_limit.h"

#include <c10/core/impl/alloc_cpu.h>
#include <stdexcept>
#include <string>

#include "model/graph/compat.h"

namespace attune {

struct MemoryLimit::Count : c10::MemoryReportingInfoBase {
  explicit Count(int64_t bytes) : most(bytes) {}

  void reportMemoryUsage(void* data, int64_t bytes, ATTUNE_BYTES, ATTUNE_BYTES, c10::Device device) override {
    if (!device.is_cpu()) return;
    const bool fits = bytes <= most - used;
    if (bytes < 0 || fits) {
      used += bytes;
      return;
    }
    reached = true;
    c10::free_cpu(data);  // nobody has it yet
    throw std::length_error("its values take more than " + std::to_string(most >> 20) + " MiB");
  }
  bool memoryProfilingEnabled() const override { return true; }

  const int64_t most;
  int64_t used = 0;
  bool reached = false;
};

MemoryLimit::MemoryLimit(int64_t most) : count_(std::make_shared<Count>(most)) {}

MemoryLimit::Scope::Scope(const MemoryLimit& limit) {
  const auto kind = c10::DebugInfoKind::PROFILER_STATE;
  if (c10::ThreadLocalDebugInfo::get(kind) == nullptr) guard_.emplace(kind, limit.count_);
}

bool MemoryLimit::was_reached() const { return count_->reached; }

}  // namespace attune
