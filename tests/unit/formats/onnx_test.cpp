// ONNX files: operators, opsets, names of layers and parameters, batches, refusals, damage, writing.

#include "onnx.h"

#include <gtest/gtest.h>
#include <limits>
#include <random>
#include <torch/csrc/autograd/autograd.h>

#include <attune/model.h>

#include "errors.h"
#include "folder.h"
#include "gradients.h"
#include "models.h"

namespace attune {
namespace {

using test::OnnxProgram;
using test::OnnxSettings;
using Sizes = std::vector<int64_t>;

at::Tensor whole(const Sizes& values) { return at::tensor(values, at::kLong); }
at::Tensor number(double value) { return at::scalar_tensor(value, at::kDouble); }

class Onnx : public testing::Test {
 protected:
  ModelSource read(const OnnxProgram& program, const std::vector<std::string>& outputs = {}) {
    return read_model(folder_.write("model.onnx", program.bytes(outputs)), at::kCPU);
  }
  std::string refusal(const OnnxProgram& program) {
    return test::message_of(Fault::input, [&] { read(program); });
  }

  // conv - relu - add - relu, mean, linear: as exporters write it, by `scoped` names or by metadata.
  OnnxProgram network(bool scoped, int64_t batch = 0) {
    OnnxProgram p({batch, 3, 8, 6});
    const auto at = [&](const std::string& path, const std::string& op) { return scoped ? path + "/" + op : ""; };
    const auto paths = [&](const std::string& path) { return scoped ? "" : "['', 'body', 'body." + path + "', 'n']"; };
    const auto types = [&](const std::string& type) {
      return "['m.Net', 'Sequential', 'nn.conv." + type + "', 'aten']";
    };
    p.parameter(scoped ? "onnx::Conv_7" : "body.0.weight", weight_);
    p.parameter(scoped ? "onnx::Conv_8" : "body.0.weight_bias", shift_);
    p.parameter("fc.weight", fc_);
    p.parameter("fc.bias", bias_);
    std::string v =
        p.node("Conv", {"x", scoped ? "onnx::Conv_7" : "body.0.weight", scoped ? "onnx::Conv_8" : "body.0.weight_bias"},
               {{"strides", Sizes{2, 2}}, {"pads", Sizes{1, 1, 1, 1}}, {"kernel_shape", Sizes{3, 3}}},
               at("/body/body.0", "Conv"), 1, paths("0"), types("Conv2d"));
    const std::string a = p.node("Relu", {v}, {}, at("/body/body.1", "Relu"), 1, paths("1"), types("ReLU"));
    v = p.node("Add", {v, a}, {}, at("/body", "Add"), 1, scoped ? "" : "['', 'body', 'add']",
               "['Net', 'Sequential', 'aten']");
    v = p.node("Relu", {v}, {}, at("/body/body.1_1", "Relu"), 1, paths("1"), types("ReLU"));
    v = p.node("ReduceMean", {v}, {{"axes", Sizes{2, 3}}, {"keepdims", int64_t{0}}}, scoped ? "/ReduceMean" : "");
    p.node("Gemm", {v, "fc.weight", "fc.bias"}, {{"transB", int64_t{1}}}, at("/fc", "Gemm"), 1,
           scoped ? "" : "['', 'fc', 'linear']", "['Net', 'nn.Linear', 'aten']");
    return p;
  }
  at::Tensor activation(const at::Tensor& x, const at::Tensor& weight) const {
    const at::Tensor y = at::conv2d(x, weight, shift_, 2, 1);
    return (y + y.relu()).relu();
  }
  at::Tensor scores(const at::Tensor& activation) const { return at::linear(activation.mean({2, 3}), fc_, bias_); }

