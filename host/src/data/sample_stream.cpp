#include "data/sample_stream.h"

#include <utility>

#include <attune/sdk/error.h>

#include "data/decoder.h"
#include "data/read_ahead.h"
#include "data/video.h"
#include "image/mat.h"

namespace attune {
namespace {

int64_t bytes(const Sample& sample) {
  int64_t sum = sample.input.defined() ? static_cast<int64_t>(sample.input.nbytes()) : 0;
  for (const Image& picture : sample.pictures) sum += picture.numel();
  return sum;
}

}  // namespace

class SampleStream::Impl {
 public:
  Impl(std::vector<InputFile> files, StreamOptions options)
      : options_(std::move(options)),
        work_(std::move(files), options_.spatial_rank),
        samples_({[this] { return work_.next(); }, [this](const Work& work) { return decode(work, options_); }, bytes},
                 2 * options_.batch + options_.decode_threads, options_.decode_threads) {}

  std::optional<std::vector<Sample>> next() {
    std::vector<Sample> batch;
    at::IntArrayRef shape;
    for (int64_t good = 0; good < options_.batch;) {
      if (!held_) held_ = samples_.next();
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
  const StreamOptions options_;
  WorkList work_;
  std::optional<Sample> held_;  // of another shape than the batch before it
  ReadAhead<Work, Sample> samples_;
};

SampleStream::SampleStream(std::vector<InputFile> files, StreamOptions options) {
  check(options.preprocess);
  if (options.batch < 1) throw Error(Fault::usage, "the batch must be at least 1");
  if (options.frames < 0) throw Error(Fault::usage, "the number of frames must not be negative");
  if (options.frames > 0) check(ClipTiming{options.frames, options.frames_per_second});
  if (options.decode_threads < 1) throw Error(Fault::usage, "at least one thread must decode");
  prepare_opencv();
  impl_ = std::make_unique<Impl>(std::move(files), std::move(options));
}

SampleStream::~SampleStream() = default;

std::optional<std::vector<Sample>> SampleStream::next() { return impl_->next(); }

}  // namespace attune
