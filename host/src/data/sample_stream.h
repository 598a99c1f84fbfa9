// The inputs of a command, decoded ahead of the model.
#pragma once

#include <memory>

#include "data/inputs.h"
#include "data/preprocess.h"
#include "data/read_ahead.h"
#include "image/nifti.h"

namespace attune {

struct Sample {
  std::string path;                           // of the file
  std::optional<int64_t> row;                 // in a .npy batch
  at::Tensor input;                           // float32 [C,S1..Sd]; undefined when there is an error
  std::vector<Image> pictures;                // one, at its own size; or one per frame; none for arrays
  std::vector<double> times;                  // of the frames of a video, in seconds; NaN where it does not say
  Region region;                              // of the pictures, that the input shows
  Region crop;                                // the same in pixels of the file, whose frames may be larger
  std::shared_ptr<const NiftiHeader> volume;  // of a NIfTI file, which a map of it can be written like
  std::string error;                          // one sentence, when the file could not be read
};

struct StreamOptions {
  Preprocess preprocess;
  int64_t frames = 0;                       // per clip; 0: the model takes pictures
  std::optional<double> frames_per_second;  // of a clip; none: evenly over the video
  int64_t spatial_rank = 2;                 // of the model's input, 3 for clips: tells [C,S1..Sd] from [N,C,S1..Sd]
  int64_t batch = 8;
  int decode_threads = 1;
  // The frames of a clip are kept for drawing at their own size, or so much smaller that all of them take this much.
  int64_t clip_bytes = int64_t{128} << 20;
};

// Pulls batches in the order of the files while threads of its own decode the next ones, within bounds of number and
// memory. Destroying it early is fine.
class SampleStream {
 public:
  // Throws Error(Fault::usage) for options that make no sense.
  SampleStream(std::vector<InputFile> files, StreamOptions options);

  // At most options.batch samples with inputs of one shape, plus, in their place, samples with an error; nothing at the
  // end. A batch may consist of errors only. Never throws for what is wrong with a file.
  std::optional<std::vector<Sample>> next();

 private:
  const StreamOptions options_;
  std::optional<Sample> held_;  // of another shape than the batch before it
  ReadAhead<Sample> samples_;
};

}  // namespace attune
