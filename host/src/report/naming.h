// What outputs are called.
#pragma once

#include "data/inputs.h"

namespace attune {

// One stem per file: its own, or with the parent folder, then the extension, then folders further up, where stems are
// equal. Throws Error(Fault::usage) when two files would still share one.
std::vector<std::string> output_stems(const std::vector<InputFile>& files);

// Inputs that a .npy batch holds; 0 for every other file, and for one that cannot be read, which is said when it is.
int64_t rows_of(const InputFile& file, int64_t spatial_rank);

// The stem of row `row` of a .npy batch.
std::string row_stem(const std::string& stem, int64_t row);

// Throws Error(Fault::usage) when rows of a .npy batch would take the name of another input. `spatial_rank` tells a
// batch from a single input.
void check_row_stems(const std::vector<InputFile>& files, const std::vector<std::string>& stems, int64_t spatial_rank);

}  // namespace attune
