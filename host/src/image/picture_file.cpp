#include "image/picture_file.h"

#include <array>
#include <cstdarg>
#include <cstdio>
#include <iostream>
#include <streambuf>
#include <tiffio.h>
#include <zlib.h>

#include "image/input_file.h"

namespace attune {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kPng = "\x89PNG\r\n\x1a\n"sv;
constexpr std::string_view kJpeg = "\xff\xd8"sv;
constexpr std::string_view kExif = "Exif\0\0"sv;

std::string_view part(std::string_view bytes, size_t offset, size_t size = std::string_view::npos) {
  return offset < bytes.size() ? bytes.substr(offset, size) : std::string_view();
}

// Unsigned integer at `offset`, 0 outside of the file.
uint32_t number(std::string_view bytes, size_t offset, size_t size, bool big_endian) {
  const std::string_view digits = part(bytes, offset, size);
  return digits.size() < size ? 0 : static_cast<uint32_t>(number_in(digits, big_endian));
}

// `tiff` is the block that begins with its byte order, "II" or "MM".
int orientation_of_tiff(std::string_view tiff) {
  const bool big_endian = tiff.starts_with("MM");
  if (!big_endian && !tiff.starts_with("II")) return 1;
  const size_t directory = number(tiff, 4, 4, big_endian);
  const size_t entries = number(tiff, directory, 2, big_endian);
  for (size_t i = 0; i < entries; ++i) {
    const size_t entry = directory + 2 + 12 * i;
    if (number(tiff, entry, 2, big_endian) != 0x0112) continue;
    const uint32_t value = number(tiff, entry + 8, 2, big_endian);
    return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
  }
  return 1;
}

std::string_view jpeg_exif(std::string_view file) {
  std::string_view exif;
  for (size_t at = 2; at + 4 <= file.size() && file[at] == '\xff';) {
    const auto marker = static_cast<uint8_t>(file[at + 1]);
    if (marker == 0xff) {  // a fill byte
      ++at;
      continue;
    }
    const size_t length = number(file, at + 2, 2, true);
    const std::string_view segment = part(file, at + 4, length < 2 ? 0 : length - 2);
    if (marker == 0xe1 && segment.starts_with(kExif)) exif = segment.substr(kExif.size());
    if (marker == 0xda) break;  // the compressed picture
    at += 2 + length;
  }
  return exif;
}

// The first chunk of that name in a PNG file.
std::string_view png_chunk(std::string_view file, std::string_view name) {
  for (size_t at = kPng.size(); at + 12 <= file.size();) {
    const size_t length = number(file, at, 4, true);
    if (part(file, at + 4, 4) == name) return part(file, at + 4, length + 4);
    at += 12 + length;
  }
  return {};
}

std::string_view webp_exif(std::string_view file) {
  for (size_t at = 12; at + 8 <= file.size();) {
    const size_t length = number(file, at + 4, 4, false);
    if (part(file, at, 4) == "EXIF") {
      const std::string_view chunk = part(file, at + 8, length);
      return chunk.starts_with(kExif) ? chunk.substr(kExif.size()) : chunk;
    }
    at += 8 + length + length % 2;
  }
  return {};
}

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

int exif_orientation(std::string_view file) {
  if (file.starts_with(kJpeg)) return orientation_of_tiff(jpeg_exif(file));
  if (file.starts_with(kPng)) return orientation_of_tiff(part(png_chunk(file, "eXIf"), 4));
  if (file.starts_with("RIFF") && part(file, 8, 4) == "WEBP") return orientation_of_tiff(webp_exif(file));
  return 1;
}

std::string png_fault(std::string_view file) {
  if (!file.starts_with(kPng)) return "";
  bool is_damaged = false;
  for (size_t at = kPng.size(); at + 12 <= file.size();) {
    const size_t length = number(file, at, 4, true);
    const std::string_view chunk = part(file, at + 4, length + 4);
    // A lower-case letter marks what a decoder may skip.
    const bool essential = chunk[0] >= 'A' && chunk[0] <= 'Z';
    const auto sum = crc32(0, reinterpret_cast<const Bytef*>(chunk.data()), static_cast<uInt>(chunk.size()));
    is_damaged = is_damaged || (essential && sum != number(file, at + 8 + length, 4, true));
    if (chunk.starts_with("IEND")) return is_damaged ? "the picture is damaged: a checksum in the file is wrong" : "";
    at += 12 + length;
  }
  return "the picture is cut off: the end of the file is missing";
}

Quiet::Quiet() {
  // Never freed: std::cerr is used until the very end of the process.
  [[maybe_unused]] static std::streambuf* const before = std::cerr.rdbuf(new Sieve(std::cerr.rdbuf()));
  muted = true;
}

Quiet::~Quiet() { muted = false; }

TiffErrors::TiffErrors() {
  [[maybe_unused]] static const auto before = TIFFSetErrorHandlerExt(note_error);
  noted = &first_;
}

TiffErrors::~TiffErrors() { noted = nullptr; }

}  // namespace attune
