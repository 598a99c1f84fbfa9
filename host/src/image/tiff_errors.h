// What libtiff, which OpenCV decodes TIFF files with, finds wrong and OpenCV does not hand on.
#pragma once

#include <string>

namespace attune {

// While one lives, its thread's errors of libtiff are noted. Not for nested use.
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
