#include "image/quiet.h"

#include <iostream>
#include <mutex>
#include <streambuf>

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

}  // namespace

Quiet::Quiet() {
  static std::once_flag once;
  // Never freed: std::cerr is used until the very end of the process.
  std::call_once(once, [] { std::cerr.rdbuf(new Sieve(std::cerr.rdbuf())); });
  muted = true;
}

Quiet::~Quiet() { muted = false; }

}  // namespace attune
