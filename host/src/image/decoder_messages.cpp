#include "image/decoder_messages.h"

#include <array>
#include <cstdarg>
#include <cstdio>
#include <iostream>
#include <mutex>
#include <streambuf>
#include <tiffio.h>

namespace attune {
namespace {

thread_local bool muted = false;

// Exchanging std::cerr's buffer around every call would hit other threads; this one stays and looks who is writing.
class Sieve : public std::streambuf {
 public:
  explicit Sieve(std::streambuf* target) : target_(target) {}

 protected:
  int_type overflow(int_type character) override {
    if (muted || traits_type::eq_int_type(character, traits_type::eof())) return traits_type::not_eof(character);
    return target_->sputc(traits_type::to_char_type(character));
  }
  std::streamsize xsputn(const char* text, std::streamsize size) override {
    return muted ? size : target_->sputn(text, size);
  }
  int sync() override { return muted ? 0 : target_->pubsync(); }

 private:
  std::streambuf* target_;
};

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

Quiet::Quiet() {
  static std::once_flag once;
  // Never freed: std::cerr is used until the very end of the process.
  std::call_once(once, [] { std::cerr.rdbuf(new Sieve(std::cerr.rdbuf())); });
  muted = true;
}

Quiet::~Quiet() { muted = false; }

TiffErrors::TiffErrors() {
  static std::once_flag once;
  std::call_once(once, [] { TIFFSetErrorHandlerExt(note_error); });
  noted = &first_;
}

TiffErrors::~TiffErrors() { noted = nullptr; }

}  // namespace attune
