#include "demo/network.h"

#include <ATen/Functions.h>
#include <ATen/core/jit_type.h>
#include <cmath>
#include <memory>
#include <string>
#include <torch/csrc/jit/api/module.h>
#include <utility>

#include <attune/sdk/error.h>

#include "base/random.h"

namespace attune {
namespace {

using torch::jit::Module;

// Makes modules whose types share one compilation unit, as the types of a loaded file do; the path of its one module is
// part of a type's name, so that no two clash.
class Builder {
 public:
  explicit Builder(uint64_t seed) : random_(seed) {}

  Module module(const std::string& path, const std::string& type) {
    Module made(c10::QualifiedName("__torch__.attune_demo." + path + "." + type), unit_);
    made.register_attribute("training", c10::BoolType::get(), true);
    return made;
  }

  Module convolution(const std::string& path, int64_t in, int64_t out, int64_t kernel, int64_t stride) {
    Module made = module(path, "Conv2d");
    made.register_parameter("weight", weights({out, in, kernel, kernel}, 2), false);
    const auto pair = [](int64_t value) { return "[" + std::to_string(value) + ", " + std::to_string(value) + "]"; };
    made.define("def forward(self, x):\n  return torch.conv2d(x, self.weight, None, " + pair(stride) + ", " +
                pair(kernel / 2) + ")\n");
    return made;
  }

  Module batch_norm(const std::string& path, int64_t channels) {
    Module made = module(path, "BatchNorm2d");
    made.register_parameter("weight", at::ones({channels}).set_requires_grad(true), false);
    made.register_parameter("bias", at::zeros({channels}).set_requires_grad(true), false);
    made.register_buffer("running_mean", at::zeros({channels}));
    made.register_buffer("running_var", at::ones({channels}));
    made.define(
        "def forward(self, x):\n"
        "  return torch.batch_norm(x, self.weight, self.bias, self.running_mean, self.running_var, self.training,\n"
        "                          0.1, 1e-05, False)\n");
    return made;
  }

  Module relu(const std::string& path) {
    Module made = module(path, "ReLU");
    made.define("def forward(self, x):\n  return torch.relu(x)\n");
    return made;
  }

  Module pooling(const std::string& path) {
    Module made = module(path, "AdaptiveAvgPool2d");
    made.define("def forward(self, x):\n  return torch.adaptive_avg_pool2d(x, [1, 1])\n");
    return made;
  }

  Module linear(const std::string& path, int64_t in, int64_t out) {
    Module made = module(path, "Linear");
    made.register_parameter("weight", weights({out, in}, 1), false);
    made.register_parameter("bias", at::zeros({out}).set_requires_grad(true), false);
    made.define("def forward(self, x):\n  return torch.addmm(self.bias, x, self.weight.t())\n");
    return made;
  }

  Module residual(const std::string& path, int64_t in, int64_t out, int64_t stride);

 private:
  // He's initialisation: variance `gain` over the number of inputs.
  at::Tensor weights(at::IntArrayRef shape, double gain) {
    at::Tensor tensor = at::empty(shape, at::kFloat);
    const double deviation = std::sqrt(gain * static_cast<double>(shape[0]) / static_cast<double>(tensor.numel()));
    auto* values = tensor.data_ptr<float>();
    for (int64_t i = 0; i < tensor.numel(); ++i) values[i] = static_cast<float>(deviation * random_.normal());
    return tensor.set_requires_grad(true);
  }

  std::shared_ptr<torch::jit::CompilationUnit> unit_ = std::make_shared<torch::jit::CompilationUnit>();
  Random random_;
};

Module Builder::residual(const std::string& path, int64_t in, int64_t out, int64_t stride) {
  Module made = module(path, "Residual");
  const auto name = [&](const char* child) { return path + "_" + child; };
  made.register_module("conv1", convolution(name("conv1"), in, out, 3, stride));
  made.register_module("bn1", batch_norm(name("bn1"), out));
  made.register_module("relu1", relu(name("relu1")));
  made.register_module("conv2", convolution(name("conv2"), out, out, 3, 1));
  made.register_module("bn2", batch_norm(name("bn2"), out));
  made.register_module("shortcut", convolution(name("shortcut"), in, out, 1, stride));
  made.register_module("relu2", relu(name("relu2")));
  made.define(
      "def forward(self, x):\n"
      "  y = self.relu1.forward(self.bn1.forward(self.conv1.forward(x)))\n"
      "  return self.relu2.forward(self.bn2.forward(self.conv2.forward(y)) + self.shortcut.forward(x))\n");
  return made;
}

}  // namespace

torch::jit::Module demo_network(int64_t classes, uint64_t seed) {
  if (classes < 1)
    throw Error(Fault::usage, "a network for " + std::to_string(classes) + " classes: at least 1 is needed");
  Builder builder(seed);
  Module network = builder.module("demo", "Network");
  network.register_module("conv1", builder.convolution("conv1", 3, 16, 3, 2));
  network.register_module("bn1", builder.batch_norm("bn1", 16));
  network.register_module("relu1", builder.relu("relu1"));
  network.register_module("layer1", builder.residual("layer1", 16, 32, 2));
  network.register_module("layer2", builder.residual("layer2", 32, 48, 1));
  network.register_module("layer3", builder.residual("layer3", 48, 64, 2));
  network.register_module("layer4", builder.residual("layer4", 64, 96, 1));
  network.register_module("pool", builder.pooling("pool"));
  network.register_module("fc", builder.linear("fc", 96, classes));
  network.define(
      "def forward(self, x):\n"
      "  x = self.relu1.forward(self.bn1.forward(self.conv1.forward(x)))\n"
      "  x = self.layer4.forward(self.layer3.forward(self.layer2.forward(self.layer1.forward(x))))\n"
      "  return self.fc.forward(torch.flatten(self.pool.forward(x), 1))\n");
  return network;
}

}  // namespace attune
