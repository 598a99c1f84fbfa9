#include "data/sample_stream.h"

#include <condition_variable>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include <attune/sdk/error.h>

#include "data/decoder.h"
#include "image/mat.h"

namespace attune {
namespace {

// Decoded samples that wait may take this much memory, but for one.
constexpr int64_t kMostBytes = int64_t{256} << 20;

int64_t bytes(const Sample& sample) {
  int64_t sum = sample.input.defined() ? static_cast<int64_t>(sample.input.nbytes()) : 0;
  for (const Image& picture : sample.pictures) sum += picture.numel();
  return sum;
}

}  // namespace

// Threads take tickets in the order of the files; finished samples wait under their ticket's number. A ticket is only
// given out while few samples and bytes wait, but always when none is out, so that the consumer never starves.
class SampleStream::Impl {
 public:
  Impl(std::vector<InputFile> files, StreamOptions options)
      : options_(std::move(options)), work_(std::move(files), options_.spatial_rank) {
    try {
      for (int i = 0; i < options_.decode_threads; ++i) threads_.emplace_back([this] { run(); });
    } catch (...) {
      stop();
      throw;
    }
  }

  ~Impl() { stop(); }

  std::optional<std::vector<Sample>> next() {
    std::vector<Sample> batch;
    at::IntArrayRef shape;
    for (int64_t good = 0; good < options_.batch;) {
      if (!held_) held_ = pull();
      if (!held_) break;
      if (held_->error.empty()) {
        if (good > 0 && held_->input.sizes() != shape) break;
        ++good;
        shape = held_->input.sizes();
      }
      batch.push_back(std::move(*held_));
      held_.reset();
    }
    if (batch.empty()) return {};
    return batch;
  }

 private:
  bool may_claim() const {
    const int64_t out = claimed_ - delivered_;
    return out == 0 || (out < 2 * options_.batch + options_.decode_threads && waiting_bytes_ < kMostBytes);
  }

  void run() {
    std::unique_lock lock(mutex_);
    while (true) {
      room_.wait(lock, [this] { return stopping_ || exhausted_ || may_claim(); });
      if (stopping_ || exhausted_) return;
      const std::optional<Work> work = work_.next();
      if (!work) {
        exhausted_ = true;
        room_.notify_all();
        ready_.notify_all();
        return;
      }
      const int64_t ticket = claimed_++;
      lock.unlock();
      Sample sample = decode(*work, options_);
      lock.lock();
      waiting_bytes_ += bytes(sample);
      done_.emplace(ticket, std::move(sample));
      ready_.notify_all();
    }
  }

  // The next sample in order; nothing at the end.
  std::optional<Sample> pull() {
    std::unique_lock lock(mutex_);
    ready_.wait(lock, [this] { return done_.count(delivered_) || (exhausted_ && delivered_ == claimed_); });
    const auto found = done_.find(delivered_);
    if (found == done_.end()) return {};
    Sample sample = std::move(found->second);
    done_.erase(found);
    ++delivered_;
    waiting_bytes_ -= bytes(sample);
    room_.notify_all();
    return sample;
  }

  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    room_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

  const StreamOptions options_;
  std::optional<Sample> held_;  // taken from the queue, but of another shape than the batch before it

  std::mutex mutex_;  // of all that follows but the threads
  std::condition_variable room_;
  std::condition_variable ready_;
  WorkList work_;
  std::map<int64_t, Sample> done_;
  int64_t claimed_ = 0;
  int64_t delivered_ = 0;
  int64_t waiting_bytes_ = 0;
  bool exhausted_ = false;
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

SampleStream::SampleStream(std::vector<InputFile> files, StreamOptions options) {
  check(options.preprocess);
  if (options.batch < 1) throw Error(Fault::usage, "the batch must be at least 1");
  if (options.frames < 0) throw Error(Fault::usage, "the number of frames must not be negative");
  if (options.decode_threads < 1) throw Error(Fault::usage, "at least one thread must decode");
  prepare_opencv();
  impl_ = std::make_unique<Impl>(std::move(files), std::move(options));
}

SampleStream::~SampleStream() = default;

std::optional<std::vector<Sample>> SampleStream::next() { return impl_->next(); }

}  // namespace attune
