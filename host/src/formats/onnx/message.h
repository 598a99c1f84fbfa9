// The messages of an ONNX file, as far as a model that is differentiated needs them.
#pragma once

#include <ATen/core/Tensor.h>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <attune/sdk/error.h>

namespace attune {

// A file in memory, mapped; what is written to it stays here. Throws Error(Fault::input).
using FileBytes = std::shared_ptr<char>;
std::pair<FileBytes, size_t> map_file(const std::filesystem::path& path);

constexpr size_t most_sizes = 32;  // of a tensor

struct OnnxTensor {
  std::string name;
  std::vector<int64_t> sizes;
  int64_t type = 0;                           // TensorProto.DataType
  std::optional<std::string_view> raw;        // its elements, little endian
  std::vector<double> numbers;                // or these
  std::vector<int64_t> integers;              // or these; bits of half precision
  std::map<std::string, std::string> places;  // or those of another file: location, offset, length
  bool is_external = false;
};

struct OnnxGraph;

struct OnnxAttribute {
  enum Type { number = 1, integer = 2, text = 3, numbers = 6, integers = 7, words = 8 };
  int64_t type = 0;
  double f = 0;
  int64_t i = 0;
  std::string s;
  std::shared_ptr<OnnxTensor> t;
  std::shared_ptr<OnnxGraph> g;
  std::vector<double> floats;
  std::vector<int64_t> ints;
  std::vector<std::string> texts;
};

struct OnnxNode {
  std::string name, op, domain;
  std::vector<std::string> inputs, outputs;  // "": left out
  std::map<std::string, OnnxAttribute> attributes;
  std::map<std::string, std::string> metadata;
};

// -1: any, or unknown
struct OnnxValueInfo {
  std::string name;
  int64_t type = 1;  // a TensorProto.DataType; 1: float
  std::optional<std::vector<int64_t>> sizes;
};

struct OnnxGraph {
  std::vector<OnnxNode> nodes;
  std::vector<OnnxTensor> initializers;
  std::vector<OnnxValueInfo> inputs, outputs, values;
};

struct OnnxModel {
  OnnxGraph graph;
  std::map<std::string, int64_t> opsets;  // versions by domain; "" is ONNX's own
  FileBytes bytes;                        // which raw tensors look at
};

// Throws Error(Fault::input) for what is damaged or nested too deeply.
OnnxModel read_onnx_model(const std::filesystem::path& path);

// What the number of a TensorProto.DataType means. Throws Error(Fault::input) for types without operators.
c10::ScalarType onnx_scalar_type(int64_t type, const std::string& name);

// The tensor, a view of the file where its bytes can be used as they are. `folder` has the files of external tensors.
// Throws Error(Fault::input) for sizes that do not fit the bytes, types without operators, and files outside of it.
at::Tensor tensor_of(const OnnxTensor& tensor, const FileBytes& bytes, const std::filesystem::path& folder);

// Writes a copy of the file at `from` with other values, of the same shapes, of the initializers and constants that
// `values` names; the rest as it is. What was in other files stands in this one. Throws Error(Fault::output) where it
// cannot be written.
void write_initializers(const std::filesystem::path& from, const std::filesystem::path& to,
                        const std::map<std::string, at::Tensor>& values);

}  // namespace attune
