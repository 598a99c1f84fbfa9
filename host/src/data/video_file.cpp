// What the file of a video says of itself, where the decoder does not tell, or not every version of it.
#include <cstdlib>
#include <fstream>

#include "data/video.h"
#include "image/input_file.h"

namespace attune {
namespace {

using namespace std::string_view_literals;

constexpr size_t kMostBoxes = 100000;  // in one box; damaged files may claim endless ones

// Bytes of a file, wherever they are asked for.
class FileBytes {
 public:
  explicit FileBytes(const std::filesystem::path& path)
      : stream_(path, std::ios::binary), size_(static_cast<int64_t>(input_size(path))) {}

  int64_t size() const { return size_; }

  // Zeros outside of the file.
  std::string text(int64_t offset, int64_t count) {
    std::string bytes(static_cast<size_t>(count), '\0');
    if (offset < 0 || offset > size_ - count) return bytes;
    stream_.clear();
    stream_.seekg(offset);
    stream_.read(bytes.data(), count);
    return bytes;
  }

  uint64_t big_endian(int64_t offset, int64_t count) { return number_in(text(offset, count), true); }
  uint64_t little_endian(int64_t offset) { return number_in(text(offset, 4), false); }

 private:
  std::ifstream stream_;
  int64_t size_;
};

// A box of an MP4 file: its contents lie from `begin` to `end`, which may be beyond the end of the file.
struct Mp4Box {
  std::string type;
  int64_t begin = 0, end = 0;
};

std::vector<Mp4Box> boxes_in(FileBytes& file, const Mp4Box& around) {
  std::vector<Mp4Box> found;
  for (int64_t at = around.begin, end = around.end; at + 8 <= end && found.size() < kMostBoxes;) {
    auto size = static_cast<int64_t>(file.big_endian(at, 4));
    int64_t header = 8;
    if (size == 0) size = end - at;
    if (size == 1) {
      size = static_cast<int64_t>(file.big_endian(at + 8, 8));
      header = 16;
    }
    if (size < header || size > INT64_MAX - at) break;
    found.push_back({file.text(at + 4, 4), at + header, at + size});
    at += size;
  }
  return found;
}

bool is_mp4(FileBytes& file) {
  const std::string type = file.text(4, 4);
  return type == "ftyp" || type == "moov" || type == "mdat" || type == "wide" || type == "free";
}

bool is_cut_off_mp4(FileBytes& file) {
  for (const Mp4Box& box : boxes_in(file, {"", 0, file.size()})) {
    const bool is_known = box.type == "mdat" || box.type == "moov" || box.type == "moof";
    if (is_known && box.end > file.size()) return true;
  }
  return false;
}

// A large AVI file is several, one after the other.
bool is_cut_off_avi(FileBytes& file) {
  int64_t end = 0;
  while (file.text(end, 4) == "RIFF") end += 8 + static_cast<int64_t>(file.little_endian(end + 4));
  return end > file.size();
}

// A number of EBML begins with as many zero bits as it has bytes more than one. All of its bits set: not known.
struct EbmlNumber {
  int64_t value = 0, bytes = 0;
  bool is_known = false;
};

EbmlNumber ebml_number(FileBytes& file, int64_t offset) {
  const auto first = static_cast<uint8_t>(file.text(offset, 1)[0]);
  int64_t bytes = 1;
  while (bytes <= 8 && (first & (0x80 >> (bytes - 1))) == 0) ++bytes;
  if (bytes > 8) return {};
  const uint64_t most = (uint64_t{1} << (7 * bytes)) - 1, value = file.big_endian(offset, bytes) & most;
  return {static_cast<int64_t>(value), bytes, value != most};
}

bool is_cut_off_matroska(FileBytes& file) {
  const EbmlNumber header = ebml_number(file, 4);
  const int64_t segment = 4 + header.bytes + header.value;
  if (!header.is_known || file.text(segment, 4) != "\x18\x53\x80\x67") return false;
  const EbmlNumber size = ebml_number(file, segment + 4);
  return size.is_known && segment + 4 + size.bytes + size.value > file.size();
}

// Behind the blocks that begin at `at`, each with its size, up to an empty one.
size_t behind_blocks(std::string_view file, size_t at) {
  while (at < file.size() && file[at] != '\0') at += 1 + static_cast<uint8_t>(file[at]);
  return at + 1;
}

// Behind a table of colours that a byte of flags tells of.
size_t behind_colours(uint8_t flags, size_t at) { return (flags & 0x80) != 0 ? at + (size_t{6} << (flags & 7)) : at; }

bool is_cut_off_gif(std::string_view file) {
  const auto byte = [&](size_t at) { return at < file.size() ? static_cast<uint8_t>(file[at]) : uint8_t{0}; };
  size_t at = behind_colours(byte(10), 13);
  while (at < file.size()) {
    if (file[at] == ';') return false;
    if (file[at] == '!') {
      at = behind_blocks(file, at + 2);
    } else if (file[at] == ',') {
      at = behind_blocks(file, behind_colours(byte(at + 9), at + 10) + 1);
    } else {
      return false;  // damaged otherwise, of which the decoder tells
    }
  }
  return true;
}

std::optional<Mp4Box> box_in(FileBytes& file, const Mp4Box& around, std::string_view type) {
  for (const Mp4Box& box : boxes_in(file, around)) {
    if (box.type == type) return box;
  }
  return {};
}

bool is_video_track(FileBytes& file, const Mp4Box& track) {
  const auto media = box_in(file, track, "mdia");
  const auto handler = media ? box_in(file, *media, "hdlr") : media;
  return handler && file.text(handler->begin + 8, 4) == "vide";
}

// The track's matrix takes x to a x + c y, and y to b x + d y.
int orientation_of_track(FileBytes& file, const Mp4Box& header) {
  const bool has_long_times = file.text(header.begin, 1)[0] == 1;
  const int64_t matrix = header.begin + (has_long_times ? 52 : 40);
  const auto entry = [&](int64_t index) { return static_cast<int32_t>(file.big_endian(matrix + 4 * index, 4)); };
  const int32_t a = entry(0), b = entry(1), c = entry(3), d = entry(4);
  const bool is_transposed = b != 0 || c != 0;
  if (is_transposed && (a != 0 || d != 0)) return 1;
  const bool mirrors_x = (is_transposed ? c : a) < 0, mirrors_y = (is_transposed ? b : d) < 0;
  return (is_transposed ? 4 : 0) + (mirrors_x ? (mirrors_y ? 3 : 2) : (mirrors_y ? 4 : 1));
}

}  // namespace

bool is_cut_off_video(const std::filesystem::path& path) {
  FileBytes file(path);
  const std::string start = file.text(0, 12);
  if (is_mp4(file)) return is_cut_off_mp4(file);
  if (start.starts_with("RIFF")) return is_cut_off_avi(file);
  if (start.starts_with("\x1a\x45\xdf\xa3")) return is_cut_off_matroska(file);
  return start.starts_with("GIF8") && is_cut_off_gif(read_input(path));
}

int orientation_of(const std::filesystem::path& path) {
  FileBytes file(path);
  if (!is_mp4(file)) return 1;
  const auto movie = box_in(file, {"", 0, file.size()}, "moov");
  for (const Mp4Box& track : movie ? boxes_in(file, *movie) : std::vector<Mp4Box>()) {
    const auto header = track.type == "trak" ? box_in(file, track, "tkhd") : std::nullopt;
    if (header && is_video_track(file, track)) return orientation_of_track(file, *header);
  }
  return 1;
}

}  // namespace attune
