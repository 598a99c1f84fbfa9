// What the file of a video says of itself, where the decoder does not tell, or not every version of it.
#pragma once

#include <filesystem>

namespace attune {

// True when the file is shorter than its own structure says: MP4 and MOV, AVI, Matroska and WebM, GIF. A decoder shows
// the frames that are left and does not mind.
bool is_cut_off_video(const std::filesystem::path& path);

// How stored frames become the shown ones: first transposed, then mirrored left to right and top to bottom.
struct Turn {
  bool transpose = false;
  bool mirror_x = false;
  bool mirror_y = false;
};

// Of the video track of an MP4 or MOV file, where phones note how they were held; none for other files.
Turn turn_of(const std::filesystem::path& path);

}  // namespace attune
