#include "conformance/small_model.h"

#include <ATen/ATen.h>
#include <string>

#include "conformance/values.h"

namespace attune::conformance {
namespace {

using torch::jit::Module;

// "[2, 2]" for rank 2
std::string each_axis(int rank, int64_t value) {
  std::string text;
  for (int axis = 0; axis < rank; ++axis) text += (axis == 0 ? "" : ", ") + std::to_string(value);
  return "[" + text + "]";
}

class Builder {
 public:
  Builder(int rank, at::ScalarType dtype) : rank_(rank), dtype_(dtype) {}

  static Module module(const std::string& name, const std::string& type) {
    Module made("__torch__.conformance_" + name + "." + type);
    made.register_attribute("training", c10::BoolType::get(), false);
    return made;
  }

  Module convolution(const std::string& name, int64_t in, int64_t out, int64_t stride = 1) {
    Module made = module(name, "Conv");
    std::vector<int64_t> shape(static_cast<size_t>(rank_) + 2, 3);
    shape[0] = out;
    shape[1] = in;
    parameter(made, "weight", noise(shape, ++seed_) * 0.4);
    parameter(made, "bias", noise({out}, ++seed_) * 0.1);
    made.define("def forward(self, x):\n    return torch.conv" + std::to_string(rank_) +
                "d(x, self.weight, self.bias, " + each_axis(rank_, stride) + ", " + each_axis(rank_, 1) + ")\n");
    return made;
  }

  Module norm(const std::string& name, int64_t channels) {
    Module made = module(name, "BatchNorm");
    parameter(made, "weight", 1 + noise({channels}, ++seed_) * 0.2);
    parameter(made, "bias", noise({channels}, ++seed_) * 0.2);
    made.register_buffer("running_mean", (noise({channels}, ++seed_) * 0.3).to(dtype_));
    made.register_buffer("running_var", (noise({channels}, ++seed_).square() + 0.5).to(dtype_));
    made.define(
        "def forward(self, x):\n"
        "    return torch.batch_norm(x, self.weight, self.bias, self.running_mean, self.running_var, self.training,\n"
        "                            0.1, 1e-05, False)\n");
    return made;
  }

  Module linear(const std::string& name, int64_t in, int64_t out) {
    Module made = module(name, "Linear");
    parameter(made, "weight", noise({out, in}, ++seed_));
    parameter(made, "bias", noise({out}, ++seed_) * 0.1);
    made.define("def forward(self, x):\n    return torch.addmm(self.bias, x, self.weight.t())\n");
    return made;
  }

  // A residual block of attention in two heads.
  Module attention(const std::string& name, int64_t channels) {
    Module made = module(name, "Attention");
    parameter(made, "weight", noise({3 * channels, channels}, ++seed_));
    made.define(
        "def forward(self, x):\n"
        "    y = torch.matmul(x, self.weight.t()).reshape([x.size(0), x.size(1), 3, 2, -1])\n"
        "    q, k, v = y.permute([2, 0, 3, 1, 4]).unbind(0)\n"
        "    shares = torch.softmax(torch.matmul(q, k.transpose(-2, -1)), -1)\n"
        "    return x + torch.matmul(shares, v).transpose(1, 2).reshape(x.size())\n");
    return made;
  }

  Module class_token(const std::string& name, int64_t channels) {
    Module made = module(name, "ClassToken");
    parameter(made, "weight", noise({1, 1, channels}, ++seed_));
    made.define(
        "def forward(self, x):\n"
        "    return torch.cat([self.weight.expand([x.size(0), -1, -1]), x.flatten(2).transpose(1, 2)], 1)\n");
    return made;
  }

  static Module call(const std::string& name, const std::string& type, const std::string& expression) {
    Module made = module(name, type);
    made.define("def forward(self, x):\n    return " + expression + "\n");
    return made;
  }

 private:
  void parameter(Module& made, const std::string& name, const at::Tensor& value) const {
    made.register_parameter(name, value.to(dtype_).set_requires_grad(true), false);
  }

  int rank_;
  at::ScalarType dtype_;
  uint64_t seed_ = 100;
};

}  // namespace

Module small_model(int rank, at::ScalarType dtype, bool smooth) {
  Builder build(rank, dtype);
  const std::string activation = smooth ? "torch.softplus(x)" : "torch.relu(x)";
  const std::string kind = smooth ? "avg" : "max", two = each_axis(rank, 2);
  std::string axes;
  for (int axis = 0; axis < rank; ++axis) axes += (axis == 0 ? "" : ", ") + std::to_string(axis + 2);
  Module made = Builder::module("small", "Small");
  made.register_module("conv1", build.convolution("conv1", 3, 4));
  made.register_module("norm", build.norm("norm", 4));
  made.register_module("act1", Builder::call("act1", smooth ? "Softplus" : "ReLU", activation));
  made.register_module(
      "pool", Builder::call("pool", smooth ? "AvgPool" : "MaxPool",
                            "torch." + kind + "_pool" + std::to_string(rank) + "d(x, " + two + ", " + two + ")"));
  made.register_module("conv2", build.convolution("conv2", 4, 5));
  made.register_module("act2", Builder::call("act2", smooth ? "Softplus" : "ReLU", activation));
  made.register_module("fc", build.linear("fc", 5, 4));
  made.define(
      "def forward(self, x):\n"
      "    x = self.act1.forward(self.norm.forward(self.conv1.forward(x)))\n"
      "    x = self.act2.forward(self.conv2.forward(self.pool.forward(x)))\n"
      "    return self.fc.forward(torch.mean(x, [" +
      axes + "]))\n");
  return made;
}

Module small_transformer(int rank, at::ScalarType dtype) {
  Builder build(rank, dtype);
  Module made = Builder::module("small_transformer", "SmallTransformer");
  made.register_module("patches", build.convolution("patches", 3, 4, 2));
  made.register_module("tokens", build.class_token("tokens", 4));
  made.register_module("block1", build.attention("block1", 4));
  made.register_module("block2", build.attention("block2", 4));
  made.register_module("fc", build.linear("fc", 4, 4));
  made.define(
      "def forward(self, x):\n"
      "    x = self.tokens.forward(self.patches.forward(x))\n"
      "    x = self.block2.forward(self.block1.forward(x))\n"
      "    return self.fc.forward(x[:, 0])\n");
  return made;
}

std::vector<int64_t> small_input(int rank, int64_t samples) {
  if (rank == 1) return {samples, 3, 16};
  if (rank == 2) return {samples, 3, 12, 10};
  return {samples, 3, 4, 6, 8};
}

}  // namespace attune::conformance
