#include <algorithm>
#include <csetjmp>
#include <cstdio>
#include <cstring>
#include <iterator>

#include "image/input_file.h"
#include "image/picture_file.h"

// Each needs those before it.
// clang-format off
#include <jpeglib.h>
#include <jerror.h>
// clang-format on

namespace attune {
namespace {

constexpr int64_t kMostPixels = int64_t{1} << 30;  // as OpenCV has it for the other formats

// Warnings of the compressed data. Others are of headers that hardly any program looks at, and leave the picture whole.
constexpr int kDamage[] = {JWRN_EXTRANEOUS_DATA, JWRN_HIT_MARKER, JWRN_HUFF_BAD_CODE,    JWRN_ARITH_BAD_CODE,
                           JWRN_MUST_RESYNC,     JWRN_JPEG_EOF,   JWRN_BOGUS_PROGRESSION};

// libjpeg knows its first member only.
struct Complaints {
  jpeg_error_mgr manager;
  std::jmp_buf give_up;
  int damage = 0;  // the first warning of the data
  char text[JMSG_LENGTH_MAX] = {};
};

Complaints& complaints_of(j_common_ptr info) { return *reinterpret_cast<Complaints*>(info->err); }

[[noreturn]] void give_up(j_common_ptr info) {
  Complaints& complaints = complaints_of(info);
  if (complaints.damage == 0) info->err->format_message(info, complaints.text);
  std::longjmp(complaints.give_up, 1);
}

// Negative levels are warnings, the others traces.
void note(j_common_ptr info, int level) {
  Complaints& complaints = complaints_of(info);
  const int code = info->err->msg_code;
  const bool is_damage = level < 0 && std::find(std::begin(kDamage), std::end(kDamage), code) != std::end(kDamage);
  if (!is_damage || complaints.damage != 0) return;
  complaints.damage = code;
  info->err->format_message(info, complaints.text);
}

class Decoder {
 public:
  explicit Decoder(std::string_view file) : file_(file) {
    info.err = jpeg_std_error(&complaints.manager);
    complaints.manager.error_exit = give_up;
    complaints.manager.emit_message = note;
  }
  ~Decoder() { jpeg_destroy_decompress(&info); }
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;

  // Runs a step, whose calls of libjpeg may jump out of it, so that nothing in it may need a destructor. False then.
  [[gnu::noinline]] bool run(void (*step)(Decoder&)) {
    if (setjmp(complaints.give_up) != 0) return false;
    step(*this);
    return true;
  }

  static void read_header(Decoder& self) {
    jpeg_create_decompress(&self.info);
    jpeg_mem_src(&self.info, reinterpret_cast<const unsigned char*>(self.file_.data()), self.file_.size());
    jpeg_read_header(&self.info, TRUE);
    const bool is_cmyk = self.info.jpeg_color_space == JCS_CMYK || self.info.jpeg_color_space == JCS_YCCK;
    self.info.out_color_space = is_cmyk ? JCS_CMYK : JCS_RGB;
    jpeg_calc_output_dimensions(&self.info);
  }

  static void read_rows(Decoder& self) {
    jpeg_start_decompress(&self.info);
    const size_t stride = size_t{3} * self.info.output_width;
    while (self.info.output_scanline < self.info.output_height) {
      uint8_t* target = self.pixels + stride * self.info.output_scanline;
      JSAMPROW row = self.cmyk ? self.cmyk : target;
      jpeg_read_scanlines(&self.info, &row, 1);
      if (self.cmyk) self.row_to_rgb(target);
    }
    jpeg_finish_decompress(&self.info);
  }

  // Adobe's programs, which write nearly all of these files, invert them.
  void row_to_rgb(uint8_t* rgb) const {
    const int invert = info.saw_Adobe_marker ? 0 : 255;
    for (JDIMENSION x = 0; x < info.output_width; ++x) {
      const int light = cmyk[4 * x + 3] ^ invert;
      for (JDIMENSION c = 0; c < 3; ++c) {
        rgb[3 * x + c] = static_cast<uint8_t>(((cmyk[4 * x + c] ^ invert) * light + 127) / 255);
      }
    }
  }

  jpeg_decompress_struct info{};
  Complaints complaints{};
  uint8_t* pixels = nullptr;  // where rows go
  uint8_t* cmyk = nullptr;    // a row of such a picture

 private:
  const std::string_view file_;
};

[[noreturn]] void refuse_jpeg(const std::filesystem::path& path, const Complaints& complaints) {
  std::string what = complaints.text;
  if (complaints.damage == JWRN_JPEG_EOF) {
    what = "the picture is cut off: the end of the file is missing";
  } else if (complaints.damage != 0) {
    const std::string_view prefix = "Corrupt JPEG data: ";
    what = "the picture is damaged: " + (what.starts_with(prefix) ? what.substr(prefix.size()) : what);
  } else {
    what = "is not a picture that can be decoded (" + what + ")";
  }
  refuse_input(path, what);
}

}  // namespace

bool is_jpeg(std::string_view file) { return file.starts_with("\xff\xd8\xff"); }

Image decode_jpeg(const std::filesystem::path& path, std::string_view file) {
  Decoder decoder(file);
  if (!decoder.run(Decoder::read_header)) refuse_jpeg(path, decoder.complaints);
  const int64_t height = decoder.info.output_height, width = decoder.info.output_width;
  if (height * width > kMostPixels) refuse_input(path, "the picture is too large (more than 2^30 pixels)");
  Image image = allocated(path, "the picture", {height, width, 3}, at::kByte);
  std::vector<uint8_t> row(decoder.info.out_color_space == JCS_CMYK ? static_cast<size_t>(4 * width) : 0);
  decoder.pixels = image.data_ptr<uint8_t>();
  decoder.cmyk = row.empty() ? nullptr : row.data();
  if (!decoder.run(Decoder::read_rows) || decoder.complaints.damage != 0) refuse_jpeg(path, decoder.complaints);
  return image;
}

}  // namespace attune
