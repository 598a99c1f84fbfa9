// JPEG files, by libjpeg itself: OpenCV does not hand on what the decoder finds wrong with a file.
#pragma once

#include <filesystem>
#include <string_view>

#include "image/image.h"

namespace attune {

bool is_jpeg(std::string_view file);

// The picture as it lies in the file, not turned upright. Throws Error(Fault::input), naming `path`, for a file that is
// cut off, too large or no picture, and for one whose data are damaged, of which libjpeg only warns before it fills in
// what is missing. May be called by several threads.
Image decode_jpeg(const std::filesystem::path& path, std::string_view file);

}  // namespace attune
