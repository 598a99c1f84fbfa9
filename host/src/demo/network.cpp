#include <ATen/Functions.h>
#include <cmath>
#include <string>

#include <attune/sdk/error.h>

#include "base/random.h"
#include "demo/train.h"
#include "formats/torchscript/torchscript.h"

namespace attune {
namespace {

// Makes modules; the path of its one module is part of a type's name, so that no two clash.
class Builder {
 public:
  explicit Builder(uint64_t seed) : random_(seed) {}

  ScriptedModule convolution(const std::string& path, int64_t in, int64_t out, int64_t kernel, int64_t stride) {
    const auto pair = [](int64_t value) { return "[" + std::to_string(value) + ", " + std::to_string(value) + "]"; };
    const std::string call = "torch.conv2d(x, self.weight, None, " + pair(stride) + ", " + pair(kernel / 2) + ")";
    return {type(path, "Conv2d"), returning(call), {{"weight", weights({out, in, kernel, kernel}, 2)}}};
  }

  static ScriptedModule batch_norm(const std::string& path, int64_t channels) {
    return {type(path, "BatchNorm2d"),
            "def forward(self, x):\n"
            "  return torch.batch_norm(x, self.weight, self.bias, self.running_mean, self.running_var, self.training,\n"
            "                          0.1, 1e-05, False)\n",
            {{"weight", at::ones({channels})}, {"bias", at::zeros({channels})}},
            {{"running_mean", at::zeros({channels})}, {"running_var", at::ones({channels})}}};
  }

  static ScriptedModule relu(const std::string& path) { return {type(path, "ReLU"), returning("torch.relu(x)")}; }

  static ScriptedModule pooling(const std::string& path) {
    return {type(path, "AdaptiveAvgPool2d"), returning("torch.adaptive_avg_pool2d(x, [1, 1])")};
  }

  ScriptedModule linear(const std::string& path, int64_t in, int64_t out) {
    return {type(path, "Linear"),
            returning("torch.addmm(self.bias, x, self.weight.t())"),
            {{"weight", weights({out, in}, 1)}, {"bias", at::zeros({out})}}};
  }

  ScriptedModule residual(const std::string& path, int64_t in, int64_t out, int64_t stride) {
    const auto name = [&](const char* child) { return path + "_" + child; };
    ScriptedModule made{
        type(path, "Residual"),
        "def forward(self, x):\n"
        "  y = self.relu1.forward(self.bn1.forward(self.conv1.forward(x)))\n"
        "  return self.relu2.forward(self.bn2.forward(self.conv2.forward(y)) + self.shortcut.forward(x))\n"};
    made.children = {{"conv1", convolution(name("conv1"), in, out, 3, stride)},
                     {"bn1", batch_norm(name("bn1"), out)},
                     {"relu1", relu(name("relu1"))},
                     {"conv2", convolution(name("conv2"), out, out, 3, 1)},
                     {"bn2", batch_norm(name("bn2"), out)},
                     {"shortcut", convolution(name("shortcut"), in, out, 1, stride)},
                     {"relu2", relu(name("relu2"))}};
    return made;
  }

  static std::string type(const std::string& path, const std::string& name) {
    return "attune_demo." + path + "." + name;
  }

 private:
  static std::string returning(const std::string& result) { return "def forward(self, x):\n  return " + result + "\n"; }

  // He's initialisation: variance `gain` over the number of inputs.
  at::Tensor weights(at::IntArrayRef shape, double gain) {
    at::Tensor tensor = at::empty(shape, at::kFloat);
    const double deviation = std::sqrt(gain * static_cast<double>(shape[0]) / static_cast<double>(tensor.numel()));
    auto* values = tensor.data_ptr<float>();
    for (int64_t i = 0; i < tensor.numel(); ++i) values[i] = static_cast<float>(deviation * random_.normal());
    return tensor;
  }

  Random random_;
};

}  // namespace

TrainingModel demo_network(int64_t classes, uint64_t seed) {
  if (classes < 1)
    throw Error(Fault::usage, "a network for " + std::to_string(classes) + " classes: at least 1 is needed");
  Builder builder(seed);
  ScriptedModule network{Builder::type("demo", "Network"),
                         "def forward(self, x):\n"
                         "  x = self.relu1.forward(self.bn1.forward(self.conv1.forward(x)))\n"
                         "  x = self.layer4.forward(self.layer3.forward(self.layer2.forward(self.layer1.forward(x))))\n"
                         "  return self.fc.forward(torch.flatten(self.pool.forward(x), 1))\n"};
  network.children = {{"conv1", builder.convolution("conv1", 3, 16, 3, 2)},
                      {"bn1", Builder::batch_norm("bn1", 16)},
                      {"relu1", Builder::relu("relu1")},
                      {"layer1", builder.residual("layer1", 16, 32, 2)},
                      {"layer2", builder.residual("layer2", 32, 48, 1)},
                      {"layer3", builder.residual("layer3", 48, 64, 2)},
                      {"layer4", builder.residual("layer4", 64, 96, 1)},
                      {"pool", Builder::pooling("pool")},
                      {"fc", builder.linear("fc", 96, classes)}};
  return TrainingModel(torchscript_source(network));
}

}  // namespace attune
