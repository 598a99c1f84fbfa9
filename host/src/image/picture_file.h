// What OpenCV does not tell of picture files: facts of theirs, and what decoders find wrong with them.
#pragma once

#include <string>
#include <string_view>

#include "image/image.h"

namespace attune {

// EXIF's orientation, 1 (upright) to 8, of a JPEG, PNG or WebP file; 1 when there is none. OpenCV honours it for JPEG
// only, and not when transparency or 16 bits are asked for.
int exif_orientation(std::string_view file);

// What is wrong with a PNG file: its end is missing, which the decoder would fill with grey, or a checksum in what
// makes up the picture is wrong; of either libpng would write to standard error. "" when nothing is, and for other
// files.
std::string png_fault(std::string_view file);

// While one lives, what its thread writes to std::cerr is dropped; other threads' lines pass. C's stderr is not
// affected. Not for nested use.
class Quiet {
 public:
  Quiet();
  ~Quiet();
  Quiet(const Quiet&) = delete;
  Quiet& operator=(const Quiet&) = delete;
};

// While one lives, its thread's errors of libtiff, which OpenCV decodes TIFF files with, are noted. Not for nested use.
class TiffErrors {
 public:
  TiffErrors();
  ~TiffErrors();
  TiffErrors(const TiffErrors&) = delete;
  TiffErrors& operator=(const TiffErrors&) = delete;

  // "" when there is none.
  const std::string& first() const { return first_; }

 private:
  std::string first_;
};

bool is_jpeg(std::string_view file);

// The picture as it lies in the file, not turned upright. Throws Error(Fault::input), naming `path`, for a file that is
// cut off, too large or no picture, and for one whose data are damaged, of which libjpeg only warns before it fills in
// what is missing. May be called by several threads.
Image decode_jpeg(const std::filesystem::path& path, std::string_view file);

}  // namespace attune
