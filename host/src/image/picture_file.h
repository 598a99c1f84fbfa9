// The few facts of picture files that OpenCV does not tell.
#pragma once

#include <string_view>

namespace attune {

// EXIF's orientation, 1 (upright) to 8, of a JPEG, PNG or WebP file; 1 when there is none. OpenCV honours it for JPEG
// only, and not when transparency or 16 bits are asked for.
int exif_orientation(std::string_view file);

// True for a PNG file whose end is missing. The decoder would fill the rest with grey, with a line on standard error.
bool is_cut_off(std::string_view file);

// True for a PNG file with a wrong checksum in what makes up the picture; libpng too would say so on standard error.
bool is_damaged(std::string_view file);

}  // namespace attune
