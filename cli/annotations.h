// What is annotated in the inputs of a command: the files of --boxes.
#pragma once

#include <ATen/core/Tensor.h>
#include <filesystem>
#include <vector>

#include "data/preprocess.h"
#include "data/sample_stream.h"

namespace attune::cli {

// float [N,1,H,W], 1 where something is annotated. Of a picture photo.jpg that is photo.xml in the folder, as PASCAL
// VOC has it, all objects that are not difficult; or photo.png, a mask of the picture's size that is not black there.
// Throws Error(Fault::input) where a sample has neither or is no picture.
at::Tensor annotations(const std::filesystem::path& folder, const std::vector<const Sample*>& samples,
                       const Preprocess& preprocess);

}  // namespace attune::cli
