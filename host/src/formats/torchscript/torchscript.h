// TorchScript: what torch.jit.save writes.
#pragma once

#include <attune/torchscript.h>

#include "formats/formats.h"

namespace attune {

constexpr const char* how_to_export =
    "export the model in Python with `torch.export.save(torch.export.export(model.eval(), (pictures,)), "
    "\"model.pt2\")`, or "
    "before PyTorch 2 with `torch.jit.script(model.eval()).save(\"model.pt\")`";

// Throws Error(Fault::input) for anything that is no whole TorchScript file: truncated, a state dict or a pickled
// Python model (the sentence says how to export).
ModelSource read_torchscript(const std::filesystem::path& path, c10::Device device);

// Says how to export what was saved without torch.jit, in the format before archives.
[[noreturn]] ModelSource refuse_pickle(const std::filesystem::path& path, c10::Device device);

// Shares the module's parameters; the module itself is only ever run.
ModelSource torchscript_source(const torch::jit::Module& module);
ModelSource torchscript_source(const ScriptedModule& module);

// A copy of `module`'s forward with every call inlined and the output of every `forward` marked with its attribute
// path; the second call of one module is "path@2". Its inputs are the tensors that forward takes, or collections of
// them, whose defaults are put to `defaults`.
LayeredGraph inline_calls(const torch::jit::Module& module, std::map<std::string, c10::IValue>& defaults);

// What `call` throws of a file's model, with the file's name.
template <class Call>
auto of_file(const std::filesystem::path& path, Call&& call) -> decltype(call()) {
  try {
    return call();
  } catch (const Error& error) {
    throw Error(error.fault(), "model '" + path.string() + "': " + error.what());
  }
}

}  // namespace attune
