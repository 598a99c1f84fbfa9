#include "image/tiff_errors.h"

#include <array>
#include <cstdarg>
#include <cstdio>
#include <mutex>
#include <tiffio.h>

namespace attune {
namespace {

thread_local std::string* noted = nullptr;

// libtiff has this handler beside the one that OpenCV sets.
void note_error(thandle_t, const char*, const char* format, va_list arguments) {
  if (noted == nullptr || !noted->empty()) return;
  std::array<char, 256> text{};
  std::vsnprintf(text.data(), text.size(), format, arguments);
  *noted = text.data();
  if (noted->empty()) *noted = "libtiff fails";
}

}  // namespace

TiffErrors::TiffErrors() {
  static std::once_flag once;
  std::call_once(once, [] { TIFFSetErrorHandlerExt(note_error); });
  noted = &first_;
}

TiffErrors::~TiffErrors() { noted = nullptr; }

}  // namespace attune
