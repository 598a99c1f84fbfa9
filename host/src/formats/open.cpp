// From a file to its format.

#include <ATen/core/Dict.h>
#include <fstream>
#include <torch/csrc/jit/serialization/pickle.h>

#include <attune/sdk/error.h>

#include "formats/exported/exported.h"
#include "formats/formats.h"
#include "formats/onnx/onnx.h"
#include "formats/torchscript/torchscript.h"

namespace attune {
namespace {

namespace fs = std::filesystem;

struct Format {
  const char* beginning;                // of its files
  bool (*takes)(const fs::path& path);  // whether a file that begins so is of this format; none: all are
  // Throws Error(Fault::input).
  ModelSource (*read)(const fs::path& path, c10::Device device);
};

constexpr Format formats[] = {
    {"PK", is_exported, read_exported}, {"PK", nullptr, read_torchscript}, {"\x80\x02", nullptr, refuse_pickle}};
constexpr size_t longest_beginning = 16;  // in bytes

[[noreturn]] void refuse_file(const fs::path& path, const std::string& reason) {
  throw Error(Fault::input, "model '" + path.string() + "' " + reason);
}

std::string first_bytes(const fs::path& path) {
  std::error_code error;
  if (!fs::exists(path, error)) refuse_file(path, "does not exist");
  if (fs::is_directory(path, error)) refuse_file(path, "is a folder; expected a model's file");
  std::ifstream file(path, std::ios::binary);
  if (!file) refuse_file(path, "cannot be opened");
  std::string bytes(longest_beginning, '\0');
  file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  bytes.resize(static_cast<size_t>(file.gcount()));
  if (bytes.empty()) refuse_file(path, "is empty");
  return bytes;
}

ModelSource read_file(const fs::path& path, c10::Device device, const std::string& output) {
  const std::string bytes = first_bytes(path);
  for (const Format& format : formats) {
    if (bytes.rfind(format.beginning, 0) != 0 || (format.takes != nullptr && !format.takes(path))) continue;
    return format.read(path, device);
  }
  if (auto source = read_onnx(path, device, output)) return *source;
  refuse_file(path,
              std::string("is no TorchScript file, no program of torch.export and no ONNX file: ") + how_to_export);
}

}  // namespace

ModelSource read_model(const fs::path& path, c10::Device device) { return read_file(path, device, "auto"); }

ModelSource read_model(const fs::path& path, const ModelOptions& options) {
  const ModelSource source = read_file(path, options.device, options.output);
  return of_file(path, [&] { return explained_alone(source, options.extra); });
}

std::shared_ptr<ImageModel> open_model(const fs::path& path, const ModelOptions& options) {
  const ModelSource source = read_model(path, options);
  return of_file(path, [&] { return image_model(source, options); });
}

std::vector<OwnFile> other_files(const ModelSource& source) {
  const auto write = [no_state = source.no_state](const fs::path& path, NamedTensors state) {
    for (const std::string& name : no_state) state.erase(name);
    write_safetensors(path, state);
  };
  std::vector<OwnFile> files{{".safetensors", write}};
  if (source.own) files.push_back(*source.own);
  return files;
}

std::string pickled(const NamedTensors& tensors) {
  c10::Dict<std::string, at::Tensor> dictionary;
  for (const auto& [name, tensor] : tensors) dictionary.insert(name, tensor.detach().cpu());
  const std::vector<char> bytes = torch::jit::pickle_save(dictionary);
  return {bytes.data(), bytes.size()};
}

NamedTensors unpickled(const std::string& bytes) {
  NamedTensors tensors;
  for (const auto& entry : torch::jit::pickle_load({bytes.begin(), bytes.end()}).toGenericDict()) {
    tensors[entry.key().toStringRef()] = entry.value().toTensor();
  }
  return tensors;
}

}  // namespace attune
