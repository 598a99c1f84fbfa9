#include "data/sample_stream.h"

#include <ATen/ops/empty.h>
#include <cmath>

#include "data/video.h"
#include "image/input_file.h"
#include "image/mat.h"
#include "image/npy.h"

namespace attune {
namespace {

// What one sample is made from.
struct Work {
  InputFile file;
  std::shared_ptr<const NpyFile> npy;  // opened already, for .npy files
  std::optional<int64_t> row;
};

std::string axes(int64_t rank, bool batch) {
  std::string text = batch ? "[N,C" : "[C";
  for (int64_t i = 1; i <= rank; ++i) text += ",S" + std::to_string(i);
  return text + "]";
}

void decode_picture(Sample& sample, const StreamOptions& options) {
  if (options.frames > 0) {
    refuse_input(sample.path, "is a still picture, but the model takes clips; give it a video");
  }
  if (options.spatial_rank != 2) {
    refuse_input(sample.path,
                 "is a picture, but the model takes " + axes(options.spatial_rank, false) + "; give it a .npy file");
  }
  sample.pictures.push_back(read_image(sample.path));
  sample.input = preprocess(sample.pictures[0], options.preprocess);
  sample.region = sample.crop = covered(sample.pictures[0].size(0), sample.pictures[0].size(1), options.preprocess);
}

// The picture, or a smaller one when it takes more bytes.
Image within(const Image& picture, int64_t bytes) {
  if (picture.numel() <= bytes) return picture;
  const double scale = std::sqrt(static_cast<double>(bytes) / static_cast<double>(picture.numel()));
  const auto side = [&](int64_t length) {
    return std::max<int64_t>(1, static_cast<int64_t>(scale * static_cast<double>(length)));
  };
  return resize(picture, side(picture.size(0)), side(picture.size(1)));
}

void decode_clip(Sample& sample, const StreamOptions& options) {
  if (options.frames == 0) refuse_input(sample.path, "is a video, but the model does not take clips");
  sample.pictures.resize(static_cast<size_t>(options.frames));
  sample.times.resize(static_cast<size_t>(options.frames));
  const auto [height, width] = options.preprocess.size;
  const auto channels = static_cast<int64_t>(options.preprocess.mean.size());
  sample.input = at::empty({channels, options.frames, height, width}, at::kFloat);
  const ClipTiming timing{options.frames, options.frames_per_second};
  read_clip(sample.path, timing, [&](int64_t index, const Image& frame, double seconds) {
    sample.times[static_cast<size_t>(index)] = seconds;
    sample.input.select(1, index).copy_(preprocess(frame, options.preprocess));
    const Image kept = within(frame, options.clip_bytes / options.frames);
    sample.pictures[static_cast<size_t>(index)] = kept;
    const Region all = whole(frame), shown = whole(kept);
    sample.crop = covered(frame.size(0), frame.size(1), options.preprocess);
    sample.region = sample.crop.scaled(shown.width / all.width, shown.height / all.height);
  });
}

// A volume is [C,X,Y,Z]; one of a single slice may also be the input of a model for pictures.
void decode_volume(Sample& sample, const StreamOptions& options) {
  NiftiVolume volume = read_nifti(sample.path);
  at::Tensor values = volume.values;
  if (options.spatial_rank == 2 && values.size(3) == 1) values = values.squeeze(3);
  if (values.dim() != options.spatial_rank + 1) {
    refuse_input(sample.path, "is a volume of shape " + shape_text(values.sizes().vec()) + "; the model takes " +
                                  axes(options.spatial_rank, false));
  }
  sample.input = values;
  sample.volume = std::make_shared<const NiftiHeader>(volume.header);
}

void decode_into(Sample& sample, const Work& work, const StreamOptions& options) {
  if (!work.file.error.empty()) throw Error(Fault::input, work.file.error);
  const InputKind kind = work.file.kind;
  if (kind == InputKind::image) decode_picture(sample, options);
  if (kind == InputKind::video) decode_clip(sample, options);
  if (kind == InputKind::nifti) decode_volume(sample, options);
  if (kind == InputKind::npy) sample.input = work.row ? work.npy->read_row(*work.row) : work.npy->read();
}

// Walks through files and the rows of .npy batches. Not for several threads at once.
class WorkList {
 public:
  WorkList(std::vector<InputFile> files, int64_t spatial_rank)
      : files_(std::move(files)), spatial_rank_(spatial_rank) {}

  std::optional<Work> next() {
    if (work_.row && ++*work_.row < work_.npy->shape()[0]) return work_;
    if (position_ == files_.size()) return {};
    return work_ = first_of(files_[position_++]);
  }

 private:
  Work first_of(const InputFile& file) const {
    Work work{file, nullptr, {}};
    if (file.kind != InputKind::npy || !file.error.empty()) return work;
    try {
      work.npy = std::make_shared<NpyFile>(file.path);
      const auto rank = static_cast<int64_t>(work.npy->shape().size());
      if (rank == spatial_rank_ + 2) work.row = 0;
      if (rank != spatial_rank_ + 1 && rank != spatial_rank_ + 2) {
        work.file.error = file.path + ": has the shape " + shape_text(work.npy->shape()) + "; the model takes " +
                          axes(spatial_rank_, false) + ", or " + axes(spatial_rank_, true) + " for several inputs";
      }
    } catch (const std::exception& error) {
      work.file.error = error.what();
    }
    return work;
  }

  std::vector<InputFile> files_;
  int64_t spatial_rank_;
  size_t position_ = 0;  // of the next file
  Work work_;            // that was handed out last
};

// Never throws for what is wrong with the file: Sample::error says it.
Sample decode(const Work& work, const StreamOptions& options) {
  Sample sample;
  sample.path = work.file.path;
  sample.row = work.row;
  sample.error = attempt(sample.path, [&] { decode_into(sample, work, options); });
  if (sample.error.empty()) return sample;
  sample.pictures.clear();
  sample.input = at::Tensor();
  return sample;
}

int64_t bytes(const Sample& sample) {
  int64_t sum = sample.input.defined() ? static_cast<int64_t>(sample.input.nbytes()) : 0;
  for (const Image& picture : sample.pictures) sum += picture.numel();
  return sum;
}

StreamOptions checked(StreamOptions options) {
  check(options.preprocess);
  if (options.batch < 1) throw Error(Fault::usage, "the batch must be at least 1");
  if (options.frames < 0) throw Error(Fault::usage, "the number of frames must not be negative");
  if (options.frames > 0) check(ClipTiming{options.frames, options.frames_per_second});
  if (options.decode_threads < 1) throw Error(Fault::usage, "at least one thread must decode");
  prepare_opencv();
  return options;
}

}  // namespace

SampleStream::SampleStream(std::vector<InputFile> files, StreamOptions options)
    : options_(checked(std::move(options))),
      samples_(
          [this, list = WorkList(std::move(files), options_.spatial_rank)]() mutable -> std::function<Sample()> {
            const std::optional<Work> work = list.next();
            if (!work) return {};
            return [this, work = *work] { return decode(work, options_); };
          },
          bytes, 2 * options_.batch + options_.decode_threads, options_.decode_threads) {}

std::optional<std::vector<Sample>> SampleStream::next() {
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

}  // namespace attune
