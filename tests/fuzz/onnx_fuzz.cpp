// The reader of ONNX files against any bytes: a model whose tensors can be read, or an exception.
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <unistd.h>

#include "formats/onnx/message.h"
#include "onnx.h"

namespace {

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

}  // namespace

// Before folders are read: a model with every kind of field.
extern "C" int LLVMFuzzerInitialize(int* /*argc*/, char*** /*argv*/) {
  using attune::test::OnnxProgram;
  std::filesystem::create_directories(ATTUNE_BUILD_DIR "/seeds-onnx");
  OnnxProgram program({0, 3, 8, 8});
  program.parameter("w", at::ones({2, 3, 1, 1}));
  program.external("b", at::ones({2}), "weights.bin", 0, 8);
  program.node("Conv", {"x", "w", "b"}, {{"strides", std::vector<int64_t>{2, 2}}, {"auto_pad", std::string("VALID")}},
               "c", 1, "['', 'c', 'n']", "['M', 'C', 'a']");
  program.node("Elu", {program.last}, {{"alpha", 0.5}, {"value", at::ones({2})}});
  write(ATTUNE_BUILD_DIR "/seeds-onnx/model.onnx", program.bytes());
  write(folder() / "weights.bin", std::string(64, '1'));
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::filesystem::path file = folder() / "model.onnx";
  write(file, std::string(reinterpret_cast<const char*>(data), size));
  try {
    const attune::OnnxModel model = attune::read_onnx_model(file);
    for (const attune::OnnxTensor& tensor : model.graph.initializers) {
      const at::Tensor values = attune::tensor_of(tensor, model.bytes, folder());
      if (values.numel() > 0) attune::write_initializers(file, folder() / "other.onnx", {{tensor.name, values}});
    }
  } catch (const std::exception&) {
  }
  return 0;
}
