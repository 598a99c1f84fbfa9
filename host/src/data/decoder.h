// One file, or one row of a .npy batch, to one sample.
#pragma once

#include <memory>
#include <optional>

#include "data/sample_stream.h"
#include "image/npy.h"

namespace attune {

// What one sample is made from.
struct Work {
  InputFile file;
  std::shared_ptr<const NpyFile> npy;  // opened already, for .npy files
  std::optional<int64_t> row;
};

// Walks through files and the rows of .npy batches. Not for several threads at once.
class WorkList {
 public:
  WorkList(std::vector<InputFile> files, int64_t spatial_rank);

  std::optional<Work> next();

 private:
  Work first_of(InputFile file);

  std::vector<InputFile> files_;
  int64_t spatial_rank_;
  size_t position_ = 0;  // of the next file
  Work current_;         // a .npy batch whose rows are being handed out
  int64_t rows_left_ = 0;
};

// Never throws for what is wrong with the file: Sample::error says it.
Sample decode(const Work& work, const StreamOptions& options);

}  // namespace attune
