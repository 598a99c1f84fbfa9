// What outputs are called.
#pragma once

#include <string>
#include <vector>

#include "data/inputs.h"

namespace attune::cli {

// One stem per file: its own, or with the parent folder, then the extension, then folders further up, where stems are
// equal. Throws Error(Fault::usage) when two files would still share one.
std::vector<std::string> output_stems(const std::vector<InputFile>& files);

// The stem of row `row` of a .npy batch.
std::string row_stem(const std::string& stem, int64_t row);

// Throws Error(Fault::usage) when rows of a .npy batch would take the name of another input. `spatial_rank` tells a
// batch from a single input.
void check_row_stems(const std::vector<InputFile>& files, const std::vector<std::string>& stems, int64_t spatial_rank);

}  // namespace attune::cli
