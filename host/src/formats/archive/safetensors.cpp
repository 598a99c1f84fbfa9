#include <ATen/core/Tensor.h>
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include <attune/sdk/error.h>

#include "formats/formats.h"

namespace attune {
namespace {

const std::map<c10::ScalarType, const char*> safetensors_types{
    {c10::kDouble, "F64"}, {c10::kFloat, "F32"}, {c10::kHalf, "F16"}, {c10::kBFloat16, "BF16"}, {c10::kLong, "I64"},
    {c10::kInt, "I32"},    {c10::kShort, "I16"}, {c10::kChar, "I8"},  {c10::kByte, "U8"},       {c10::kBool, "BOOL"}};

}  // namespace

// A length of 8 bytes, so much JSON that says where each tensor lies, and the tensors, widest numbers first so that all
// are aligned.
void write_safetensors(const std::filesystem::path& path, const NamedTensors& tensors) {
  std::vector<std::pair<std::string, at::Tensor>> ordered(tensors.begin(), tensors.end());
  std::stable_sort(ordered.begin(), ordered.end(),
                   [](const auto& a, const auto& b) { return a.second.element_size() > b.second.element_size(); });
  nlohmann::json header = {{"__metadata__", {{"format", "pt"}}}};
  uint64_t end = 0;
  for (const auto& [name, tensor] : ordered) {
    const auto type = safetensors_types.find(tensor.scalar_type());
    if (type == safetensors_types.end())
      throw Error(Fault::output, path.string() + ": '" + name + "' is of a type that such files have no word for");
    const uint64_t begin = end;
    end += static_cast<uint64_t>(tensor.numel()) * tensor.element_size();
    header[name] = {{"dtype", type->second}, {"shape", tensor.sizes().vec()}, {"data_offsets", {begin, end}}};
  }
  std::string text = header.dump();
  text.resize((text.size() + 7) / 8 * 8, ' ');
  const uint64_t size = text.size();
  std::ofstream file(path, std::ios::binary | std::ios::trunc);
  file.write(reinterpret_cast<const char*>(&size), sizeof size);
  file.write(text.data(), static_cast<std::streamsize>(size));
  for (const auto& [name, tensor] : ordered) {
    const at::Tensor plain = tensor.detach().cpu().contiguous();
    file.write(static_cast<const char*>(plain.data_ptr()), static_cast<std::streamsize>(plain.nbytes()));
  }
  if (!file.flush()) throw Error(Fault::output, path.string() + ": cannot be written: " + std::strerror(errno));
}

}  // namespace attune
