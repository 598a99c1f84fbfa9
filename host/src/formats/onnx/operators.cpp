#include "formats/onnx/operators.h"

#include <algorithm>
#include <set>

namespace attune {
namespace {

using NameSet = std::set<std::string>;

bool is_one_of(const OnnxNode& node, const NameSet& names) { return names.count(node.op) != 0; }

int64_t integer_of(const OnnxNode& node, const std::string& name, int64_t otherwise) {
  const auto found = node.attributes.find(name);
  return found == node.attributes.end() ? otherwise : found->second.i;
}

const NameSet comparisons{"Equal", "Greater", "Less", "GreaterOrEqual", "LessOrEqual", "And",
                          "Or",    "Xor",     "Not",  "IsNaN"};

// Of "ij,jk->ik" the 2 of "ik".
int64_t rank_of_product(const OnnxNode& node) {
  const auto equation = node.attributes.find("equation");
  if (equation == node.attributes.end() || equation->second.s.find("...") != std::string::npos) return -1;
  const std::string& text = equation->second.s;
  const size_t arrow = text.find("->");
  if (arrow == std::string::npos) return -1;
  return std::count_if(text.begin() + static_cast<ptrdiff_t>(arrow) + 2, text.end(), [](char c) { return c != ' '; });
}

}  // namespace

std::string aten_twin(const std::string& op) {
  static const std::map<std::string, std::string> twins{{"Abs", "abs"},
                                                        {"Acos", "acos"},
                                                        {"Acosh", "acosh"},
                                                        {"Asin", "asin"},
                                                        {"Asinh", "asinh"},
                                                        {"Atan", "atan"},
                                                        {"Atanh", "atanh"},
                                                        {"And", "logical_and"},
                                                        {"Ceil", "ceil"},
                                                        {"Cos", "cos"},
                                                        {"Cosh", "cosh"},
                                                        {"Erf", "erf"},
                                                        {"Exp", "exp"},
                                                        {"Floor", "floor"},
                                                        {"HardSwish", "hardswish"},
                                                        {"IsNaN", "isnan"},
                                                        {"Log", "log"},
                                                        {"MatMul", "matmul"},
                                                        {"Mish", "mish"},
                                                        {"Neg", "neg"},
                                                        {"Not", "logical_not"},
                                                        {"Or", "logical_or"},
                                                        {"Reciprocal", "reciprocal"},
                                                        {"Relu", "relu"},
                                                        {"Round", "round"},
                                                        {"Sigmoid", "sigmoid"},
                                                        {"Sign", "sign"},
                                                        {"Sin", "sin"},
                                                        {"Sinh", "sinh"},
                                                        {"Sqrt", "sqrt"},
                                                        {"Tan", "tan"},
                                                        {"Tanh", "tanh"},
                                                        {"Xor", "logical_xor"}};
  const auto found = twins.find(op);
  return found == twins.end() ? "" : found->second;
}

std::string why_refused(const OnnxNode& node) {
  static const NameSet loops{"Loop", "Scan", "SequenceMap", "While"};
  static const NameSet detection{"NonMaxSuppression", "RoiAlign", "MaxRoiPool", "MaxUnpool"};
  static const NameSet random{"RandomNormal",      "RandomNormalLike", "RandomUniform",
                              "RandomUniformLike", "Multinomial",      "Bernoulli"};
  const auto has = [&](const char* part) { return node.op.find(part) != std::string::npos; };
  const bool is_quantised = has("Quantize") || has("QLinear") || has("Integer") || has("QAttention") || has("NBits");
  if (is_quantised) return "is quantised, without gradient; take the floating-point model";
  if (is_one_of(node, loops)) return "repeats a graph, which cannot be cut at layers";
  if (is_one_of(node, detection))
    return "chooses boxes, without gradient to the picture; name a value before it as \"output\" in model.json";
  if (is_one_of(node, random)) return "draws random numbers";
  if (node.op == "If") return "decides by what the input holds";
  if (!node.domain.empty()) return "is of the domain " + node.domain.substr(0, 60) + ", not of ONNX's own";
  return "";
}

int64_t rank_of_result(const OnnxNode& node, size_t output, const std::vector<int64_t>& ranks, int64_t length) {
  static const NameSet as_first{
      "Attention", "Conv",           "ConvTranspose",  "MaxPool", "AveragePool", "BatchNormalization",
      "ScatterND", "GatherElements", "GridSample",     "Resize",  "Tile",        "Slice",
      "Pad",       "PRelu",          "Upsample",       "Split",   "TopK",        "CumSum",
      "Trilu",     "Clip",           "ScatterElements"};
  static const NameSet by_length{"Reshape", "ConstantOfShape", "AffineGrid"};
  const int64_t first = ranks.empty() ? 0 : ranks[0], second = ranks.size() > 1 ? ranks[1] : -1;
  const int64_t most = ranks.empty() ? 0 : *std::max_element(ranks.begin(), ranks.end());
  const bool is_unknown = std::any_of(ranks.begin(), ranks.end(), [](int64_t rank) { return rank == -1; });
  if (is_one_of(node, by_length)) return length;
  if (node.op == "Flatten" || node.op == "Gemm" || node.op == "NonZero") return 2;
  if (node.op == "Shape" || node.op == "Range") return 1;
  if (node.op == "Size") return 0;
  if (node.op == "Einsum") return rank_of_product(node);
  if (node.op == "LSTM" || node.op == "GRU" || node.op == "RNN") return output == 0 ? 4 : 3;
  if (first < 0) return -1;
  if (is_one_of(node, as_first)) return first;
  if (node.op == "Squeeze") return length < 0 ? -1 : first - length;
  if (node.op == "Unsqueeze") return length < 0 ? -1 : first + length;
  if (node.op == "Expand") return length < 0 ? -1 : std::max(first, length);
  if (node.op == "Gather") return second < 0 ? -1 : first + second - 1;
  if (node.op == "OneHot") return first + 1;
  if (node.op == "ArgMax" || node.op == "ArgMin") return integer_of(node, "keepdims", 1) == 1 ? first : first - 1;
  if (node.op.compare(0, 6, "Reduce") == 0) {
    if (integer_of(node, "keepdims", 1) == 1) return first;
    return length > 0 ? first - length : integer_of(node, "noop_with_empty_axes", 0) == 1 ? first : 0;
  }
  if (node.op == "MatMul" && (first == 1 || second == 1)) return most - 1;
  if (node.op == "GatherND") {
    return second < 0 || length < 0 ? -1 : first + second - 1 - length - integer_of(node, "batch_dims", 0);
  }
  return is_unknown && ranks.size() > 1 && first == 0 ? -1 : most;
}

bool is_integral(const OnnxNode& node, size_t output, const std::vector<bool>& integral) {
  static const NameSet integers{"Shape", "Size", "ArgMax", "ArgMin", "NonZero"};
  static const NameSet by_data{"Gather",    "Slice",      "Reshape",   "Expand",         "Tile",       "Squeeze",
                               "Unsqueeze", "Transpose",  "Pad",       "GatherElements", "GatherND",   "Split",
                               "ReduceSum", "ReduceMean", "ReduceMax", "ReduceMin",      "ReduceProd", "CumSum",
                               "Flatten",   "ScatterND",  "Clip",      "Trilu"};
  if (is_one_of(node, integers) || is_one_of(node, comparisons)) return true;
  if (node.op == "TopK") return output == 1;
  if (node.op == "Where") return integral.size() > 2 && integral[1] && integral[2];
  if (node.op == "OneHot") return integral.size() > 2 && integral[2];
  if (node.op == "Cast") {
    const int64_t to = integer_of(node, "to", 1);
    return to != 1 && to != 10 && to != 11 && to != 16;
  }
  if (is_one_of(node, by_data)) return !integral.empty() && integral[0];
  return !integral.empty() && std::all_of(integral.begin(), integral.end(), [](bool is) { return is; });
}

}  // namespace attune
