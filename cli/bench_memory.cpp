#include "bench_memory.h"

#include <atomic>
#include <c10/core/CPUAllocator.h>
#include <malloc.h>

#include "model/graph/compat.h"

namespace attune::cli {
namespace {

std::atomic<int64_t> alive_bytes{0};
std::atomic<int64_t> peak_bytes{0};

void count(int64_t bytes) {
  const int64_t now = alive_bytes += bytes;
  int64_t peak = peak_bytes.load();
  while (now > peak && !peak_bytes.compare_exchange_weak(peak, now)) {
  }
}

// LibTorch's own allocator, with a count of the bytes. Lives for good: tensors outlast the counter. Memory is handed
// out as it is, without a record of its own: some operators allocate and free it raw, by its address alone.
class CountingAllocator final : public c10::Allocator {
 public:
  explicit CountingAllocator(c10::Allocator* inner) : inner_(inner) {}

  at::DataPtr allocate(size_t bytes) ATTUNE_ALLOCATE_CONST override {
    void* data = inner_->raw_allocate(bytes);
    count(static_cast<int64_t>(malloc_usable_size(data)));
    return {data, data, &release, at::Device(at::kCPU)};
  }
  at::DeleterFnPtr raw_deleter() const override { return &release; }
  ATTUNE_ALLOCATOR_COPY_DATA

  c10::Allocator* inner() const { return inner_; }

 private:
  static void release(void* data);

  c10::Allocator* inner_;
};

CountingAllocator& counting_allocator() {
  static auto* allocator = new CountingAllocator(c10::GetCPUAllocator());
  return *allocator;
}

void CountingAllocator::release(void* data) {
  alive_bytes -= static_cast<int64_t>(malloc_usable_size(data));
  counting_allocator().inner()->raw_deallocate(data);
}

}  // namespace

MemoryCounter::MemoryCounter() {
  CountingAllocator& allocator = counting_allocator();
  alive_bytes = 0;
  peak_bytes = 0;
  c10::SetCPUAllocator(&allocator);
}

MemoryCounter::~MemoryCounter() { c10::SetCPUAllocator(counting_allocator().inner()); }

int64_t MemoryCounter::peak() const { return peak_bytes; }
int64_t MemoryCounter::alive() const { return alive_bytes; }

}  // namespace attune::cli
