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

// A clip by time: `frames` pictures, `per_second` of them a second, from the start of the video or around its middle.
struct ClipTiming {
  enum class From { start, centre };

  int64_t frames = 16;
  double per_second = 4;
  From from = From::centre;
};

// Throws Error(Fault::spec) unless there is at least one frame, and a number of them a second.
void check(const ClipTiming& timing);

// Each picture is the one that the video shows in the middle of its 1 / per_second seconds. A video that is too short
// repeats its last frame. Throws as above, and for a video that does not say how fast it is.
std::vector<Image> read_clip(const std::filesystem::path& path, const ClipTiming& timing);

}  // namespace attune
