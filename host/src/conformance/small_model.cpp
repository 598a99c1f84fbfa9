#include "conformance/small_model.h"

#include <ATen/ATen.h>
#include <string>

#include "conformance/values.h"

namespace attune::conformance {
namespace {

// "[2, 2]" for rank 2
std::string each_axis(int rank, int64_t value) {
  std::string text;
  for (int axis = 0; axis < rank; ++axis) text += (axis == 0 ? "" : ", ") + std::to_string(value);
  return "[" + text + "]";
}

class Builder {
 public:
  Builder(int rank, at::ScalarType dtype) : rank_(rank), dtype_(dtype) {}

  static ScriptedModule module(const std::string& name, const std::string& type) {
    return {"conformance_" + name + "." + type, ""};
  }

  ScriptedModule convolution(const std::string& name, int64_t in, int64_t out, int64_t stride = 1) {
    ScriptedModule made = module(name, "Conv");
    std::vector<int64_t> shape(static_cast<size_t>(rank_) + 2, 3);
    shape[0] = out;
    shape[1] = in;
    parameter(made, "weight", noise(shape, ++seed_) * 0.4);
    parameter(made, "bias", noise({out}, ++seed_) * 0.1);
    made.code = "def forward(self, x):\n    return torch.conv" + std::to_string(rank_) +
                "d(x, self.weight, self.bias, " + each_axis(rank_, stride) + ", " + each_axis(rank_, 1) + ")\n";
    return made;
  }

  ScriptedModule norm(const std::string& name, int64_t channels) {
    ScriptedModule made = module(name, "BatchNorm");
    parameter(made, "weight", 1 + noise({channels}, ++seed_) * 0.2);
    parameter(made, "bias", noise({channels}, ++seed_) * 0.2);
    made.buffers.emplace_back("running_mean", (noise({channels}, ++seed_) * 0.3).to(dtype_));
    made.buffers.emplace_back("running_var", (noise({channels}, ++seed_).square() + 0.5).to(dtype_));
    made.code =
        "def forward(self, x):\n"
        "    return torch.batch_norm(x, self.weight, self.bias, self.running_mean, self.running_var, self.training,\n"
        "                            0.1, 1e-05, False)\n";
    return made;
  }

  ScriptedModule linear(const std::string& name, int64_t in, int64_t out) {
    ScriptedModule made = module(name, "Linear");
    parameter(made, "weight", noise({out, in}, ++seed_));
    parameter(made, "bias", noise({out}, ++seed_) * 0.1);
    made.code = "def forward(self, x):\n    return torch.addmm(self.bias, x, self.weight.t())\n";
    return made;
  }

  // A residual block of attention in two heads.
  ScriptedModule attention(const std::string& name, int64_t channels) {
    ScriptedModule made = module(name, "Attention");
    parameter(made, "weight", noise({3 * channels, channels}, ++seed_));
    made.code =
        "def forward(self, x):\n"
        "    y = torch.matmul(x, self.weight.t()).reshape([x.size(0), x.size(1), 3, 2, -1])\n"
        "    q, k, v = y.permute([2, 0, 3, 1, 4]).unbind(0)\n"
        "    shares = torch.softmax(torch.matmul(q, k.transpose(-2, -1)), -1)\n"
        "    return x + torch.matmul(shares, v).transpose(1, 2).reshape(x.size())\n";
    return made;
  }

  ScriptedModule class_token(const std::string& name, int64_t channels) {
    ScriptedModule made = module(name, "ClassToken");
    parameter(made, "weight", noise({1, 1, channels}, ++seed_));
    made.code =
        "def forward(self, x):\n"
        "    return torch.cat([self.weight.expand([x.size(0), -1, -1]), x.flatten(2).transpose(1, 2)], 1)\n";
    return made;
  }

  static ScriptedModule call(const std::string& name, const std::string& type, const std::string& expression) {
    ScriptedModule made = module(name, type);
    made.code = "def forward(self, x):\n    return " + expression + "\n";
    return made;
  }

 private:
  void parameter(ScriptedModule& made, const std::string& name, const at::Tensor& value) const {
    made.parameters.emplace_back(name, value.to(dtype_));
  }

  int rank_;
  at::ScalarType dtype_;
  uint64_t seed_ = 100;
};

}  // namespace

ScriptedModule small_model(int rank, at::ScalarType dtype, bool smooth) {
  Builder build(rank, dtype);
  const std::string activation = smooth ? "torch.softplus(x)" : "torch.relu(x)";
  const std::string kind = smooth ? "avg" : "max", two = each_axis(rank, 2);
  std::string axes;
  for (int axis = 0; axis < rank; ++axis) axes += (axis == 0 ? "" : ", ") + std::to_string(axis + 2);
  ScriptedModule made = Builder::module("small", "Small");
  made.children.emplace_back("conv1", build.convolution("conv1", 3, 4));
  made.children.emplace_back("norm", build.norm("norm", 4));
  made.children.emplace_back("act1", Builder::call("act1", smooth ? "Softplus" : "ReLU", activation));
  made.children.emplace_back(
      "pool", Builder::call("pool", smooth ? "AvgPool" : "MaxPool",
                            "torch." + kind + "_pool" + std::to_string(rank) + "d(x, " + two + ", " + two + ")"));
  made.children.emplace_back("conv2", build.convolution("conv2", 4, 5));
  made.children.emplace_back("act2", Builder::call("act2", smooth ? "Softplus" : "ReLU", activation));
  made.children.emplace_back("fc", build.linear("fc", 5, 4));
  made.code =
      "def forward(self, x):\n"
      "    x = self.act1.forward(self.norm.forward(self.conv1.forward(x)))\n"
      "    x = self.act2.forward(self.conv2.forward(self.pool.forward(x)))\n"
      "    return self.fc.forward(torch.mean(x, [" +
      axes + "]))\n";
  return made;
}

ScriptedModule small_transformer(int rank, at::ScalarType dtype) {
  Builder build(rank, dtype);
  ScriptedModule made = Builder::module("small_transformer", "SmallTransformer");
  made.children.emplace_back("patches", build.convolution("patches", 3, 4, 2));
  made.children.emplace_back("tokens", build.class_token("tokens", 4));
  made.children.emplace_back("block1", build.attention("block1", 4));
  made.children.emplace_back("block2", build.attention("block2", 4));
  made.children.emplace_back("fc", build.linear("fc", 4, 4));
  made.code =
      "def forward(self, x):\n"
      "    x = self.tokens.forward(self.patches.forward(x))\n"
      "    x = self.block2.forward(self.block1.forward(x))\n"
      "    return self.fc.forward(x[:, 0])\n";
  return made;
}

std::vector<int64_t> small_input(int rank, int64_t samples) {
  if (rank == 1) return {samples, 3, 16};
  if (rank == 2) return {samples, 3, 12, 10};
  return {samples, 3, 4, 6, 8};
}

}  // namespace attune::conformance
