// Clips from video files.
#pragma once

#include <functional>
#include <optional>

#include "image/image.h"

namespace attune {

// Which frames of a video become a clip: `per_second` of them a second, from its start or around its middle, each the
// one that the video shows in the middle of its 1 / per_second seconds. Without that, the middles of `frames` equal
// parts of the whole video.
struct ClipTiming {
  enum class From { start, centre };

  int64_t frames = 16;
  std::optional<double> per_second{};
  From from = From::centre;
};

// Throws Error(Fault::spec) unless there is at least one frame, and a number of them a second that is more than 0.
void check(const ClipTiming& timing);

// Frame `index` of a clip, and when the video shows it, in seconds (NaN when it does not say how fast it is). It may
// come again, when the file turns out to hold other than it says.
using FrameVisitor = std::function<void(int64_t index, const Image& frame, double seconds)>;

// Visits all frames of a clip, as a player shows them. A video with fewer frames repeats some, evenly; one that is too
// short for its timing repeats the last. A container that claims more frames than it has is not trusted. Throws
// Error(Fault::input) for a file that is missing, cut off, no video (a still picture), or without frames, and for one
// that does not say how fast it is when that is needed.
void read_clip(const std::filesystem::path& path, const ClipTiming& timing, const FrameVisitor& visit);

// True when the file is shorter than its own structure says: MP4 and MOV, AVI, Matroska and WebM, GIF. A decoder shows
// the frames that are left and does not mind.
bool is_cut_off_video(const std::filesystem::path& path);

// EXIF's number for the way that the frames of an MP4 or MOV file's video track are turned, where phones note how they
// were held; 1, upright, for other files.
int orientation_of(const std::filesystem::path& path);

}  // namespace attune
