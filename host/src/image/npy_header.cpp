// The header of a .npy file.
#include <cctype>
#include <charconv>
#include <optional>
#include <string_view>

#include <attune/sdk/error.h>

#include "image/input_file.h"
#include "image/npy.h"

namespace attune {
namespace {

using namespace std::string_view_literals;

constexpr std::string_view kMagic = "\x93NUMPY"sv;
constexpr size_t kLongestHeader = 1 << 20;

// The header is a Python dictionary: {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }. Every function
// returns nothing, or false, where the text is not what it looks for.
class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  bool parse(NpyHeader& header) {
    if (!take('{')) return false;
    bool type = false, order = false, shape = false;
    while (!take('}')) {
      const auto key = quoted();
      if (!key || !take(':')) return false;
      bool& seen = *key == "descr" ? type : *key == "fortran_order" ? order : shape;
      if (seen || !value(*key, header)) return false;
      seen = true;
      if (!take(',') && !peek('}')) return false;
    }
    skip_space();
    return type && order && shape && text_.empty();
  }

 private:
  bool value(std::string_view key, NpyHeader& header) {
    if (key == "descr") return type(header.type);
    if (key == "fortran_order") return boolean(header.fortran_order);
    return key == "shape" && tuple(header.shape);
  }

  // A list describes a structured type; which one does not matter.
  bool type(std::string& type) {
    if (const auto text = quoted()) {
      type = *text;
      return true;
    }
    if (!peek('[')) return false;
    int depth = 0;
    do {
      if (text_.empty()) return false;
      depth += text_.front() == '[' ? 1 : text_.front() == ']' ? -1 : 0;
      text_.remove_prefix(1);
    } while (depth > 0);
    type = "structured";
    return true;
  }

  bool boolean(bool& value) {
    skip_space();
    for (bool candidate : {false, true}) {
      const std::string_view word = candidate ? "True" : "False";
      if (!text_.starts_with(word)) continue;
      text_.remove_prefix(word.size());
      value = candidate;
      return true;
    }
    return false;
  }

  bool tuple(std::vector<int64_t>& shape) {
    if (!take('(')) return false;
    while (!take(')')) {
      skip_space();
      int64_t extent = 0;
      const auto [end, error] = std::from_chars(text_.data(), text_.data() + text_.size(), extent);
      if (error != std::errc() || extent < 0) return false;
      text_.remove_prefix(static_cast<size_t>(end - text_.data()));
      take('L');  // Python 2 wrote long integers so
      shape.push_back(extent);
      if (!take(',') && !peek(')')) return false;
    }
    return true;
  }

  std::optional<std::string_view> quoted() {
    skip_space();
    if (text_.empty() || (text_.front() != '\'' && text_.front() != '"')) return {};
    const size_t end = text_.find(text_.front(), 1);
    if (end == std::string_view::npos) return {};
    const std::string_view content = text_.substr(1, end - 1);
    text_.remove_prefix(end + 1);
    return content;
  }

  void skip_space() {
    while (!text_.empty() && std::isspace(static_cast<unsigned char>(text_.front()))) text_.remove_prefix(1);
  }

  bool peek(char wanted) {
    skip_space();
    return !text_.empty() && text_.front() == wanted;
  }

  bool take(char wanted) {
    if (!peek(wanted)) return false;
    text_.remove_prefix(1);
    return true;
  }

  std::string_view text_;
};

}  // namespace

NpyHeader read_npy_header(std::istream& stream, const std::filesystem::path& path) {
  std::string start(kMagic.size() + 2, '\0');
  if (!stream.read(start.data(), static_cast<std::streamsize>(start.size())) || !start.starts_with(kMagic)) {
    refuse_input(path, "is not a .npy file (it does not begin with NumPy's mark)");
  }
  const int version = static_cast<unsigned char>(start[kMagic.size()]);
  if (version < 1 || version > 3) {
    refuse_input(path, "has .npy format version " + std::to_string(version) + "; versions 1 to 3 are read");
  }
  const size_t length_size = version == 1 ? 2 : 4;
  unsigned char length_bytes[4] = {};
  stream.read(reinterpret_cast<char*>(length_bytes), static_cast<std::streamsize>(length_size));
  const size_t length = length_bytes[0] | static_cast<size_t>(length_bytes[1]) << 8 |
                        static_cast<size_t>(length_bytes[2]) << 16 | static_cast<size_t>(length_bytes[3]) << 24;
  if (!stream || length > kLongestHeader) refuse_input(path, "the .npy header is damaged");
  std::string text(length, '\0');
  NpyHeader header;
  if (!stream.read(text.data(), static_cast<std::streamsize>(length))) refuse_input(path, "the .npy header is cut off");
  if (!Parser(text).parse(header)) refuse_input(path, "the .npy header is damaged");
  header.data_offset = static_cast<int64_t>(start.size() + length_size + length);
  return header;
}

std::string make_npy_header(const std::vector<int64_t>& shape) {
  std::string text = "{'descr': '<f4', 'fortran_order': False, 'shape': (";
  for (size_t i = 0; i < shape.size(); ++i) text += std::to_string(shape[i]) + (i + 1 < shape.size() ? ", " : "");
  text += shape.size() == 1 ? ",), }" : "), }";
  const size_t prefix = kMagic.size() + 4;
  text.append(63 - (prefix + text.size()) % 64, ' ');
  text += '\n';
  const char numbers[] = {1, 0, static_cast<char>(text.size() & 0xff), static_cast<char>(text.size() >> 8)};
  return std::string(kMagic) + std::string(numbers, sizeof numbers) + text;
}

}  // namespace attune
