// What decoders of other people find wrong, where OpenCV does not hand it on: written to std::cerr, or nowhere.
#pragma once

#include <string>

namespace attune {

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

}  // namespace attune
