// Clips from video files.
#pragma once

#include <cstdint>
#include <filesystem>
#include <vector>

#include "image/image.h"

namespace attune {

// `frames` pictures sampled evenly over the video: the middle of each of `frames` equal parts. A video with fewer
// frames repeats some, evenly. A container that claims more frames than it has is not trusted. Throws
// Error(Fault::input) for a file that is missing, no video (a still picture), or without frames.
std::vector<Image> read_clip(const std::filesystem::path& path, int64_t frames);

}  // namespace attune
