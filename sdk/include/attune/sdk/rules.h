// Gradients by rules of one's own, as layer-wise relevance propagation has them: an extension of passes.
//
//   auto* rules = static_cast<BackwardRules*>(pass.extension(BackwardRules::id));  // nullptr: this host has none
#pragma once

#include <ATen/core/Tensor.h>
#include <cstdint>
#include <vector>

#include <attune/sdk/target.h>

namespace attune {

// Lives as long as its pass, on whose input it runs the model once more, when it is first asked; every call shares that
// run. The method declares no gradients for it in its Needs, only the captures that it names, and counts the run and
// its backward passes in its descriptor.
class BackwardRules {
 public:
  static constexpr const char* id = "attune.rules/1";

  // Which operators hand the gradient g of their result y on otherwise than by their derivative. The sum of some; what
  // none of them names keeps its derivative, so that 0 is the ordinary gradient. Times its input, each such gradient of
  // an operator without bias adds up to y g: relevance is neither made nor lost.
  enum Rule : uint32_t {
    // Layer, group, instance and RMS norm, also written out: their statistics are constants, so that a scale remains,
    // and the mean where one is taken away. Of a quotient of two tensors the denominator is a constant.
    norms = 1,
    // y = f(x) with f(0) = 0 (GELU, SiLU, Mish, ELU and its kin, tanh, hard swish), also written out as x times a
    // function of x without weights: g y / x, and the derivative where x = 0. ReLU and leaky ReLU have that anyway.
    activations = 2,
    // Products of two tensors that both depend on the input (matmul, mul, einsum, fused attention): half for each.
    products = 4,
    // The softmax weights by which attention mixes its values are constants: the queries and keys get nothing, the
    // values, now in a product with a constant, all.
    attention = 8,
  };

  // The gradients of sum(target's score) with respect to each of `of`, which are the pass's input or captures of it, by
  // `rules` (a sum of Rule) in one backward pass; zeros where the score does not depend on a tensor. Of the form of
  // `of`. Differentiable when the pass wants a graph and autograd is on: the derivative is that of the numbers
  // returned, in which no statistic is a constant. Throws Error(Fault::run) for other tensors and for rules that this
  // host does not know.
  virtual std::vector<at::Tensor> gradients(const Target& target, const std::vector<at::Tensor>& of,
                                            uint32_t rules) = 0;

 protected:
  ~BackwardRules() = default;
};

}  // namespace attune
