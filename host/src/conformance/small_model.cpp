#include "conformance/small_model.h"

#include <ATen/ATen.h>
#include <string>
#include <utility>

#include "conformance/values.h"

namespace attune::conformance {
namespace {

// "[2, 2]" for rank 2
std::string each_axis(int rank, int64_t value) {
  std::string text;
  for (int axis = 0; axis < rank; ++axis) text += (axis == 0 ? "" : ", ") + std::to_string(value);
  return "[" + text + "]";
}

// A network of modules that are named and called one by one, with weights drawn in that order.
class Builder {
 public:
  Builder(int rank, at::ScalarType dtype) : rank_(rank), dtype_(dtype) {}

  void convolution(const std::string& name, int64_t in, int64_t out, int64_t stride = 1) {
    std::vector<int64_t> shape(static_cast<size_t>(rank_) + 2, 3);
    shape[0] = out;
    shape[1] = in;
    const std::string call = "torch.conv" + std::to_string(rank_) + "d(x, self.weight, self.bias, ";
    add(name, "Conv", returning(call + each_axis(rank_, stride) + ", " + each_axis(rank_, 1) + ")"),
        {{"weight", drawn(shape) * 0.4}, {"bias", drawn({out}) * 0.1}});
  }

  void norm(const std::string& name, int64_t channels) {
    const NamedTensorList parameters{{"weight", 1 + drawn({channels}) * 0.2}, {"bias", drawn({channels}) * 0.2}};
    add(name, "BatchNorm",
        returning("torch.batch_norm(x, self.weight, self.bias, self.running_mean, self.running_var, self.training,\n"
                  "                            0.1, 1e-05, False)"),
        parameters, {{"running_mean", drawn({channels}) * 0.3}, {"running_var", drawn({channels}).square() + 0.5}});
  }

  void linear(const std::string& name, int64_t in, int64_t out) {
    add(name, "Linear", returning("torch.addmm(self.bias, x, self.weight.t())"),
        {{"weight", drawn({out, in})}, {"bias", drawn({out}) * 0.1}});
  }

  // A residual block of attention in two heads.
  void attention(const std::string& name, int64_t channels) {
    add(name, "Attention",
        "def forward(self, x):\n"
        "    y = torch.matmul(x, self.weight.t()).reshape([x.size(0), x.size(1), 3, 2, -1])\n"
        "    q, k, v = y.permute([2, 0, 3, 1, 4]).unbind(0)\n"
        "    shares = torch.softmax(torch.matmul(q, k.transpose(-2, -1)), -1)\n"
        "    return x + torch.matmul(shares, v).transpose(1, 2).reshape(x.size())\n",
        {{"weight", drawn({3 * channels, channels})}});
  }

  void class_token(const std::string& name, int64_t channels) {
    add(name, "ClassToken",
        returning("torch.cat([self.weight.expand([x.size(0), -1, -1]), x.flatten(2).transpose(1, 2)], 1)"),
        {{"weight", drawn({1, 1, channels})}});
  }

  void call(const std::string& name, const std::string& type, const std::string& expression) {
    add(name, type, returning(expression));
  }

  ScriptedModule network(const std::string& type, const std::string& code) {
    return {"conformance_" + type, code, {}, {}, std::move(children_)};
  }

 private:
  static std::string returning(const std::string& result) {
    return "def forward(self, x):\n    return " + result + "\n";
  }

  at::Tensor drawn(at::IntArrayRef shape) { return noise(shape, ++seed_); }

  void add(const std::string& name, const std::string& type, const std::string& code, NamedTensorList parameters = {},
           NamedTensorList buffers = {}) {
    for (NamedTensorList* list : {&parameters, &buffers}) {
      for (auto& [key, value] : *list) value = value.to(dtype_);
    }
    children_.push_back({name, {"conformance_" + name + "." + type, code, parameters, buffers}});
  }

  int rank_;
  at::ScalarType dtype_;
  uint64_t seed_ = 100;
  std::vector<std::pair<std::string, ScriptedModule>> children_;
};

}  // namespace

ScriptedModule small_model(int rank, at::ScalarType dtype, bool smooth) {
  Builder build(rank, dtype);
  const std::string activation = smooth ? "torch.softplus(x)" : "torch.relu(x)", type = smooth ? "Softplus" : "ReLU";
  const std::string kind = smooth ? "avg" : "max", two = each_axis(rank, 2);
  std::string axes;
  for (int axis = 0; axis < rank; ++axis) axes += (axis == 0 ? "" : ", ") + std::to_string(axis + 2);
  build.convolution("conv1", 3, 4);
  build.norm("norm", 4);
  build.call("act1", type, activation);
  build.call("pool", smooth ? "AvgPool" : "MaxPool",
             "torch." + kind + "_pool" + std::to_string(rank) + "d(x, " + two + ", " + two + ")");
  build.convolution("conv2", 4, 5);
  build.call("act2", type, activation);
  build.linear("fc", 5, 4);
  return build.network("small.Small",
                       "def forward(self, x):\n"
                       "    x = self.act1.forward(self.norm.forward(self.conv1.forward(x)))\n"
                       "    x = self.act2.forward(self.conv2.forward(self.pool.forward(x)))\n"
                       "    return self.fc.forward(torch.mean(x, [" +
                           axes + "]))\n");
}

ScriptedModule small_transformer(int rank, at::ScalarType dtype) {
  Builder build(rank, dtype);
  build.convolution("patches", 3, 4, 2);
  build.class_token("tokens", 4);
  build.attention("block1", 4);
  build.attention("block2", 4);
  build.linear("fc", 4, 4);
  return build.network("small_transformer.SmallTransformer",
                       "def forward(self, x):\n"
                       "    x = self.tokens.forward(self.patches.forward(x))\n"
                       "    x = self.block2.forward(self.block1.forward(x))\n"
                       "    return self.fc.forward(x[:, 0])\n");
}

std::vector<int64_t> small_input(int rank, int64_t samples) {
  if (rank == 1) return {samples, 3, 16};
  if (rank == 2) return {samples, 3, 12, 10};
  return {samples, 3, 4, 6, 8};
}

}  // namespace attune::conformance
