#include "train/tensor_file.h"

#include <ATen/core/Dict.h>
#include <fstream>
#include <iterator>
#include <torch/csrc/jit/serialization/pickle.h>
#include <vector>

#include <attune/sdk/error.h>

#include "image/output_file.h"

namespace attune {

void write_tensors(const std::filesystem::path& file, const NamedTensors& tensors) {
  c10::Dict<std::string, at::Tensor> dictionary;
  for (const auto& [name, tensor] : tensors) dictionary.insert(name, tensor.detach().cpu());
  const std::vector<char> bytes = torch::jit::pickle_save(dictionary);
  write_file(file, {bytes.data(), bytes.size()});
}

NamedTensors read_tensors(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream) throw Error(Fault::input, file.string() + ": cannot be read");
  const std::vector<char> bytes{std::istreambuf_iterator<char>(stream), {}};
  NamedTensors tensors;
  try {
    for (const auto& entry : torch::jit::pickle_load(bytes).toGenericDict()) {
      tensors[entry.key().toStringRef()] = entry.value().toTensor();
    }
  } catch (const std::exception&) {
    throw Error(Fault::input, file.string() + ": is damaged, or a file of another kind; expected tensors by name");
  }
  return tensors;
}

}  // namespace attune
