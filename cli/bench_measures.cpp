#include "bench_measures.h"

#include <atomic>
#include <c10/core/CPUAllocator.h>
#include <cstdlib>
#include <malloc.h>

#include <attune/sdk/error.h>

#include "demo/pictures.h"
#include "formats/formats.h"
#include "image/image.h"
#include "model/graph/compat.h"

namespace attune::cli {
namespace {

constexpr int64_t pictures = 16;
constexpr int photo_size = 400;  // pixels; about as many as a photo of PASCAL VOC has

StageConfig finetuning() {
  StageConfig stage;
  stage.strategy = &strategies::finetune;
  stage.optimizer.lr = 1e-9;  // so that all steps are alike
  stage.unfreeze = {"*"};
  return stage;
}

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

TemporaryFolder::TemporaryFolder() {
  std::string name = (std::filesystem::temp_directory_path() / "attune-bench-XXXXXX").string();  // filled by mkdtemp
  if (mkdtemp(name.data()) == nullptr) throw Error(Fault::output, name + ": the folder cannot be made");
  path_ = name;
}

TemporaryFolder::~TemporaryFolder() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

TrainingBench::TrainingBench(const Session& session, const std::string& model, const Spec& spec,
                             const std::vector<int64_t>& input_shape, int64_t steps)
    : trained_(read_model(model, session.model->options())),
      loss_(image_model(trained_.source(), session.model->options()), spec, session.catalogue, session.labels),
      stage_(finetuning()),
      trainer_(stage_, trained_, &loss_, *session.model, 0) {
  paint_pictures();
  std::vector<Draw> order;
  for (int64_t i = 0; i < steps * input_shape[0]; ++i) order.push_back({i % pictures, static_cast<uint64_t>(i)});
  loader_.emplace(dataset_, std::move(order), loader_options(input_shape));
  log_.emplace(folder_.path(), RunLog::Size{});
}

void TrainingBench::paint_pictures() {
  for (int64_t i = 0; i < pictures; ++i) {
    Example example;
    example.id = std::to_string(i);
    example.path = folder_.path() / (example.id + ".png");
    write_png(example.path, demo_picture(static_cast<uint64_t>(i), photo_size).image);
    dataset_.examples.push_back(example);
  }
}

LoaderOptions TrainingBench::loader_options(const std::vector<int64_t>& input_shape) const {
  LoaderOptions options;
  options.preprocess = preprocess_of({}, {input_shape[1], input_shape[2], input_shape[3]});
  options.preprocess.size = {input_shape[2], input_shape[3]};
  options.batch = input_shape[0];
  options.augmentations = {Rotate{10}, Flip{0.5, 0}, ColourJitter{0.2, 0.2, 0.2, 0.05}};
  return options;
}

void TrainingBench::step() {
  const auto batch = loader_->next();
  if (!batch) throw Error(Fault::run, "more steps were taken than planned");
  const StepReport report = trainer_.step(*batch, {}, static_cast<uint64_t>(done_), 1);
  ++done_;
  log_->step({"bench",
              1,
              done_,
              {{"rate", report.rate},
               {"consistency_loss", report.consistency_loss},
               {"gradient_norm", report.gradient_norm}}});
}

}  // namespace attune::cli