  test::TemporaryFolder folder_;
  at::Tensor weight_ = test::seeded({5, 3, 3, 3}, 1, 0.4), shift_ = test::seeded({5}, 3), fc_ = test::seeded({4, 5}, 6),
             bias_ = test::seeded({4}, 7);
  at::Tensor x_ = test::seeded({2, 3, 8, 6}, 8);
};

TEST_F(Onnx, TakesSeveralInputs) {
  OnnxProgram p({0, 5});
  const at::Tensor table = test::seeded({7, 5}, 9);
  const std::string row = p.node("Gather", {p.parameter("table", table), p.input("kind.of", {0}, at::kLong)});
  p.node("Mul", {"x", row});
  const auto file = folder_.write("model.onnx", p.bytes());
  EXPECT_TRUE(
      test::contains(test::message_of(Fault::input, [&] { open_model(file); }), "its inputs are 'x', 'kind_of'"));
  ModelOptions options;
  options.extra = {{"kind_of", at::full({1}, 3, at::kLong)}};
  const at::Tensor x = test::seeded({2, 5}, 10);
  EXPECT_TRUE(at::allclose(open_model(file, options)->forward(x, {}, false)->output(), x * table[3]));
}

// One operator: its inputs behind x, its attributes, and what it must give.
struct OperatorCase {
  const char* op;
  int64_t opset;
  Sizes input;
  std::vector<at::Tensor> others;
  OnnxSettings settings;
  std::function<at::Tensor(const at::Tensor& x)> wanted;
};

std::vector<OperatorCase> operator_cases() {
  using at::Tensor;
  const auto w = [](const Sizes& sizes) { return test::seeded(sizes, 5, 0.5); };
  const Sizes picture{2, 3, 7, 6}, matrix{2, 6}, three{2, 5, 6};
  const Tensor kernel = w({4, 3, 3, 3}), bias = w({4}), one = w({3}), var = w({3}).square() + 0.5;
  const Tensor up = w({3, 4, 3, 3}), dense = w({6, 4}), lstm = w({1, 20, 6}), lstm_r = w({1, 20, 5}),
               lstm_b = w({1, 40});
  const auto i = [](int64_t value) { return value; };
  const auto t = [](const char* text) { return std::string(text); };
  const Sizes k3{3, 3}, k2{2, 2}, s2{2, 2};
  const auto gates = [](const Tensor& t, const std::vector<int64_t>& order) {
    std::vector<Tensor> parts;
    for (const int64_t at : order)
      parts.push_back(t.chunk(static_cast<int64_t>(order.size()), 0)[static_cast<size_t>(at)]);
    return at::cat(parts);
  };
  const auto padded = [](const Tensor& x, Sizes pad, double value = 0) { return at::constant_pad_nd(x, pad, value); };
  return {
      {"Conv",
       11,
       picture,
       {kernel, bias},
       {{"pads", Sizes{1, 0, 2, 1}}, {"strides", s2}},
       [=](const Tensor& x) {
         return at::conv2d(padded(x, {0, 1, 1, 2}), kernel, bias, 2);
       }},
      {"Conv",
       11,
       picture,
       {kernel},
       {{"auto_pad", t("SAME_UPPER")}, {"strides", s2}},
       [=](const Tensor& x) {
         return at::conv2d(padded(x, {0, 1, 1, 1}), kernel, {}, 2);
       }},
      {"Conv",
       11,
       picture,
       {w({4, 3, 2, 2})},
       {{"auto_pad", t("SAME_LOWER")}},
       [=](const Tensor& x) {
         return at::conv2d(padded(x, {1, 0, 1, 0}), w({4, 3, 2, 2}));
       }},
      {"Conv",
       11,
       {2, 3, 9},
       {w({4, 3, 3})},
       {{"dilations", Sizes{2}}},
       [=](const Tensor& x) {
         return at::conv1d(x, w({4, 3, 3}), {}, Sizes{1}, Sizes{0}, Sizes{2});
       }},
      {"Conv",
       11,
       {2, 3, 4, 5, 4},
       {w({4, 1, 3, 3, 3})},
       {{"group", i(1)}, {"pads", Sizes{1, 1, 1, 1, 1, 1}}},
       [=](const Tensor& x) {
         return at::conv3d(x, w({4, 1, 3, 3, 3}), {}, Sizes{1, 1, 1}, Sizes{1, 1, 1});
       }},
      {"ConvTranspose",
       11,
       picture,
       {up, bias},
       {{"strides", s2}, {"pads", Sizes{1, 0, 0, 1}}, {"output_padding", Sizes{1, 1}}},
       [=](const Tensor& x) {
         const Tensor y = at::conv_transpose2d(x, up, bias, 2, 0, 1);
         return y.slice(2, 1).slice(3, 0, y.size(3) - 1);
       }},
      {"ConvTranspose",
       11,
       picture,
       {up},
       {{"strides", s2}, {"auto_pad", t("SAME_UPPER")}},
       [=](const Tensor& x) { return at::conv_transpose2d(x, up, {}, 2).slice(2, 0, 14).slice(3, 0, 12); }},
      {"ConvTranspose",
       11,
       picture,
       {up},
       {{"strides", s2}, {"output_shape", Sizes{14, 12}}},
       [=](const Tensor& x) { return at::conv_transpose2d(x, up, {}, 2).slice(2, 1).slice(3, 1); }},
      {"MaxPool",
       12,
       picture,
       {},
       {{"kernel_shape", k3}, {"strides", s2}, {"pads", Sizes{0, 0, 1, 1}}},
       [=](const Tensor& x) {
         return at::max_pool2d(padded(x, {0, 1, 0, 1}, -1e9), 3, 2);
       }},
      {"MaxPool",
       12,
       picture,
       {},
       {{"kernel_shape", k2}, {"strides", s2}, {"ceil_mode", i(1)}},
       [=](const Tensor& x) { return at::max_pool2d(x, 2, 2, 0, 1, true); }},
      {"AveragePool",
       11,
       picture,
       {},
       {{"kernel_shape", k3}, {"pads", Sizes{1, 1, 1, 1}}},
       [=](const Tensor& x) { return at::avg_pool2d(x, 3, 1, 1, false, false); }},
      {"AveragePool",
       11,
       picture,
       {},
       {{"kernel_shape", k3}, {"pads", Sizes{0, 0, 1, 1}}},
       [=](const Tensor& x) {
         return at::avg_pool2d(padded(x, {0, 1, 0, 1}), 3, 1) /
                at::avg_pool2d(padded(at::ones_like(x), {0, 1, 0, 1}), 3, 1);
       }},
      {"AveragePool",
       11,
       picture,
       {},
       {{"kernel_shape", k3}, {"pads", Sizes{1, 1, 1, 1}}, {"count_include_pad", i(1)}},
       [=](const Tensor& x) { return at::avg_pool2d(x, 3, 1, 1); }},
      {"LpPool",
       11,
       picture,
       {},
       {{"kernel_shape", k2}},
       [=](const Tensor& x) { return (at::avg_pool2d(x.square(), 2, 1) * 4).sqrt(); }},
      {"GlobalAveragePool",
       1,
       picture,
       {},
       {},
       [](const Tensor& x) {
         return x.mean({2, 3}, true);
       }},
      {"GlobalMaxPool",
       1,
       picture,
       {},
       {},
       [](const Tensor& x) {
         return x.amax({2, 3}, true);
       }},
      {"BatchNormalization",
       9,
       picture,
       {one, one, one, var},
       {{"epsilon", 1e-3}},
       [=](const Tensor& x) {
         return at::batch_norm(x, one, one, one, var, false, 0.1, static_cast<float>(1e-3), false);
       }},
      {"InstanceNormalization",
       6,
       picture,
       {one, one},
       {},
       [=](const Tensor& x) {
         return at::instance_norm(x, one, one, {}, {}, true, 0.1, static_cast<float>(1e-5), false);
       }},
      {"LayerNormalization",
       17,
       three,
       {w({6}), w({6})},
       {},
       [=](const Tensor& x) { return at::layer_norm(x, {6}, w({6}), w({6}), 1e-5); }},
      {"LayerNormalization",
       17,
       three,
       {w({5, 6})},
       {{"axis", i(1)}},
       [=](const Tensor& x) {
         return at::layer_norm(x, {5, 6}, w({5, 6}), {}, 1e-5);
       }},
      {"GroupNormalization",
       18,
       {2, 4, 3, 3},
       {w({2}), w({2})},
       {{"num_groups", i(2)}},
       [=](const Tensor& x) {
         return at::group_norm(x, 2, w({2}).repeat_interleave(2), w({2}).repeat_interleave(2), 1e-5);
       }},
      {"GroupNormalization",
       21,
       {2, 4, 3, 3},
       {bias, bias},
       {{"num_groups", i(2)}},
       [=](const Tensor& x) { return at::group_norm(x, 2, bias, bias, 1e-5); }},
      {"LRN",
       1,
       picture,
       {},
       {{"size", i(3)}, {"alpha", 0.5}},
       [](const Tensor& x) {
         const Tensor s = x.square();
         Tensor sum = s.clone();
         sum.slice(1, 1) += s.slice(1, 0, 2);
         sum.slice(1, 0, 2) += s.slice(1, 1);
         return x / (sum * (0.5 / 3) + 1).pow(0.75);
       }},
      {"MeanVarianceNormalization",
       13,
       picture,
       {},
       {{"axes", Sizes{2, 3}}},
       [](const Tensor& x) {
         return (x - x.mean({2, 3}, true)) / (x.std({2, 3}, false, true) + 1e-9);
       }},
      {"LpNormalization", 1, matrix, {}, {{"axis", i(1)}}, [](const Tensor& x) { return x / x.norm(2, {1}, true); }},
      {"Gemm",
       11,
       matrix,
       {dense, w({1, 4})},
       {{"alpha", 0.5}, {"beta", 2.0}},
       [=](const Tensor& x) {
         return x.mm(dense) * 0.5 + w({1, 4}) * 2;
       }},
      {"Gemm",
       11,
       matrix,
       {dense.t().contiguous(), bias},
       {{"transB", i(1)}},
       [=](const Tensor& x) { return at::linear(x, dense.t(), bias); }},
      {"MatMul", 9, three, {dense}, {}, [=](const Tensor& x) { return at::matmul(x, dense); }},
      {"Einsum",
       12,
       three,
       {dense},
       {{"equation", t("bij,jk->bki")}},
       [=](const Tensor& x) { return at::matmul(x, dense).transpose(1, 2); }},
      {"LeakyRelu", 6, matrix, {}, {}, [](const Tensor& x) { return at::leaky_relu(x, static_cast<float>(0.01)); }},
      {"PRelu", 9, picture, {w({3, 1, 1})}, {}, [=](const Tensor& x) { return at::prelu(x, w({3})); }},
      {"PRelu",
       9,
       picture,
       {w({1, 1, 6})},
       {},
       [=](const Tensor& x) {
         return at::where(x > 0, x, x * w({1, 1, 6}));
       }},
      {"Elu", 6, matrix, {}, {{"alpha", 0.5}}, [](const Tensor& x) { return at::elu(x, 0.5); }},
      {"Selu", 6, matrix, {}, {}, [](const Tensor& x) { return at::selu(x); }},
      {"Celu", 12, matrix, {}, {{"alpha", 2.0}}, [](const Tensor& x) { return at::celu(x, 2.0); }},
      {"ThresholdedRelu", 10, matrix, {}, {{"alpha", 0.5}}, [](const Tensor& x) { return at::threshold(x, 0.5, 0); }},
      {"Clip", 6, matrix, {}, {{"min", -0.5}, {"max", 0.5}}, [](const Tensor& x) { return x.clamp(-0.5, 0.5); }},
      {"Clip", 11, matrix, {number(0), number(6)}, {}, [](const Tensor& x) { return x.clamp(0, 6); }},
      {"HardSigmoid",
       6,
       matrix,
       {},
       {},
       [](const Tensor& x) { return (x * static_cast<double>(0.2F) + 0.5).clamp(0, 1); }},
      {"HardSigmoid", 6, matrix, {}, {{"alpha", 1.0 / 6}}, [](const Tensor& x) { return at::hardsigmoid(x); }},
      {"HardSwish", 14, matrix, {}, {}, [](const Tensor& x) { return at::hardswish(x); }},
      {"Softplus", 1, matrix, {}, {}, [](const Tensor& x) { return at::softplus(x); }},
      {"Softsign", 1, matrix, {}, {}, [](const Tensor& x) { return x / (x.abs() + 1); }},
      {"Mish", 18, matrix, {}, {}, [](const Tensor& x) { return at::mish(x); }},
      {"Gelu", 20, matrix, {}, {{"approximate", t("tanh")}}, [](const Tensor& x) { return at::gelu(x, "tanh"); }},
      {"Softmax", 11, picture, {}, {}, [](const Tensor& x) { return x.flatten(1).softmax(1).view_as(x); }},
      {"Softmax", 13, picture, {}, {}, [](const Tensor& x) { return x.softmax(3); }},
      {"LogSoftmax", 13, picture, {}, {{"axis", i(1)}}, [](const Tensor& x) { return x.log_softmax(1); }},
      {"Erf", 9, matrix, {}, {}, [](const Tensor& x) { return x.erf(); }},
      {"Div", 7, matrix, {w({6}).abs() + 1}, {}, [=](const Tensor& x) { return x / (w({6}).abs() + 1); }},
      {"Pow", 7, matrix, {number(3)}, {}, [](const Tensor& x) { return x.pow(3); }},
      {"Sub", 7, matrix, {number(3)}, {}, [](const Tensor& x) { return x - 3; }},
      {"Max",
       8,
       matrix,
       {w({6}), w({2, 1})},
       {},
       [=](const Tensor& x) {
         return x.maximum(w({6})).maximum(w({2, 1}));
       }},
      {"Min", 8, matrix, {number(0.25)}, {}, [](const Tensor& x) { return x.clamp_max(0.25); }},
      {"Mean", 8, matrix, {w({6}), w({6})}, {}, [=](const Tensor& x) { return (x + w({6}) * 2) / 3; }},
      {"Sum", 8, matrix, {w({6})}, {}, [=](const Tensor& x) { return x + w({6}); }},
      {"Reshape",
       13,
       picture,
       {whole({0, -1, 6})},
       {},
       [](const Tensor& x) {
         return x.reshape({2, 21, 6});
       }},
      {"Flatten",
       13,
       picture,
       {},
       {{"axis", i(2)}},
       [](const Tensor& x) {
         return x.reshape({6, 42});
       }},
      {"Flatten",
       13,
       picture,
       {},
       {{"axis", i(-1)}},
       [](const Tensor& x) {
         return x.reshape({42, 6});
       }},
      {"Transpose",
       13,
       picture,
       {},
       {},
       [](const Tensor& x) {
         return x.permute({3, 2, 1, 0});
       }},
      {"Squeeze",
       11,
       {2, 1, 6, 1},
       {},
       {{"axes", Sizes{1, 3}}},
       [](const Tensor& x) {
         return x.reshape({2, 6});
       }},
      {"Squeeze",
       13,
       {2, 1, 6, 1},
       {whole({-1, 1})},
       {},
       [](const Tensor& x) {
         return x.reshape({2, 6});
       }},
      {"Unsqueeze",
       11,
       matrix,
       {},
       {{"axes", Sizes{0, 3}}},
       [](const Tensor& x) {
         return x.reshape({1, 2, 6, 1});
       }},
      {"Unsqueeze",
       13,
       matrix,
       {whole({-1, 1})},
       {},
       [](const Tensor& x) {
         return x.reshape({2, 1, 6, 1});
       }},
      {"Concat",
       11,
       matrix,
       {w({2, 3})},
       {{"axis", i(-1)}},
       [=](const Tensor& x) {
         return at::cat({x, w({2, 3})}, 1);
       }},
      {"Split", 13, matrix, {whole({2, 4})}, {{"axis", i(1)}}, [](const Tensor& x) { return x.narrow(1, 0, 2); }},
      {"Split",
       11,
       matrix,
       {},
       {{"axis", i(1)}, {"split", Sizes{2, 4}}},
       [](const Tensor& x) { return x.narrow(1, 0, 2); }},
      {"Slice",
       9,
       matrix,
       {},
       {{"starts", Sizes{1}}, {"ends", Sizes{-1}}, {"axes", Sizes{1}}},
       [](const Tensor& x) { return x.slice(1, 1, 5); }},
      {"Slice",
       11,
       matrix,
       {whole({-1}), whole({std::numeric_limits<int64_t>::min()}), whole({1}), whole({-2})},
       {},
       [](const Tensor& x) { return x.flip({1}).slice(1, 0, 6, 2); }},
      {"Slice",
       11,
       matrix,
       {whole({std::numeric_limits<int64_t>::min()}), whole({-2}), whole({1})},
       {},
       [](const Tensor& x) { return x.slice(1, 0, 4); }},
      {"Slice",
       11,
       matrix,
       {whole({std::numeric_limits<int64_t>::max()}), whole({0}), whole({1}), whole({-1})},
       {},
       [](const Tensor& x) { return x.flip({1}).slice(1, 0, 5); }},
      {"Gather",
       11,
       matrix,
       {whole({-1, 0})},
       {{"axis", i(1)}},
       [](const Tensor& x) {
         return at::stack({x.select(1, 5), x.select(1, 0)}, 1);
       }},
      {"Gather",
       11,
       matrix,
       {at::scalar_tensor(-2, at::kLong)},
       {{"axis", i(1)}},
       [](const Tensor& x) { return x.select(1, 4); }},
      {"Gather",
       11,
       matrix,
       {whole({0, 1, 2, 3}).view({2, 2})},
       {{"axis", i(1)}},
       [](const Tensor& x) {
         return x.slice(1, 0, 4).reshape({2, 2, 2});
       }},
      {"GatherElements",
       13,
       matrix,
       {whole({-1, 0}).view({2, 1})},
       {{"axis", i(1)}},
       [](const Tensor& x) {
         return x.gather(1, whole({5, 0}).view({2, 1}));
       }},
      {"GatherND",
       13,
       matrix,
       {whole({1, 2, 0, 3}).view({2, 2})},
       {},
       [](const Tensor& x) {
         return at::stack({x[1][2], x[0][3]});
       }},
      {"GatherND",
       13,
       matrix,
       {whole({5, -5}).view({2, 1})},
       {{"batch_dims", i(1)}},
       [](const Tensor& x) {
         return at::stack({x[0][5], x[1][1]});
       }},
      {"GatherND",
       13,
       three,
       {whole({1, 2, 0, -1}).view({2, 1, 2})},
       {},
       [](const Tensor& x) {
         return at::stack({x[1][2], x[0][4]}).unsqueeze(1);
       }},
      {"ScatterND",
       16,
       three,
       {whole({1, 0, 0, -1, 1, 0}).view({3, 2}), w({3, 6})},
       {{"reduction", t("add")}},
       [=](const Tensor& x) {
         Tensor y = x.clone();
         y[1][0] += w({3, 6})[0] + w({3, 6})[2];
         y[0][4] += w({3, 6})[1];
         return y;
       }},
      {"ScatterND",
       18,
       matrix,
       {whole({1}).view({1, 1}), w({1, 6})},
       {{"reduction", t("max")}},
       [=](const Tensor& x) {
         return at::stack({x[0], at::maximum(x[1], w({1, 6})[0])});
       }},
      {"ScatterElements",
       18,
       matrix,
       {whole({-1, 0}).view({2, 1}), w({2, 1})},
       {{"axis", i(1)}, {"reduction", t("mul")}},
       [=](const Tensor& x) {
         Tensor y = x.clone();
         y[0][5] *= w({2, 1})[0][0];
         y[1][0] *= w({2, 1})[1][0];
         return y;
       }},
      {"ScatterND",
       16,
       matrix,
       {whole({1, 2}).view({1, 2}), w({1})},
       {},
       [=](const Tensor& x) {
         Tensor y = x.clone();
         y[1][2] = w({1})[0];
         return y;
       }},
      {"Expand",
       13,
       {2, 1, 6},
       {whole({3, 1})},
       {},
       [](const Tensor& x) {
         return x.expand({2, 3, 6});
       }},
      {"Tile",
       13,
       matrix,
       {whole({1, 2})},
       {},
       [](const Tensor& x) {
         return x.repeat({1, 2});
       }},
      {"Pad",
       2,
       matrix,
       {},
       {{"pads", Sizes{0, 1, 0, 2}}, {"value", 0.5}},
       [=](const Tensor& x) {
         return padded(x, {1, 2}, 0.5);
       }},
      {"Pad",
       13,
       matrix,
       {whole({0, 1, 0, 2}), number(0.5)},
       {},
       [=](const Tensor& x) {
         return padded(x, {1, 2}, 0.5);
       }},
      {"Pad",
       13,
       picture,
       {whole({0, 0, 1, 0, 0, 0, 2, 1})},
       {{"mode", t("reflect")}},
       [](const Tensor& x) {
         return at::reflection_pad2d(x, {0, 1, 1, 2});
       }},
      {"Pad",
       13,
       picture,
       {whole({0, 0, 1, 0, 0, 0, 2, 1})},
       {{"mode", t("edge")}},
       [](const Tensor& x) {
         return at::replication_pad2d(x, {0, 1, 1, 2});
       }},
      {"DepthToSpace",
       13,
       {2, 8, 2, 5},
       {},
       {{"blocksize", i(2)}},
       [](const Tensor& x) {
         return x.view({2, 2, 2, 2, 2, 5}).permute({0, 3, 4, 1, 5, 2}).reshape({2, 2, 4, 10});
       }},
      {"DepthToSpace",
       13,
       {2, 8, 2, 5},
       {},
       {{"blocksize", i(2)}, {"mode", t("CRD")}},
       [](const Tensor& x) { return at::pixel_shuffle(x, 2); }},
      {"SpaceToDepth",
       13,
       {2, 2, 4, 6},
       {},
       {{"blocksize", i(2)}},
       [](const Tensor& x) {
         return x.view({2, 2, 2, 2, 3, 2}).permute({0, 3, 5, 1, 2, 4}).reshape({2, 8, 2, 3});
       }},
      {"CumSum",
       14,
       matrix,
       {at::scalar_tensor(1, at::kLong)},
       {{"reverse", i(1)}, {"exclusive", i(1)}},
       [](const Tensor& x) { return x.flip({1}).cumsum(1).flip({1}) - x; }},
      {"Trilu", 14, {2, 4, 4}, {}, {{"upper", i(0)}}, [](const Tensor& x) { return x.tril(); }},
      {"TopK", 11, matrix, {whole({2})}, {}, [](const Tensor& x) { return std::get<0>(x.topk(2)); }},
      {"ReduceMean",
       13,
       picture,
       {},
       {{"axes", Sizes{2, 3}}, {"keepdims", i(0)}},
       [](const Tensor& x) {
         return x.mean({2, 3});
       }},
      {"ReduceMean",
       18,
       picture,
       {whole({2, 3})},
       {{"keepdims", i(0)}},
       [](const Tensor& x) {
         return x.mean({2, 3});
       }},
      {"ReduceSum", 13, picture, {whole({-1})}, {}, [](const Tensor& x) { return x.sum({3}, true); }},
      {"ReduceSum", 13, picture, {whole({})}, {{"noop_with_empty_axes", i(1)}}, [](const Tensor& x) { return x; }},
      {"ReduceL2", 13, picture, {}, {{"axes", Sizes{1}}}, [](const Tensor& x) { return x.norm(2, {1}, true); }},
      {"ReduceLogSumExp", 13, matrix, {}, {{"axes", Sizes{1}}}, [](const Tensor& x) { return x.logsumexp({1}, true); }},
      {"ReduceProd", 13, matrix, {}, {{"axes", Sizes{1}}}, [](const Tensor& x) { return x.prod(1, true); }},
      {"Upsample",
       9,
       picture,
       {at::tensor(std::vector<double>{1, 1, 2, 2}, at::kFloat)},
       {},
       [](const Tensor& x) {
         return at::upsample_nearest2d(x, {14, 12});
       }},
      {"Resize",
       10,
       picture,
       {at::tensor(std::vector<double>{1, 1, 2, 2}, at::kFloat)},
       {{"mode", t("nearest")}},
       [](const Tensor& x) {
         return at::upsample_nearest2d(x, {14, 12});
       }},
      {"Resize",
       18,
       picture,
       {Tensor(), Tensor(), whole({13})},
       {{"mode", t("linear")}, {"axes", Sizes{-1}}},
       [](const Tensor& x) {
         return at::upsample_linear1d(x.flatten(0, 2).unsqueeze(1), {13}, false).view({2, 3, 7, 13});
       }},
      {"Resize",
       18,
       picture,  // 7 x 6: at most 12 x 12
       {Tensor(), Tensor(), whole({12, 12})},
       {{"mode", t("linear")}, {"axes", Sizes{2, 3}}, {"keep_aspect_ratio_policy", t("not_larger")}},
       [](const Tensor& x) {
         return at::upsample_bilinear2d(x, {12, 10}, false, 12.0 / 7, 12.0 / 7);
       }},
      {"Resize",
       18,
       picture,
       {Tensor(), Tensor(), whole({12, 12})},
       {{"mode", t("linear")}, {"axes", Sizes{3, 2}}, {"keep_aspect_ratio_policy", t("not_smaller")}},
       [](const Tensor& x) {
         return at::upsample_bilinear2d(x, {14, 12}, false);
       }},
      {"AffineGrid",
       20,
       {2, 2, 3},
       {whole({2, 3, 5, 4})},
       {},
       [](const Tensor& x) {
         return at::affine_grid_generator(x, {2, 3, 5, 4}, false);
       }},
      {"AffineGrid",
       20,
       {2, 3, 4},
       {whole({2, 1, 3, 5, 4})},
       {{"align_corners", i(1)}},
       [](const Tensor& x) {
         return at::affine_grid_generator(x, {2, 1, 3, 5, 4}, true);
       }},
      {"LSTM",
       14,
       {2, 3, 6},
       {lstm, lstm_r, lstm_b},
       {{"hidden_size", i(5)}},
       [=](const Tensor& x) {
         const std::vector<int64_t> order{0, 2, 3, 1};
         const Tensor zero = at::zeros({1, 3, 5}, at::kDouble);
         const std::vector<Tensor> all{gates(lstm[0], order), gates(lstm_r[0], order),
                                       gates(lstm_b[0].slice(0, 0, 20), order), gates(lstm_b[0].slice(0, 20), order)};
         return std::get<0>(at::lstm(x, {zero, zero}, all, true, 1, 0.0, false, false, false)).unsqueeze(1);
       }},
  };
}

TEST_F(Onnx, OperatorsAreThoseOfLibTorch) {
  for (const OperatorCase& one : operator_cases()) {
    SCOPED_TRACE(std::string(one.op) + " of opset " + std::to_string(one.opset));
    Sizes sizes = one.input;
    sizes[0] = 0;
    OnnxProgram p(sizes, std::max<int64_t>(one.opset, 7));
    std::vector<std::string> inputs{"x"};
    for (const at::Tensor& other : one.others)
      inputs.push_back(other.defined() ? p.parameter("p" + std::to_string(inputs.size()), other) : "");
    p.node(one.op, inputs, one.settings, "", std::string(one.op) == "Split" ? 2 : 1);
    at::Tensor x = test::seeded(one.input, 11);
    if (std::string(one.op) == "Conv" && one.input.size() == 5) x = x.narrow(1, 0, 1);
    try {
      const at::Tensor found = read(p).output(x).toTensor(), wanted = one.wanted(x);
      ASSERT_EQ(found.sizes(), wanted.sizes());
      EXPECT_TRUE(at::allclose(found, wanted, 1e-6, 1e-6)) << (found - wanted).abs().max().item<double>();
    } catch (const Error& error) {
      ADD_FAILURE() << error.what();
    }
  }
}

// One direction of a recurrent layer by its equations; x [T,N,I], the gates of W, R and B as ONNX has them.
at::Tensor recurrent(const std::string& op, at::Tensor x, const std::vector<at::Tensor>& weights, bool reversed,
                     bool reset_last) {
  const int64_t hidden = weights[1].size(1);
  if (reversed) x = x.flip({0});
  at::Tensor h = at::zeros({x.size(1), hidden}, x.options()), c = h;
  const auto gate = [&](const at::Tensor& t, int64_t i) { return t.narrow(0, i * hidden, hidden); };
  const int64_t gates = weights[1].size(0) / hidden;
  std::vector<at::Tensor> states;
  for (const at::Tensor& step : x.unbind(0)) {
    const auto given = [&](int64_t i) { return at::linear(step, gate(weights[0], i), gate(weights[2], i)); };
    const auto kept = [&](const at::Tensor& of, int64_t i) {
      return at::linear(of, gate(weights[1], i), gate(weights[2], gates + i));
    };
    if (op == "RNN") {
      h = at::relu(given(0) + kept(h, 0));
    } else if (op == "LSTM") {
      const at::Tensor i = at::sigmoid(given(0) + kept(h, 0)), o = at::sigmoid(given(1) + kept(h, 1)),
                       f = at::sigmoid(given(2) + kept(h, 2));
      c = f * c + i * at::tanh(given(3) + kept(h, 3));
      h = o * at::tanh(c);
    } else {
      const at::Tensor z = at::sigmoid(given(0) + kept(h, 0)), r = at::sigmoid(given(1) + kept(h, 1));
      h = (1 - z) * at::tanh(given(2) + (reset_last ? r * kept(h, 2) : kept(r * h, 2))) + z * h;
    }
    states.push_back(h);
  }
  const at::Tensor all = at::stack(states);
  return reversed ? all.flip({0}) : all;
}

TEST_F(Onnx, RecurrentLayersFollowTheirEquations) {
  const int64_t hidden = 4, inputs = 3;
  const at::Tensor x = test::seeded({2, 5, inputs}, 1);
  for (const std::string op : {"LSTM", "GRU", "RNN"}) {
    for (const std::string direction : {"forward", "reverse", "bidirectional"}) {
      for (const int64_t layout : {0, 1}) {
        for (const int64_t reset_last : {0, 1}) {
          SCOPED_TRACE(op + " " + direction + ", layout " + std::to_string(layout) + ", " + std::to_string(reset_last));
          const int64_t gates = op == "LSTM"  ? 4
                                : op == "GRU" ? 3
                                              : 1,
                        directions = direction == "bidirectional" ? 2 : 1;
          const std::vector<at::Tensor> weights{test::seeded({directions, gates * hidden, inputs}, 2),
                                                test::seeded({directions, gates * hidden, hidden}, 3),
                                                test::seeded({directions, 2 * gates * hidden}, 4)};
          OnnxSettings settings{{"hidden_size", hidden}, {"direction", direction}, {"layout", layout}};
          if (op == "GRU") settings.emplace_back("linear_before_reset", reset_last);
          if (op == "RNN") settings.emplace_back("activations", std::vector<std::string>(size_t(directions), "Relu"));
          OnnxProgram p({0, 5, inputs});
          std::vector<std::string> given{layout == 1 ? "x" : p.node("Transpose", {"x"}, {{"perm", Sizes{1, 0, 2}}})};
          for (const char* const name : {"w", "r", "b"}) given.push_back(p.parameter(name, weights[given.size() - 1]));
          const std::string y = p.node(op, given, settings);
          if (layout == 0) p.node("Transpose", {y}, {{"perm", Sizes{2, 0, 1, 3}}});
          std::vector<at::Tensor> each;
          for (int64_t d = 0; d < directions; ++d) {
            const std::vector<at::Tensor> own{weights[0][d], weights[1][d], weights[2][d]};
            each.push_back(recurrent(op, x.transpose(0, 1), own, direction == "reverse" || d == 1,
                                     reset_last == 1 || op != "GRU"));
          }
          const at::Tensor wanted = at::stack(each, 2).transpose(0, 1);  // [N,T,D,H]
          const at::Tensor found = read(p).output(x).toTensor();
          ASSERT_EQ(found.sizes(), wanted.sizes());
          EXPECT_TRUE(at::allclose(found, wanted, 1e-10, 1e-12)) << (found - wanted).abs().max().item<double>();
        }
      }
    }
  }
}

TEST_F(Onnx, SizesAreSqueezedWithoutAWordOfAxes) {
  OnnxProgram p({0, 3, 8, 6});
  const std::string rows = p.node("Squeeze", {p.node("Shape", {"x"}, {{"start", int64_t{0}}, {"end", int64_t{1}}})});
  const std::string first = p.node("Unsqueeze", {rows, p.node("Constant", {}, {{"value", whole({0})}})});
  const std::string sizes =
      p.node("Concat", {first, p.node("Constant", {}, {{"value", whole({-1})}})}, {{"axis", int64_t{0}}});
  p.node("Reshape", {"x", sizes});
  EXPECT_TRUE(at::equal(read(p).output(x_).toTensor(), x_.flatten(1)));
}

// Its steps are a loop of the graph.
TEST_F(Onnx, RecurrentLayersWithTheResetFirstAreDifferentiated) {
  OnnxProgram p({0, 3, 5});
  const std::string steps = p.node("Transpose", {"x"}, {{"perm", Sizes{2, 0, 1}}});
  p.node("GRU",
         {steps, p.parameter("gru.w", test::seeded({1, 12, 3}, 2)), p.parameter("gru.r", test::seeded({1, 12, 4}, 3))},
         {{"hidden_size", int64_t{4}}}, "", 2);
  p.node("Squeeze", {p.last + "_1", p.node("Constant", {}, {{"value", whole({0})}})});
  const auto model = image_model(read(p));
  const auto scores = [&](const test::Tensors& of) { return test::Tensors{model->forward(of[0], {}, true)->output()}; };
  test::expect_derivatives_are_finite_differences(scores, {test::seeded({2, 3, 5}, 1)}, "GRU");
}

// As BiT has it: weights with mean 0 and variance 1, by a batch norm in training mode.
TEST_F(Onnx, ANormOfWeightsTakesTheirStatistics) {
  const auto standardised = [&](bool of_weights) {
    OnnxProgram p({0, 3, 8, 6});
    const auto sizes = [&](const Sizes& to) { return p.node("Constant", {}, {{"value", whole(to)}}); };
    const std::string kernel = p.parameter("conv.weight", weight_), one = p.parameter("one", at::ones(5, at::kDouble)),
                      zero = p.parameter("zero", at::zeros(5, at::kDouble));
    const auto norm = [&](const std::string& of) {
      return p.node("BatchNormalization", {of, one, zero, zero, one},
                    {{"training_mode", int64_t{1}}, {"epsilon", 1e-6}}, "", 3);
    };
    const std::string rows = p.node("Reshape", {kernel, sizes({1, 5, -1})});
    const std::string weight = of_weights ? p.node("Reshape", {norm(rows), sizes({5, 3, 3, 3})}) : kernel;
    const std::string y = p.node("Conv", {"x", weight}, {{"kernel_shape", Sizes{3, 3}}});
    p.node("Relu", {of_weights ? y : norm(y)});
    return p;
  };
  const at::Tensor rows = weight_.flatten(1);
  const at::Tensor unit = (rows - rows.mean(1, true)) / (rows.var(1, false, true) + 1e-6).sqrt();
  const at::Tensor found = read(standardised(true)).output(x_).toTensor();
  EXPECT_TRUE(at::allclose(found, at::conv2d(x_, unit.view_as(weight_)).relu(), 1e-8, 1e-8));
  EXPECT_TRUE(test::contains(refusal(standardised(false)), "it was exported in training mode"));
}

// The older exporter writes equal parameters once, and the others as copies of it.
TEST_F(Onnx, ASumBehindAProductIsItsBiasAlsoWhereThatIsACopy) {
  OnnxProgram p({0, 5});
  const std::string bias = p.node("Identity", {p.parameter("norm.bias", bias_)});
  p.node("Add", {bias, p.node("MatMul", {"x", p.parameter("w", fc_.t().contiguous())})});
  const ModelSource source = read(p);
  const auto nodes = source.graph->nodes();
  EXPECT_TRUE(std::none_of(nodes.begin(), nodes.end(), [](auto* node) { return node->kind() == c10::aten::add; }));
  const at::Tensor x = test::seeded({2, 5}, 10);
  EXPECT_TRUE(at::allclose(source.output(x).toTensor(), at::linear(x, fc_, bias_)));
}

TEST_F(Onnx, AttentionIsOpened) {
  const auto heads = [](const at::Tensor& t, int64_t count) {
    return t.reshape({t.size(0), t.size(1), count, -1}).transpose(1, 2);
  };
  const at::Tensor x = test::seeded({2, 5, 8}, 1), w = test::seeded({8, 4}, 2), bias = test::seeded({5, 5}, 3),
                   allowed = (bias > -0.5).logical_or(at::eye(5, at::kBool));
  const at::Tensor q = heads(x, 4), k = heads(x.matmul(w), 2).repeat_interleave(2, 1);
  const at::Tensor plain = q.matmul(k.transpose(-2, -1)), causal = at::ones({5, 5}, at::kBool).tril();
  const auto wanted = [&](const at::Tensor& logits) { return logits.softmax(-1).matmul(k).transpose(1, 2).flatten(2); };
  const auto found = [&](OnnxSettings settings, const at::Tensor& mask = {}) {
    OnnxProgram p({0, 5, 8}, 23);
    const std::string keys = p.node("MatMul", {"x", p.parameter("w", w)});
    std::vector<std::string> given{"x", keys, keys};
    if (mask.defined()) given.push_back(p.parameter("mask", mask));
    settings.emplace_back("q_num_heads", int64_t{4});
    settings.emplace_back("kv_num_heads", int64_t{2});
    p.node("Attention", given, settings);
    return read(p).output(x).toTensor();
  };
  const double scale = 1 / std::sqrt(2.0), soft = 2;
  EXPECT_TRUE(at::allclose(found({}), wanted(plain * scale), 1e-6, 1e-7));
  EXPECT_TRUE(at::allclose(found({{"scale", 0.25}}), wanted(plain * 0.25), 1e-6, 1e-7));
  EXPECT_TRUE(at::allclose(found({{"softcap", soft}}), wanted((plain * scale / soft).tanh() * soft), 1e-6, 1e-7));
  EXPECT_TRUE(at::allclose(found({}, bias), wanted(plain * scale + bias), 1e-6, 1e-7));
  const double none = -std::numeric_limits<double>::infinity();
  EXPECT_TRUE(at::allclose(found({}, allowed), wanted((plain * scale).masked_fill(~allowed, none)), 1e-6, 1e-7));
  EXPECT_TRUE(
      at::allclose(found({{"is_causal", int64_t{1}}}), wanted((plain * scale).masked_fill(~causal, none)), 1e-6, 1e-7));
}

TEST_F(Onnx, OutputsThatNobodyUsesAreNotMade) {
  OnnxProgram p({0, 5, 6});
  const at::Tensor scale = test::seeded({6}, 1), x = test::seeded({2, 5, 6}, 2);
  p.node("LayerNormalization", {"x", p.parameter("scale", scale)}, {}, "", 3);
  EXPECT_TRUE(at::allclose(read(p).output(x).toTensor(), at::layer_norm(x, {6}, scale, {}, static_cast<float>(1e-5))));
}

TEST_F(Onnx, ResizesInEveryWay) {
  const at::Tensor sizes = whole({2, 3, 11, 9}), x = test::seeded({2, 3, 7, 6}, 3);
  const auto resized = [&](const std::string& mode, const std::string& coordinates,
                           const std::string& nearest = "floor") {
    OnnxProgram p({0, 3, 7, 6}, 13);
    p.parameter("sizes", sizes);
    p.node("Resize", {"x", "", "", "sizes"},
           {{"mode", mode}, {"coordinate_transformation_mode", coordinates}, {"nearest_mode", nearest}});
    return read(p).output(x).toTensor();
  };
  EXPECT_TRUE(at::allclose(resized("linear", "half_pixel"), at::upsample_bilinear2d(x, {11, 9}, false)));
  EXPECT_TRUE(at::allclose(resized("linear", "align_corners"), at::upsample_bilinear2d(x, {11, 9}, true)));
  EXPECT_TRUE(at::allclose(resized("cubic", "half_pixel"), at::upsample_bicubic2d(x, {11, 9}, false)));
  EXPECT_TRUE(at::allclose(resized("nearest", "asymmetric"), at::upsample_nearest2d(x, {11, 9})));
  EXPECT_TRUE(
      at::allclose(resized("nearest", "half_pixel", "round_prefer_ceil"), at::_upsample_nearest_exact2d(x, {11, 9})));
  // By hand: row i of the result lies at i * 7 / 11 of the input's.
  const at::Tensor linear = resized("linear", "asymmetric");
  const double at = 4 * 7.0 / 11;
  const at::Tensor row = x.select(2, 2) * (3 - at) + x.select(2, 3) * (at - 2);
  EXPECT_TRUE(at::allclose(linear.select(2, 4).select(2, 0), row.select(2, 0)));
}

TEST_F(Onnx, ResizesByCubicsOfEveryKind) {
  const at::Tensor x = test::seeded({2, 3, 7, 6}, 3);
  const auto resized = [&](const at::Tensor& picture, const std::string& coordinates, double a, bool inside_only) {
    OnnxProgram p({0, 3, 7, 6}, 19);
    p.parameter("sizes", whole({2, 3, 14, 12}));
    p.node("Resize", {"x", "", "", "sizes"},
           {{"mode", std::string("cubic")},
            {"coordinate_transformation_mode", coordinates},
            {"cubic_coeff_a", a},
            {"exclude_outside", int64_t{inside_only ? 1 : 0}}});
    return read(p).output(picture).toTensor();
  };
  // Of twice the size both coordinates are one.
  EXPECT_TRUE(
      at::allclose(resized(x, "half_pixel_symmetric", -0.75, false), at::upsample_bicubic2d(x, {14, 12}, false)));
  // The cubic of -0.5 meets parabolas.
  const at::Tensor places = at::arange(7, at::kDouble).view({7, 1}),
                   between = (at::arange(14, at::kDouble) + 0.5) / 2 - 0.5;
  const at::Tensor parabola = (places.square() - 3 * places).expand({2, 3, 7, 6});
  EXPECT_TRUE(at::allclose(resized(parabola, "half_pixel", -0.5, false).select(3, 5)[0][0].slice(0, 3, 11),
                           (between.square() - 3 * between).slice(0, 3, 11)));
  // By hand: 0.25 before the first place, where of four places two are inside.
  const auto weight = [](double d) {
    return d <= 1 ? (1.5 * d - 2.5) * d * d + 1 : ((-0.5 * d + 2.5) * d - 4) * d + 2;
  };
  const double first = weight(0.25), second = weight(1.25);
  const at::Tensor row =
      resized(x.select(3, 0).unsqueeze(3).expand({2, 3, 7, 6}), "half_pixel", -0.5, true).select(2, 0);
  EXPECT_TRUE(
      at::allclose(row.select(2, 4),
                   (x.select(3, 0).select(2, 0) * first + x.select(3, 0).select(2, 1) * second) / (first + second)));
}

class OnnxNames : public Onnx, public testing::WithParamInterface<bool> {};

TEST_P(OnnxNames, AreThoseOfTheModules) {
  const OnnxProgram program = network(GetParam());
  const auto model = image_model(read(program));
  EXPECT_EQ(model->source(), "onnx");
  EXPECT_TRUE(at::allclose(model->module_output(x_, false), scores(activation(x_, weight_)), 1e-12, 1e-12));
  std::vector<std::string> layers, parameters;
  for (const LayerInfo& layer : model->layers()) layers.push_back(layer.name + (GetParam() ? "" : " " + layer.type));
  for (const auto& [name, tensor] : model->parameters()) parameters.push_back(name);
  if (GetParam()) {
    EXPECT_EQ(layers, (std::vector<std::string>{"body.0", "body.1", "body.1@2", "body", "fc"}));
  } else {
    EXPECT_EQ(layers, (std::vector<std::string>{"body.0 Conv2d", "body.1 ReLU", "body.1@2 ReLU", "body Sequential",
                                                "fc Linear"}));
  }
  EXPECT_EQ(parameters, (std::vector<std::string>{"body.0.weight", "body.0.bias", "fc.weight", "fc.bias"}));
  EXPECT_EQ(model->activations(), (std::vector<std::string>{"relu", "relu"}));
  EXPECT_EQ(model->likely_input(), (Sizes{3, 8, 6}));
}

TEST_P(OnnxNames, GradientsReachParameters) {
  const auto model = image_model(read(network(GetParam())));
  Needs needs;
  needs.gradients = true;
  needs.captures = {{"body.1@2"}};
  const auto pass = model->forward(x_, needs, true);
  EXPECT_TRUE(at::allclose(pass->activation("body.1@2"), activation(x_, weight_), 1e-12, 1e-12));
  const at::Tensor own = weight_.clone().requires_grad_(), weight = model->parameter("body.0.weight");
  const auto twice = [](const at::Tensor& score, const at::Tensor& by) {
    const at::Tensor first = torch::autograd::grad({score}, {by}, {}, true, true)[0];
    return std::make_pair(first, torch::autograd::grad({first.square().sum()}, {by})[0]);
  };
  const auto found = twice(pass->output().select(1, 2).square().sum(), weight);
  const auto wanted = twice(scores(activation(x_, own)).select(1, 2).square().sum(), own);
  EXPECT_TRUE(at::allclose(found.first, wanted.first, 1e-10, 1e-12));
  EXPECT_TRUE(at::allclose(found.second, wanted.second, 1e-10, 1e-12));
}

INSTANTIATE_TEST_SUITE_P(By, OnnxNames, testing::Bool(),
                         [](const auto& info) { return info.param ? "names" : "metadata"; });

// A module in a dictionary of a list: its name lacks both, but the names of its parameters have them.
TEST_F(Onnx, ParametersCompleteNames) {
  OnnxProgram p({0, 6});
  std::string v = "x";
  for (const std::string block : {"0", "1"}) {
    const std::string again = block == "1" ? "_1" : "", path = "blocks." + block + ".mix.0.";
    p.parameter(path + "weight", test::seeded({6, 6}, 1 + again.size()));
    p.parameter(path + "bias", test::seeded({6}, 2));
    const std::string y = p.node("Gemm", {v, path + "weight", path + "bias"}, {}, "/mix/mix.0" + again + "/Gemm");
    v = p.node("Add", {v, p.node("Relu", {y}, {}, "/mix/mix.1" + again + "/Relu")}, {}, "/Add" + again);
  }
  std::vector<std::string> layers;
  const auto model = image_model(read(p));
  for (const LayerInfo& layer : model->layers()) layers.push_back(layer.name);
  EXPECT_EQ(layers, (std::vector<std::string>{"blocks.0.mix.0", "blocks.0.mix.1", "blocks.0.mix", "blocks.1.mix.0",
                                              "blocks.1.mix.1", "blocks.1.mix"}));
}

TEST_F(Onnx, WithoutScopesParametersNameLayers) {
  OnnxProgram p({0, 3, 6, 6});
  p.parameter("stem.conv.weight", test::seeded({4, 3, 3, 3}, 1));
  p.parameter("193", test::seeded({4, 4, 3, 3}, 2));
  const std::string a = p.node("Relu", {p.node("Conv", {"x", "stem.conv.weight"})});
  p.node("GlobalAveragePool", {p.node("Conv", {a, "193"})});
  const auto model = image_model(read(p));
  std::vector<std::string> layers;
  for (const LayerInfo& layer : model->layers()) layers.push_back(layer.name);
  EXPECT_EQ(layers, (std::vector<std::string>{"stem.conv", "Relu_1", "Conv_2", "GlobalAveragePool_3"}));
  EXPECT_EQ(model->parameter("Conv_2.weight").size(1), 4);
}

// PaddlePaddle's exporter writes "pool2d.1.0", and weights as nodes.
TEST_F(Onnx, NamesOfValuesAreNotThoseOfLayers) {
  OnnxProgram p({0, 3, 6, 6});
  p.values = "stem.";
  const std::string weight = p.node("Constant", {}, {{"value", test::seeded({4, 3, 3, 3}, 1)}});
  p.node("GlobalAveragePool", {p.node("Relu", {p.node("Conv", {"x", weight})})});
  const auto model = image_model(read(p));
  std::vector<std::string> layers;
  for (const LayerInfo& layer : model->layers()) layers.push_back(layer.name);
  EXPECT_EQ(layers, (std::vector<std::string>{"stem", "Relu_2", "GlobalAveragePool_3"}));
}

// What an operator is given does not name it.
TEST_F(Onnx, WithoutScopesOtherValuesNameNoLayers) {
  OnnxProgram p({0, 3, 6, 6});
  p.node("Add", {"x", p.input("mask.of", {0, 3, 6, 6}, at::kFloat)});
  ModelOptions options;
  options.extra = {{"mask_of", test::seeded({1, 3, 6, 6}, 1)}};
  EXPECT_EQ(open_model(folder_.write("model.onnx", p.bytes()), options)->layers().at(0).name, "Add_0");
}

TEST_F(Onnx, ActivationsAreFoundInWhatTheyWereExportedAs) {
  const auto rules_of = [&](const std::function<void(OnnxProgram&)>& add) {
    OnnxProgram p({0, 6});
    add(p);
    const ModelSource source = read(p);
    const auto rules = image_model(source)->activations();
    return rules.size() == 1 ? rules[0] : "";
  };
  const auto c = [](OnnxProgram& p, double value) { return p.node("Constant", {}, {{"value", number(value)}}); };
  EXPECT_EQ(rules_of([&](OnnxProgram& p) {
              const std::string e = p.node("Erf", {p.node("Div", {"x", c(p, std::sqrt(2.0))})});
              p.node("Mul", {p.node("Mul", {"x", p.node("Add", {e, c(p, 1)})}), c(p, 0.5)});
            }),
            "gelu");
  EXPECT_EQ(rules_of([&](OnnxProgram& p) {
              const std::string half = p.node("Mul", {"x", c(p, 0.5)});
              const std::string cube = p.node("Mul", {p.node("Pow", {"x", c(p, 3)}), c(p, 0.044715)});
              const std::string t = p.node("Tanh", {p.node("Mul", {p.node("Add", {"x", cube}), c(p, 0.7978845608)})});
              p.node("Mul", {half, p.node("Add", {c(p, 1), t})});
            }),
            "gelu");
  EXPECT_EQ(rules_of([&](OnnxProgram& p) { p.node("Mul", {"x", p.node("Sigmoid", {"x"})}); }), "silu");
  EXPECT_EQ(rules_of([&](OnnxProgram& p) {
              const std::string six = p.node("Clip", {p.node("Add", {"x", c(p, 3)}), c(p, 0), c(p, 6)});
              p.node("Div", {p.node("Mul", {"x", six}), c(p, 6)});
            }),
            "hardswish");
  EXPECT_EQ(rules_of([&](OnnxProgram& p) {
              p.node("Mul", {"x", p.node("Tanh", {p.node("Softplus", {"x"})})});
            }),
            "mish");
}

// As the older exporter writes pads: pairs of a matrix, turned and transposed, of sizes that nobody said before.
TEST_F(Onnx, NumbersAreArrangedInMatrices) {
  OnnxProgram p({0, 3, 5, 6});
  const auto c = [&](const at::Tensor& value) { return p.node("Constant", {}, {{"value", value}}); };
  const auto size = [&](int64_t axis) {
    return p.node("Gather", {p.node("Shape", {"x"}), c(at::scalar_tensor(axis, at::kLong))});
  };
  const auto missing = [&](int64_t axis) {  // to the next multiple of 4
    const std::string more = p.node(
        "Sub", {c(at::scalar_tensor(4, at::kLong)), p.node("Mod", {size(axis), c(at::scalar_tensor(4, at::kLong))})});
    return p.node("Unsqueeze", {p.node("Mod", {more, c(at::scalar_tensor(4, at::kLong))}), c(whole({0}))});
  };
  const std::string none = c(whole({0}));
  const std::string pads =
      p.node("Concat", {none, missing(3), none, missing(2), c(whole({0, 0, 0, 0}))}, {{"axis", int64_t{0}}});
  const std::string pairs = p.node("Reshape", {pads, c(whole({-1, 2}))});
  const std::string turned = p.node(
      "Slice",
      {pairs, c(whole({-1})), c(whole({std::numeric_limits<int64_t>::min() + 1})), c(whole({0})), c(whole({-1}))});
  p.node("Pad", {"x", p.node("Reshape", {p.node("Transpose", {turned}, {{"perm", Sizes{1, 0}}}), c(whole({-1}))})});
  const at::Tensor x = test::seeded({2, 3, 5, 6}, 1);
  EXPECT_TRUE(at::equal(read(p).output(x).toTensor(), at::constant_pad_nd(x, {0, 2, 0, 3})));
}

TEST_F(Onnx, ShapesThatDependOnTheBatchAreComputed) {
  OnnxProgram p({0, 3, 4, 5});
  const auto c = [&](const at::Tensor& value) { return p.node("Constant", {}, {{"value", value}}); };
  const std::string shape = p.node("Shape", {"x"});
  const std::string rows =
      p.node("Unsqueeze", {p.node("Gather", {shape, c(at::scalar_tensor(0, at::kLong))}), c(whole({0}))});
  const std::string first = p.node("Slice", {shape, c(whole({std::numeric_limits<int64_t>::min()})), c(whole({-2}))});
  const std::string rest = p.node("ReduceProd", {p.node("Slice", {shape, c(whole({1})), c(whole({1L << 40}))})});
  const std::string half = p.node("Div", {rest, c(whole({2}))});
  p.node("Reshape", {"x", p.node("Concat", {rows, c(whole({2})), half}, {{"axis", int64_t{0}}})});
  for (const int64_t n : {1, 3})
    EXPECT_EQ(read(p).output(test::seeded({n, 3, 4, 5}, 1)).toTensor().sizes(), (Sizes{n, 2, 30}));
  p.node("Reshape", {"x", p.node("Concat", {first, c(whole({20}))}, {{"axis", int64_t{0}}})});
  EXPECT_EQ(read(p).output(test::seeded({2, 3, 4, 5}, 1)).toTensor().sizes(), (Sizes{2, 3, 20}));
}

// Multi-head attention with the sequence first, as exported for one row.
TEST_F(Onnx, FixedBatchesAreFreed) {
  OnnxProgram p({1, 6, 8});
  p.parameter("w", test::seeded({8, 8}, 1));
  p.parameter("cls", test::seeded({1, 1, 8}, 2));
  const auto shaped = [&](const std::string& v, const Sizes& sizes) {
    return p.node("Reshape", {v, p.node("Constant", {}, {{"value", whole(sizes)}})});
  };
  std::string v = p.node("Concat", {"cls", "x"}, {{"axis", int64_t{1}}});
  v = p.node("Transpose", {p.node("MatMul", {v, "w"})}, {{"perm", Sizes{1, 0, 2}}});
  v = p.node("Transpose", {shaped(v, {7, 2, 4})}, {{"perm", Sizes{1, 0, 2}}});
  v = p.node("MatMul",
             {p.node("Softmax", {p.node("MatMul", {v, p.node("Transpose", {v}, {{"perm", Sizes{0, 2, 1}}})})}), v});
  v = shaped(p.node("Transpose", {v}, {{"perm", Sizes{1, 0, 2}}}), {7, 8});
  v = p.node("Transpose", {shaped(v, {7, 1, 8})}, {{"perm", Sizes{1, 0, 2}}});
  p.node("ReduceMean", {v}, {{"axes", Sizes{1}}, {"keepdims", int64_t{0}}});
  const ModelSource source = read(p);
  const at::Tensor x = test::seeded({3, 6, 8}, 3), all = source.output(x).toTensor();
  ASSERT_EQ(all.sizes(), (Sizes{3, 8}));
  for (int64_t i = 0; i < 3; ++i) {
    EXPECT_TRUE(at::allclose(all[i], source.output(x.narrow(0, i, 1)).toTensor()[0], 1e-12, 1e-12));
  }
}

TEST_F(Onnx, RefusesABatchThatMixesRows) {
  OnnxProgram p({2, 3, 4});
  p.node("Reshape", {"x", p.node("Constant", {}, {{"value", whole({1, 24})}})});
  EXPECT_TRUE(test::contains(refusal(p), "was exported for batches of 2 alone"));
}

TEST_F(Onnx, TakesChannelsBehind) {
  OnnxProgram p({0, 8, 6, 3});
  p.parameter("w", weight_);
  p.node("Conv", {p.node("Transpose", {"x"}, {{"perm", Sizes{0, 3, 1, 2}}}), "w"});
  const ModelSource source = read(p);
  EXPECT_EQ(source.input, (Sizes{3, 8, 6}));
  EXPECT_TRUE(at::allclose(source.output(x_).toTensor(), at::conv2d(x_, weight_), 1e-12, 1e-12));
}

TEST_F(Onnx, ScoresAreThoseBeforeProbabilities) {
  for (const std::string op : {"Softmax", "Sigmoid"}) {
    OnnxProgram p({0, 6});
    p.parameter("w", test::seeded({6, 4}, 1));
    p.node(op, {p.node("MatMul", {"x", "w"})});
    const auto model = image_model(read(p));
    const at::Tensor x = test::seeded({2, 6}, 2), z = x.mm(test::seeded({6, 4}, 1)),
                     output = model->module_output(x, false);
    EXPECT_TRUE(at::allclose(output, z, 1e-12, 1e-12));
    EXPECT_TRUE(at::allclose(model->probabilities(output), op == "Softmax" ? z.softmax(1) : z.sigmoid(), 1e-12, 1e-12));
    ASSERT_EQ(model->remarks().size(), 1U);
    EXPECT_TRUE(test::contains(model->remarks()[0], "scores and gradients are those before it"));
  }
}

// What comes behind is not read, and need not be known.
TEST_F(Onnx, EndsAtAnyValueThatIsAskedFor) {
  OnnxProgram p({0, 6});
  p.input("threshold", {0, 1}, at::kFloat);
  const at::Tensor w = test::seeded({6, 4}, 1), x = test::seeded({2, 6}, 2);
  const std::string scores = p.node("MatMul", {"x", p.parameter("w", w)}), halves = p.node("Sigmoid", {scores});
  p.node("NonMaxSuppression", {halves, "threshold"});
  const auto file = folder_.write("model.onnx", p.bytes());
  EXPECT_TRUE(test::contains(test::message_of(Fault::input, [&] { open_model(file); }), "name a value before it"));
  ModelOptions options;
  for (const std::string& name : {scores, halves}) {
    options.output = name;
    const auto model = open_model(file, options);
    const at::Tensor z = x.mm(w), wanted = name == scores ? z : z.sigmoid();
    EXPECT_TRUE(at::allclose(model->forward(x, {}, false)->output(), wanted, 1e-12, 1e-12));
    EXPECT_EQ(model->output_kind(), name == scores ? OutputKind::scores : OutputKind::sigmoid);
  }
  options.output = "nothing";
  EXPECT_TRUE(test::contains(test::message_of(Fault::input, [&] { open_model(file, options); }), "chooses boxes"));
}

TEST_F(Onnx, ReadsExternalTensorsOfItsOwnFolderAlone) {
  const at::Tensor w = test::seeded({6, 4}, 1).contiguous();
  const std::string bytes(static_cast<const char*>(w.data_ptr()), w.nbytes());
  folder_.write("weights.bin", std::string(16, 'x') + bytes);
  std::filesystem::create_symlink("/etc/passwd", folder_ / "link.bin");
  const auto program = [&](const std::string& file, int64_t offset) {
    OnnxProgram p({0, 6});
    p.node("MatMul", {"x", p.external("w", w, file, offset, static_cast<int64_t>(bytes.size()))});
    return p;
  };
  const at::Tensor x = test::seeded({2, 6}, 2);
  EXPECT_TRUE(at::allclose(read(program("weights.bin", 16)).output(x).toTensor(), x.mm(w), 1e-12, 1e-12));
  EXPECT_TRUE(test::contains(refusal(program("weights.bin", 24)), "'w' reaches beyond its file of 208 bytes"));
  EXPECT_TRUE(test::contains(refusal(program("other.bin", 0)), "which is not beside it"));
  for (const char* const outside : {"../weights.bin", "/etc/passwd", "a/../../b", "link.bin", ""}) {
    EXPECT_TRUE(test::contains(refusal(program(outside, 0)), "does not lie in the model's folder")) << outside;
  }
}

TEST_F(Onnx, WritesParametersHome) {
  const ModelSource source = read(network(true));
  NamedTensors state;
  for (const auto& parameter : source.parameters.named_parameters()) state[parameter.name] = parameter.value * 2;
  source.own->write(folder_ / "trained.onnx", state);
  EXPECT_EQ(source.own->extension, ".onnx");
  const ModelSource written = read_model(folder_ / "trained.onnx", at::kCPU);
  for (const auto& parameter : written.parameters.named_parameters()) {
    EXPECT_TRUE(at::equal(parameter.value, state.at(parameter.name))) << parameter.name;
  }
  for (auto& [name, tensor] : state) tensor = tensor / 2;
  source.own->write(folder_ / "same.onnx", state);
  EXPECT_EQ(read_model(folder_ / "same.onnx", at::kCPU).output(x_).toTensor().sum().item<double>(),
            source.output(x_).toTensor().sum().item<double>());
}

// As Paddle's exporter writes them; scales and thresholds stay constants.
TEST_F(Onnx, ConstantsThatLayersHaveAsWeightsAreTrained) {
  OnnxProgram p({0, 3, 6, 6});
  const auto c = [&](const at::Tensor& value) { return p.node("Constant", {}, {{"value", value}}); };
  const at::Tensor kernel = test::seeded({4, 3, 3, 3}, 1), shift = test::seeded({4}, 2), one = test::seeded({4}, 3),
                   var = one.square() + 1, dense = test::seeded({4, 2}, 4), x = test::seeded({2, 3, 6, 6}, 5);
  std::string v =
      p.node("Add", {p.node("Conv", {"x", c(kernel)}), p.node("Reshape", {c(shift), c(whole({1, 4, 1, 1}))})});
  v = p.node("Mul", {p.node("BatchNormalization", {v, c(one), c(one), c(one), c(var)}), c(test::seeded({4, 1, 1}, 6))});
  p.node("MatMul", {p.node("Flatten", {p.node("GlobalAveragePool", {v})}), c(dense)});
  const ModelSource source = read(p);
  NamedTensors state;
  std::vector<Sizes> sizes;
  for (const auto& parameter : source.parameters.named_parameters()) {
    sizes.push_back(parameter.value.sizes().vec());
    state[parameter.name] = parameter.value * 2;
  }
  EXPECT_EQ(sizes, (std::vector<Sizes>{{4, 3, 3, 3}, {4}, {4}, {4}, {4, 2}}));
  source.own->write(folder_ / "trained.onnx", state);
  const at::Tensor y = at::conv2d(x, kernel * 2, shift * 2);
  const at::Tensor z = at::batch_norm(y, one * 2, one * 2, one, var, false, 0.1, static_cast<float>(1e-5), false);
  const at::Tensor wanted = (z * test::seeded({4, 1, 1}, 6)).mean({2, 3}).mm(dense * 2);
  EXPECT_TRUE(at::allclose(read_model(folder_ / "trained.onnx", at::kCPU).output(x).toTensor(), wanted, 1e-10, 1e-12));
}

TEST_F(Onnx, IsSavedAsTorchScript) {
  const ModelSource source = read(network(false));
  const auto saved = open_model(folder_.write("saved.pt", TrainingModel(source).saved()));
  EXPECT_EQ(saved->layers()[0].name, "body.0");
  EXPECT_TRUE(at::allclose(saved->module_output(x_, false), scores(activation(x_, weight_)), 1e-12, 1e-12));
}

TEST_F(Onnx, RefusesWithOneSentence) {
  const auto of = [&](const std::string& op, const OnnxSettings& settings = {}, const std::string& domain = "") {
    OnnxProgram p({0, 3, 8, 6});
    p.node(op, {"x"}, settings, "", 1, "", "", domain);
    return refusal(p);
  };
  EXPECT_TRUE(test::contains(of("DynamicQuantizeLinear"), "is quantised, without gradient"));
  EXPECT_TRUE(test::contains(of("Loop"), "repeats a graph"));
  EXPECT_TRUE(test::contains(of("NonMaxSuppression"), "chooses boxes"));
  EXPECT_TRUE(test::contains(of("Warp"), "has the operator Warp"));
  EXPECT_TRUE(test::contains(of("Warp", {}, "ai.mine"), "is of the domain ai.mine"));
  EXPECT_TRUE(test::contains(of("conv"), "it is not known"));
  OnnxProgram places({0, 3, 8, 6});
  places.node("MaxPool", {"x"}, {{"kernel_shape", Sizes{2, 2}}}, "", 2);
  places.node("Relu", {places.last + "_1"});
  EXPECT_TRUE(test::contains(refusal(places), "the places of the maxima"));
  EXPECT_TRUE(test::contains(of("Elu", {{"beta", 1.0}}), "its attribute 'beta' is not known"));
  EXPECT_TRUE(test::contains(of("Elu", {{"alpha", std::string("a")}}), "its attribute 'alpha' is of another type"));
  EXPECT_TRUE(test::contains(of("Conv"), "its input 'W' is missing"));
  const auto with = [&](const std::string& op, const std::vector<std::string>& inputs,
                        const OnnxSettings& settings = {}) {
    OnnxProgram p({0, 3, 8}, 23);
    p.parameter("w", test::seeded({1, 8, 8}, 1));
    p.node(op, inputs, settings);
    return refusal(p);
  };
  EXPECT_TRUE(test::contains(with("Attention", {"x", "x", "x", "", "x", "x"}), "it has a cache of keys and values"));
  EXPECT_TRUE(test::contains(with("Elu", {"x", "x", "x", "x"}), "it has more inputs than are known"));
  EXPECT_TRUE(test::contains(with("LSTM", {"x", "w", "w", "", "x"}), "it has lengths, peepholes or coupled gates"));
  EXPECT_TRUE(test::contains(with("GRU", {"x", "w", "w"}, {{"activations", std::vector<std::string>{"Elu", "Tanh"}}}),
                             "its activations are Elu,Tanh, expected Sigmoid,Tanh"));
  OnnxProgram old({0, 3}, 4);
  old.node("Relu", {"x"});
  EXPECT_TRUE(test::contains(refusal(old), "is of ONNX's opset 4, expected 7 to 26"));
  OnnxProgram twice({0, 3});
  twice.parameter("w", whole({1}));
  twice.parameter("w", whole({2}));
  twice.node("Relu", {"x"});
  EXPECT_TRUE(test::contains(refusal(twice), "is damaged: it has the parameter 'w' twice"));
  OnnxProgram loose({0, 3});
  loose.node("Relu", {"y"});
  EXPECT_TRUE(test::contains(refusal(loose), "nothing makes its value 'y'"));
  const auto refusal_of = [&](const std::string& bytes) {
    return test::message_of(Fault::input, [&] { open_model(folder_.write("model.onnx", bytes)); });
  };
  EXPECT_TRUE(test::contains(refusal_of(loose.bytes() + loose.bytes()), "is damaged: it has two graphs"));
  EXPECT_TRUE(test::contains(refusal_of("no model"),
                             "is damaged, cut off or no ONNX file: its messages cannot be read to their end"));
}

// A few bytes that ask for much.
TEST_F(Onnx, WhatWouldFillTheMemoryIsRefused) {
  OnnxProgram constant({0, 3});
  constant.parameter("sizes", whole({1 << 15, 1 << 15}));
  constant.node("ConstantOfShape", {"sizes"});
  EXPECT_TRUE(test::contains(refusal(constant), "what its constants become takes more than a gigabyte"));
  OnnxProgram large({1, 1 << 20, 1 << 11});
  large.node("Relu", {"x"});
  EXPECT_TRUE(test::contains(refusal(large), "was exported for batches of 1 alone"));
  OnnxProgram axes({0, 3, 4, 5});
  std::string v = "x";
  for (int i = 0; i < 40; ++i) v = axes.node("Gather", {v, v});
  EXPECT_TRUE(test::contains(refusal(axes), "its result has too many axes"));
  OnnxProgram numbers({0, 3});
  v = numbers.node("Shape", {"x"});
  for (int i = 0; i < 40; ++i) v = numbers.node("Concat", {v, v}, {{"axis", int64_t{0}}});
  EXPECT_TRUE(test::contains(refusal(numbers), "it joins too many numbers"));
}

TEST_F(Onnx, NamesOfOneValueTwiceAreNoCircle) {
  OnnxProgram p({0, 3});
  p.input("v1", {0, 3}, at::kFloat);
  p.node("Identity", {"v1"});
  std::string bytes = p.bytes();
  for (size_t at = bytes.find("v0"); at != std::string::npos; at = bytes.find("v0")) bytes[at + 1] = '1';
  EXPECT_EQ(read_model(folder_.write("model.onnx", bytes), at::kCPU).graph->inputs().size(), 3U);
}

TEST_F(Onnx, ArithmeticWithShapesMayLackAnything) {
  OnnxProgram p({0, 3});
  p.parameter("five", whole({5}));
  p.parameter("zero", whole({0}));
  const std::string sizes = p.node("Concat", {p.node("Shape", {"x"}), "five"}, {{"axis", int64_t{0}}});
  OnnxProgram picked = p;
  picked.node("Gather", {sizes, "", "zero"});
  EXPECT_TRUE(test::contains(refusal(picked), "its input 'indices' is missing"));
  OnnxProgram summed = p;
  summed.node("Add", {sizes, ""});
  EXPECT_FALSE(refusal(summed).empty());
  OnnxProgram divided = p;
  divided.node("Reshape", {"x", divided.node("Mod", {sizes, "zero"})});
  const ModelSource source = read(divided);
  EXPECT_THROW(source.output(at::ones({2, 3})), std::exception);
}

// The sizes that a file gives need not be those of its values.
TEST_F(Onnx, BatchesAreLookedForWithinTheSizesThatAreSaid) {
  const auto model = [](const Sizes& said) {
    OnnxProgram p({2, 3, 4});
    p.parameter("sizes", whole({3, 4, 2, 1}));
    const std::string v = p.node("Transpose", {"x"}, {{"perm", Sizes{1, 2, 0}}});
    p.say_sizes(v, said);
    p.node("Transpose", {p.node("Reshape", {v, "sizes"})}, {{"perm", Sizes{2, 0, 1, 3}}});
    return p;
  };
  const int64_t most = std::numeric_limits<int64_t>::max();
  for (const Sizes& said : {Sizes{3, 4, 2}, Sizes{3}, Sizes{most, most, most}}) {
    EXPECT_EQ(read(model(said)).output(at::ones({5, 3, 4})).toTensor().size(0), 5);
  }
}

TEST_F(Onnx, DamagedFilesAreRefusedOrRun) {
  int refused = 0;
  for (unsigned seed = 0; seed < 500; ++seed) {
    std::mt19937 random(seed);
    std::string bytes = network(seed % 2 == 0).bytes();
    if (seed % 5 == 0) bytes.resize(random() % bytes.size());
    for (unsigned i = 0; i <= seed % 4; ++i) bytes[random() % bytes.size()] = static_cast<char>(random());
    try {
      open_model(folder_.write("model.onnx", bytes))->inspect(x_);
    } catch (const Error& error) {
      ++refused;
      EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
      EXPECT_LT(std::string(error.what()).size(), 700U) << error.what();
    }
  }
  EXPECT_GT(refused, 100);
}

}  // namespace
}  // namespace attune
