// Models that are no file: TorchScript that a program already has, or writes itself.
#pragma once

#include <attune/model.h>

// The only place of the interface where LibTorch's own type of a model is named.
namespace torch::jit {
struct Module;
}

namespace attune {

// Around a module that a program has. Its graph is copied and rewritten once; the module itself is only ever run, never
// changed. Its parameters are shared, so that training it shows in the maps. Throws Error(Fault::input).
std::shared_ptr<ImageModel> torchscript_model(const torch::jit::Module& module, const ModelOptions& options = {});

// A module as one writes it in TorchScript: for small networks, in tests of methods above all. It is in evaluation
// mode, and its parameters take a gradient.
struct ScriptedModule {
  std::string type;  // the name of its class, of which each module of a network has its own: "conv1.Conv2d"
  std::string code;  // "def forward(self, x):\n    return self.fc.forward(torch.relu(x + self.shift))\n"
  NamedTensorList parameters = {}, buffers = {};
  std::vector<std::pair<std::string, ScriptedModule>> children = {};
};

std::shared_ptr<ImageModel> torchscript_model(const ScriptedModule& module, const ModelOptions& options = {});

}  // namespace attune
