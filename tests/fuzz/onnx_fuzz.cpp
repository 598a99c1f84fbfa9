// The reader of ONNX files against any bytes: a model that can be written again, or an Error of one sentence, and
// nothing else.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <protozero/pbf_reader.hpp>
#include <protozero/pbf_writer.hpp>
#include <random>
#include <unistd.h>

#include "formats/onnx/onnx.h"
#include "onnx.h"
#include "reading.h"

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t most);

namespace {

using namespace attune;
using protozero::pbf_reader;
using protozero::pbf_wire_type;
using protozero::pbf_writer;
using test::OnnxProgram;
using Sizes = std::vector<int64_t>;

const std::filesystem::path& folder() {
  static const std::filesystem::path path = [] {
    std::string name = (std::filesystem::temp_directory_path() / "attune-fuzz-XXXXXX").string();
    if (mkdtemp(name.data()) == nullptr) std::abort();
    return std::filesystem::path(name);
  }();
  return path;
}

void write(const std::filesystem::path& file, const std::string& bytes) {
  std::ofstream(file, std::ios::binary) << bytes;
}

// Every kind of field of a file: conv - elu, with values outside of it.
OnnxProgram fields() {
  OnnxProgram p({0, 3, 8, 8});
  p.parameter("w", at::ones({2, 3, 1, 1}));
  p.external("b", at::ones({2}), "weights.bin", 0, 8);
  p.node("Conv", {"x", "w", "b"}, {{"strides", Sizes{2, 2}}, {"auto_pad", std::string("VALID")}}, "c", 1,
         "['', 'c', 'n']", "['M', 'C', 'a']");
  p.node("Elu", {p.last}, {{"alpha", 0.5}});
  return p;
}

// A network for batches of one, whose sizes are computed.
OnnxProgram sizes() {
  OnnxProgram p({1, 3, 8, 8});
  p.parameter("w", at::ones({2, 3, 3, 3}));
  p.parameter("fc", at::ones({8, 4}));
  p.parameter("zero", at::zeros({}, at::kLong));
  p.parameter("rest", at::full({1}, -1, at::kLong));
  std::string v = p.node("Conv", {"x", "w"}, {{"strides", Sizes{2, 2}}, {"pads", Sizes{1, 1, 1, 1}}}, "/body/Conv");
  v = p.node("Mul", {v, p.node("Sigmoid", {v})});
  v = p.node("MaxPool", {v}, {{"kernel_shape", Sizes{2, 2}}, {"strides", Sizes{2, 2}}});
  std::string rows = p.node("Gather", {p.node("Shape", {v}), "zero"}, {{"axis", int64_t{0}}});
  rows = p.node("Unsqueeze", {rows, p.node("Constant", {}, {{"value", at::zeros({1}, at::kLong)}})});
  v = p.node("Reshape", {v, p.node("Concat", {rows, "rest"}, {{"axis", int64_t{0}}})});
  v = p.node("Softmax", {p.node("MatMul", {v, "fc"})}, {{"axis", int64_t{-1}}});
  const std::string fill = p.node("ConstantOfShape", {p.node("Shape", {v})}, {{"value", at::ones({1})}});
  p.node("Add", {v, fill});
  return p;
}

std::filesystem::path model() { return folder() / "model.onnx"; }

// What the model's file holds, read and written again: beside its folder, whose files it may name.
void read_and_write() { test::write_again(*read_onnx(model(), at::kCPU, "auto"), folder().string() + ".onnx"); }

enum class Kind { leaf, model, opset, graph, node, attribute, tensor, value, type, tensor_type, shape, size };

Kind kind_of(Kind outer, uint32_t tag) {
  static const std::map<std::pair<Kind, uint32_t>, Kind> kinds{
      {{Kind::model, 7}, Kind::graph},       {{Kind::model, 8}, Kind::opset},    {{Kind::graph, 1}, Kind::node},
      {{Kind::graph, 5}, Kind::tensor},      {{Kind::graph, 11}, Kind::value},   {{Kind::graph, 12}, Kind::value},
      {{Kind::graph, 13}, Kind::value},      {{Kind::node, 5}, Kind::attribute}, {{Kind::attribute, 5}, Kind::tensor},
      {{Kind::attribute, 6}, Kind::graph},   {{Kind::value, 2}, Kind::type},     {{Kind::type, 1}, Kind::tensor_type},
      {{Kind::tensor_type, 2}, Kind::shape}, {{Kind::shape, 1}, Kind::size}};
  const auto found = kinds.find({outer, tag});
  return found == kinds.end() ? Kind::leaf : found->second;
}

// A field of a message, with the fields of its own message.
struct Part {
  Kind outer = Kind::leaf, kind = Kind::leaf;
  uint32_t tag = 0;
  pbf_wire_type type = pbf_wire_type::unknown;
  uint64_t number = 0;
  std::string bytes;
  std::vector<Part> parts;
};

std::vector<Part> parts_of(Kind outer, pbf_reader reader) {
  std::vector<Part> parts;
  while (reader.next()) {
    Part part{outer, kind_of(outer, reader.tag()), reader.tag(), reader.wire_type(), 0, "", {}};
    if (part.type == pbf_wire_type::varint) part.number = reader.get_uint64();
    if (part.type == pbf_wire_type::fixed64) part.number = reader.get_fixed64();
    if (part.type == pbf_wire_type::fixed32) part.number = reader.get_fixed32();
    if (part.type == pbf_wire_type::length_delimited) part.bytes = reader.get_string();
    if (part.kind != Kind::leaf) part.parts = parts_of(part.kind, pbf_reader(part.bytes));
    parts.push_back(std::move(part));
  }
  return parts;
}

std::string bytes_of(const std::vector<Part>& parts) {
  std::string bytes;
  pbf_writer writer(bytes);
  for (const Part& part : parts) {
    if (part.type == pbf_wire_type::varint) writer.add_uint64(part.tag, part.number);
    if (part.type == pbf_wire_type::fixed64) writer.add_fixed64(part.tag, part.number);
    if (part.type == pbf_wire_type::fixed32) writer.add_fixed32(part.tag, static_cast<uint32_t>(part.number));
    if (part.type != pbf_wire_type::length_delimited) continue;
    writer.add_bytes(part.tag, part.kind == Kind::leaf ? part.bytes : bytes_of(part.parts));
  }
  return bytes;
}

void list(std::vector<Part>& parts, std::vector<std::pair<std::vector<Part>*, size_t>>& all) {
  for (size_t i = 0; i < parts.size(); ++i) {
    all.emplace_back(&parts, i);
    list(parts[i].parts, all);
  }
}

const char* const operators[] = {
    "Add",    "ArgMax",  "AveragePool", "BatchNormalization", "Cast",      "Clip",       "Concat",  "Constant",
    "Conv",   "CumSum",  "Div",         "ConstantOfShape",    "Einsum",    "Equal",      "Expand",  "Flatten",
    "GRU",    "Gather",  "GatherND",    "GatherElements",     "Gemm",      "GridSample", "If",      "Identity",
    "LSTM",   "MatMul",  "MaxPool",     "ConvTranspose",      "Mod",       "Mul",        "OneHot",  "Pad",
    "Pow",    "Range",   "ReduceMean",  "LayerNormalization", "ReduceSum", "Reshape",    "Resize",  "ScatterND",
    "Shape",  "Size",    "Slice",       "DepthToSpace",       "Softmax",   "Split",      "Squeeze", "Sub",
    "Tile",   "TopK",    "Transpose",   "GroupNormalization", "Trilu",     "Unsqueeze",  "Where",   "Attention",
    "LpPool", "NonZero", "LRN",         "ReduceL2",           "PRelu",     "Relu",       "Max",     "Dropout"};

// Puts another field of the model, or an odd value, into the place of one or beside it, or leaves one out.
void change(std::vector<Part>& model, std::mt19937& random) {
  std::vector<std::pair<std::vector<Part>*, size_t>> all;
  list(model, all);
  const auto any = [&](size_t count) { return std::uniform_int_distribution<size_t>(0, count - 1)(random); };
  if (all.empty()) return;
  const auto [parts, index] = all[any(all.size())];
  const auto at = parts->begin() + static_cast<std::ptrdiff_t>(index);
  std::vector<Part> alike;
  for (const auto& [others, i] : all) {
    const Part& other = (*others)[i];
    if (other.kind == at->kind && other.type == at->type) alike.push_back(other);
  }
  Part other = alike[any(alike.size())];
  other.tag = at->tag, other.outer = at->outer;
  static const uint64_t odd[] = {0,
                                 1,
                                 2,
                                 7,
                                 30,
                                 1000000,
                                 static_cast<uint64_t>(-1),
                                 static_cast<uint64_t>(-2),
                                 static_cast<uint64_t>(std::numeric_limits<int64_t>::max())};
  if (at->outer == Kind::node && at->tag == 4) other.bytes = operators[any(std::size(operators))];
  if (at->type == pbf_wire_type::varint && any(2) == 0) other.number = odd[any(std::size(odd))];
  const size_t way = any(4);
  if (way == 0) {
    parts->erase(at);
  } else if (way == 1) {
    parts->insert(at, other);
  } else {
    *at = other;
  }
}

}  // namespace

