#include "formats/torchscript/torchscript.h"

#include <algorithm>
#include <optional>
#include <torch/csrc/jit/serialization/export.h>
#include <torch/csrc/jit/serialization/import.h>

#include "formats/archive/zip.h"

namespace attune {
namespace {

using torch::jit::Module;

[[noreturn]] void refuse_archive(const std::filesystem::path& path, const std::string& reason) {
  throw Error(Fault::input, "model '" + path.string() + "' " + reason);
}

// A truncated archive has lost its directory, which stands at the end; a state dict has no code; LibTorch looks at no
// checksum.
void check_archive(const std::filesystem::path& path) {
  std::optional<ZipArchive> archive;
  try {
    archive.emplace(path);
    archive->check();
  } catch (const Error& error) {
    if (archive) refuse_archive(path, printable(error.what()));
    refuse_archive(path, "is truncated or damaged: it begins as an archive but cannot be read to its end");
  }
  const auto is_code = [](const auto& record) { return record.first.compare(0, 5, "code/") == 0; };
  const auto& records = archive->records();
  if (std::none_of(records.begin(), records.end(), is_code)) {
    refuse_archive(path,
                   std::string("holds a state dict or a pickled Python model, not TorchScript: ") + how_to_export);
  }
}

Module load_archive(const std::filesystem::path& path, c10::Device device) {
  try {
    return torch::jit::load(path.string(), device);
  } catch (const std::exception& error) {
    refuse_archive(path, "cannot be loaded: " + reason_of(error));
  }
}

Module compiled(const ScriptedModule& written, const std::shared_ptr<torch::jit::CompilationUnit>& unit) {
  Module module(c10::QualifiedName("__torch__." + written.type), unit);
  module.register_attribute("training", c10::BoolType::get(), false);
  for (const auto& [name, tensor] : written.parameters) {
    module.register_parameter(name, at::Tensor(tensor).set_requires_grad(true), false);
  }
  for (const auto& [name, tensor] : written.buffers) module.register_buffer(name, tensor);
  for (const auto& [name, child] : written.children) module.register_module(name, compiled(child, unit));
  try {
    module.define(written.code);
  } catch (const std::exception& error) {
    throw Error(Fault::input, "module '" + written.type + "' does not compile: " + reason_of(error));
  }
  return module;
}

std::vector<std::string> input_names(const torch::jit::Graph& graph) {
  std::vector<std::string> names;
  for (const torch::jit::Value* input : graph.inputs().slice(1)) names.push_back(input->debugNameBase());
  return names;
}

}  // namespace

ModelSource read_torchscript(const std::filesystem::path& path, c10::Device device) {
  check_archive(path);
  const Module module = load_archive(path, device);
  return of_file(path, [&] { return torchscript_source(module); });
}

ModelSource refuse_pickle(const std::filesystem::path& path, c10::Device) {
  refuse_archive(
      path, std::string("is a pickled Python object (a state dict or a model), not TorchScript: ") + how_to_export);
}

ModelSource torchscript_source(const Module& module) {
  std::map<std::string, c10::IValue> defaults;
  const LayeredGraph graph = rewritten([&] { return inline_calls(module, defaults); });
  return {"torchscript", graph, module,
          [names = input_names(*graph)](Module self, const std::vector<c10::IValue>& inputs) {
            torch::jit::Kwargs arguments;
            for (size_t i = 0; i < names.size(); ++i) arguments[names[i]] = inputs.at(i);
            return self.forward({}, arguments);
          },
          defaults,
          // saved to a path, a model would hold the name of its file
          [](const Module& self, const Writer& write) { torch::jit::ExportModule(self, write); }};
}

ModelSource torchscript_source(const ScriptedModule& module) {
  return torchscript_source(compiled(module, std::make_shared<torch::jit::CompilationUnit>()));
}

std::shared_ptr<ImageModel> torchscript_model(const Module& module, const ModelOptions& options) {
  return image_model(explained_alone(torchscript_source(module), options.extra), options);
}

std::shared_ptr<ImageModel> torchscript_model(const ScriptedModule& module, const ModelOptions& options) {
  return image_model(explained_alone(torchscript_source(module), options.extra), options);
}

}  // namespace attune
