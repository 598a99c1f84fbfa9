#include "model/archive.h"

#include <algorithm>
#include <caffe2/serialize/inline_container.h>
#include <fstream>
#include <torch/csrc/jit/serialization/import.h>

#include <attune/sdk/error.h>

#include "model/failure.h"

namespace attune {
namespace {

constexpr const char* how_to_export =
    "export the model in Python with `scripted = torch.jit.script(model.eval())` and `scripted.save(\"model.pt\")`";

[[noreturn]] void refuse(const std::filesystem::path& path, const std::string& reason) {
  throw Error(Fault::input, "model '" + path.string() + "' " + reason);
}

std::string first_bytes(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) refuse(path, "cannot be opened");
  std::string bytes(4, '\0');
  file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  bytes.resize(static_cast<size_t>(file.gcount()));
  return bytes;
}

void check_file(const std::filesystem::path& path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) refuse(path, "does not exist");
  if (std::filesystem::is_directory(path, error)) refuse(path, "is a folder; expected a TorchScript file");
  const std::string bytes = first_bytes(path);
  if (bytes.empty()) refuse(path, "is empty");
  if (bytes.compare(0, 2, "\x80\x02") == 0) {
    refuse(path,
           std::string("is a pickled Python object (a state dict or a model), not TorchScript: ") + how_to_export);
  }
  if (bytes.compare(0, 2, "PK") != 0) refuse(path, std::string("is not a TorchScript file: ") + how_to_export);
}

// A truncated archive has lost its directory, which stands at the end; a state dict has no code.
void check_archive(const std::filesystem::path& path) {
  std::vector<std::string> records;
  try {
    caffe2::serialize::PyTorchStreamReader reader(path.string());
    records = reader.getAllRecords();
  } catch (const std::exception&) {
    refuse(path, "is truncated or damaged: it begins as an archive but cannot be read to its end");
  }
  const auto is_code = [](const std::string& record) { return record.compare(0, 5, "code/") == 0; };
  if (std::none_of(records.begin(), records.end(), is_code)) {
    refuse(path, std::string("holds a state dict or a pickled Python model, not TorchScript: ") + how_to_export);
  }
}

}  // namespace

torch::jit::Module load_archive(const std::filesystem::path& path, c10::Device device) {
  check_file(path);
  check_archive(path);
  try {
    return torch::jit::load(path.string(), device);
  } catch (const std::exception& error) {
    refuse(path, "cannot be loaded: " + reason_of(error));
  }
}

}  // namespace attune
