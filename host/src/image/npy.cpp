#include "image/npy.h"

#include <bit>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstring>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>

#include <attune/sdk/error.h>

#include "base/text.h"
#include "image/input_file.h"
#include "image/output_file.h"

namespace attune {
namespace {

static_assert(std::endian::native == std::endian::little, "values are read and written as they lie in memory");

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr size_t kLongestHeader = 1 << 20;

struct NpyHeader {
  std::string type;  // NumPy's "descr": "<f4"
  bool fortran_order = false;
  std::vector<int64_t> shape;
  int64_t data_offset = 0;  // in bytes, from the beginning of the file
};

// A dictionary of Python, {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }, which Python 2 wrote with long
// integers (3L), as JSON. What is no plain character in a text becomes "?".
std::string as_json(std::string_view python) {
  std::string json;
  char quote = '\0';  // that is open
  for (const char c : python) {
    if (c == quote || (quote == '\0' && (c == '\'' || c == '"'))) {
      quote = c == quote ? '\0' : c;
      json += '"';
    } else if (quote != '\0') {
      json += c < ' ' || c > '~' || c == '"' || c == '\\' ? '?' : c;
    } else if (c == ')' || c == ']' || c == '}') {
      const size_t last = json.find_last_not_of(" \n");
      if (last != std::string::npos && json[last] == ',') json.resize(last);
      json += c == ')' ? ']' : c;
    } else if (c != 'L') {
      json += c == '(' ? '[' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
  }
  return json;
}

// A list describes a structured type; which one does not matter. Nothing for what is no such header.
std::optional<NpyHeader> parsed(std::string_view text) {
  using Json = nlohmann::json;
  int keys = 0;
  const auto count = [&](int, Json::parse_event_t event, Json&) {
    keys += event == Json::parse_event_t::key ? 1 : 0;
    return true;
  };
  const Json json = Json::parse(as_json(text), count, /*allow_exceptions=*/false);
  if (!json.is_object() || keys != 3) return {};
  const Json type = json.value("descr", Json()), order = json.value("fortran_order", Json()),
             shape = json.value("shape", Json());
  const auto is_extent = [](const Json& extent) {
    return extent.is_number_unsigned() && extent.get<uint64_t>() >> 63 == 0;
  };
  if (!(type.is_string() || type.is_array()) || !order.is_boolean() || !shape.is_array() ||
      !std::all_of(shape.begin(), shape.end(), is_extent)) {
    return {};
  }
  return NpyHeader{type.is_string() ? type.get<std::string>() : "structured", order, shape};
}

// Refuses what is no .npy file, a format version other than 1 to 3, and a damaged header.
NpyHeader read_npy_header(std::istream& stream, const std::filesystem::path& path) {
  std::string start(kMagic.size() + 2, '\0');
  if (!stream.read(start.data(), std::ssize(start)) || !start.starts_with(kMagic)) {
    refuse_input(path, "is not a .npy file (it does not begin with NumPy's mark)");
  }
  const int version = static_cast<unsigned char>(start[kMagic.size()]);
  if (version < 1 || version > 3) {
    refuse_input(path, "has .npy format version " + std::to_string(version) + "; versions 1 to 3 are read");
  }
  std::string length_bytes(version == 1 ? 2 : 4, '\0');
  stream.read(length_bytes.data(), std::ssize(length_bytes));
  const size_t length = number_in(length_bytes, false);
  if (!stream || length > kLongestHeader) refuse_input(path, "the .npy header is damaged");
  std::string text(length, '\0');
  if (!stream.read(text.data(), std::ssize(text))) refuse_input(path, "the .npy header is cut off");
  std::optional<NpyHeader> header = parsed(text);
  if (!header) refuse_input(path, "the .npy header is damaged");
  header->data_offset = std::ssize(start) + std::ssize(length_bytes) + std::ssize(text);
  return std::move(*header);
}

// What somebody else wrote, in quotes, and at most 40 letters of it.
std::string shown(const std::string& type) { return '"' + type.substr(0, 40) + (type.size() > 40 ? "...\"" : "\""); }

// "<f8" -> "float64"; types that nobody meets are named as NumPy writes them.
std::string type_name(const std::string& type) {
  if (type == "structured") return "a structured type";
  int bytes = 0;
  const char* end = type.data() + type.size();
  const bool is_sized = type.size() > 2 && std::from_chars(type.data() + 2, end, bytes).ptr == end;
  if (!is_sized || bytes < 1 || bytes > 64) return "type " + shown(type);
  const std::string bits = std::to_string(8 * bytes);
  constexpr std::pair<char, const char*> names[] = {{'f', "float"}, {'i', "int"}, {'u', "uint"}, {'c', "complex"}};
  for (const auto& [letter, name] : names) {
    if (type[1] == letter) return name + bits;
  }
  return type[1] == 'b' ? "bool" : "type " + shown(type);
}

// What arrays for a model's other inputs may hold.
std::optional<at::ScalarType> any_type(const std::string& type) {
  static const std::map<std::string, at::ScalarType> types{{"<f4", at::kFloat}, {"<f8", at::kDouble},
                                                           {"<i8", at::kLong},  {"<i4", at::kInt},
                                                           {"|u1", at::kByte},  {"|b1", at::kBool}};
  const auto found = types.find(type);
  return found == types.end() ? std::nullopt : std::optional(found->second);
}

void require_float32(const NpyHeader& header, const std::filesystem::path& path) {
  const bool swapped = header.type.starts_with(">");
  if (header.type == "<f4" || header.type == "=f4" || header.type == "f4") {
    if (!header.fortran_order) return;
    refuse_input(path, "is in Fortran order; save it in C order (numpy.ascontiguousarray(a))");
  }
  if (header.type == ">f4") refuse_input(path, "is big-endian float32; save it with .astype('<f4')");
  const bool number = header.type.size() > 2 && std::string_view("fiub").find(header.type[1]) != std::string_view::npos;
  refuse_input(path, "holds " + std::string(swapped ? "big-endian " : "") + type_name(header.type) +
                         "; float32 is expected" + (number ? " (save it with .astype('float32'))" : ""));
}

// The number of values; nothing when their size in bytes does not fit 63 bits.
std::optional<int64_t> count(const std::vector<int64_t>& shape, int64_t size = sizeof(float)) {
  int64_t bytes = size;
  for (int64_t extent : shape) {
    if (__builtin_mul_overflow(bytes, extent, &bytes)) return {};
  }
  return bytes / size;
}

void require_size(const NpyHeader& header, int64_t file_size, const std::filesystem::path& path,
                  int64_t size = sizeof(float)) {
  const auto values = count(header.shape, size);
  if (!values) refuse_input(path, "the shape " + shape_text(header.shape) + " in its header is impossibly large");
  if (*values == 0) refuse_input(path, "holds no values, its shape is " + shape_text(header.shape));
  const int64_t found = file_size - header.data_offset;
  const int64_t wanted = *values * size;
  if (found == wanted) return;
  refuse_input(path, (found < wanted ? "is cut off: " : "is longer than its shape says: ") + shape_text(header.shape) +
                         " takes " + std::to_string(wanted) + " bytes of values, but the file has " +
                         std::to_string(found));
}

// "first NaN at index [0, 3, 7]"
void require_finite(const at::Tensor& tensor, const std::vector<int64_t>& prefix, const std::filesystem::path& path) {
  const at::Tensor floats = tensor.to(at::kFloat);
  const float* values = floats.data_ptr<float>();
  const float* end = values + tensor.numel();
  const float* bad = std::find_if_not(values, end, [](float value) { return std::isfinite(value); });
  if (bad == end) return;
  std::vector<int64_t> index(static_cast<size_t>(tensor.dim()));
  int64_t rest = bad - values;
  for (size_t axis = index.size(); axis-- > 0;) {
    const int64_t extent = tensor.size(static_cast<int64_t>(axis));
    index[axis] = rest % extent;
    rest /= extent;
  }
  index.insert(index.begin(), prefix.begin(), prefix.end());
  refuse_input(path, std::string("holds values that are not finite: first ") + (std::isnan(*bad) ? "NaN" : "infinity") +
                         " at index " + shape_text(index));
}

}  // namespace

NpyFile::NpyFile(const std::filesystem::path& path, bool any) : path_(path) {
  const auto size = static_cast<int64_t>(input_size(path));
  errno = 0;
  std::ifstream stream(path, std::ios::binary);
  if (!stream) refuse_input(path, std::string("cannot be read: ") + std::strerror(errno));
  NpyHeader header = read_npy_header(stream, path);
  const auto type = any ? any_type(header.type) : std::nullopt;
  if (type && !header.fortran_order)
    type_ = *type;
  else
    require_float32(header, path);
  require_size(header, size, path, static_cast<int64_t>(c10::elementSize(type_)));
  shape_ = std::move(header.shape);
  data_offset_ = header.data_offset;
}

at::Tensor NpyFile::read() const { return read(0, shape_, {}); }

at::Tensor NpyFile::read_row(int64_t row) const {
  if (shape_.empty() || row < 0 || row >= shape_[0]) {
    refuse_input(path_, "has no row " + std::to_string(row) + ", its shape is " + shape_text(shape_));
  }
  const std::vector<int64_t> shape(shape_.begin() + 1, shape_.end());
  return read(row * *count(shape), shape, {row});
}

at::Tensor NpyFile::read(int64_t first, const std::vector<int64_t>& shape, const std::vector<int64_t>& prefix) const {
  at::Tensor tensor = allocated(path_, "the array " + shape_text(shape), shape, type_);
  errno = 0;
  std::ifstream stream(path_, std::ios::binary);
  stream.seekg(data_offset_ + first * static_cast<int64_t>(c10::elementSize(type_)));
  const int64_t bytes = tensor.numel() * static_cast<int64_t>(c10::elementSize(type_));
  if (!stream.read(static_cast<char*>(tensor.data_ptr()), bytes)) {
    refuse_input(path_,
                 std::string("cannot be read: ") + (errno ? std::strerror(errno) : "it became shorter meanwhile"));
  }
  require_finite(tensor, prefix, path_);
  return tensor;
}

at::Tensor read_npy(const std::filesystem::path& path) { return NpyFile(path).read(); }

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

void write_npy(const std::filesystem::path& path, const at::Tensor& tensor) {
  const at::Tensor values = tensor.detach().to(at::kCPU, at::kFloat).contiguous();
  OutputFile file(path);
  file.write(make_npy_header(values.sizes().vec()));
  file.write({static_cast<const char*>(values.data_ptr()), static_cast<size_t>(values.numel()) * sizeof(float)});
  file.commit();
}

}  // namespace attune