// Before folders are read: seeds, which must be sound.
extern "C" int LLVMFuzzerInitialize(int* /*argc*/, char*** /*argv*/) {
  const std::filesystem::path seeds = ATTUNE_BUILD_DIR "/seeds-onnx";
  std::filesystem::create_directories(seeds);
  write(folder() / "weights.bin", std::string(64, '1'));
  int number = 0;
  for (const OnnxProgram& program : {fields(), sizes()}) {
    write(model(), program.bytes());
    read_and_write();
    std::filesystem::copy_file(model(), seeds / (std::to_string(++number) + ".onnx"),
                               std::filesystem::copy_options::overwrite_existing);
  }
  return 0;
}

// Half of the changes are made in what the messages say.
extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t most, unsigned seed) {
  try {
    if (seed % 2 == 0) return LLVMFuzzerMutate(data, size, most);
    std::mt19937 random(seed);
    std::vector<Part> model = parts_of(Kind::model, pbf_reader(reinterpret_cast<const char*>(data), size));
    change(model, random);
    const std::string bytes = bytes_of(model);
    if (bytes.empty() || bytes.size() > most) return LLVMFuzzerMutate(data, size, most);
    std::memcpy(data, bytes.data(), bytes.size());
    return bytes.size();
  } catch (const protozero::exception&) {
    return LLVMFuzzerMutate(data, size, most);
  }
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  write(model(), std::string(reinterpret_cast<const char*>(data), size));
  test::read_or_refuse(read_and_write);
  return 0;
}
