// Gradients by rules of one's own, as layer-wise relevance propagation and DeepLIFT have them: extensions of passes.
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
    // Of PropagationRules. The rows of the pass come in two halves, inputs and what each is compared with. y = f(x) of
    // one number each
    // (activations as above, also ReLU, softplus and sigmoid): g (y - y') / (x - x') with x' and y' of the other half,
    // and the derivative where x is about x'. Pooling by maxima: the difference y - y' goes to where x and where x'
    // have
    // their maximum. Of the first half: there (x - x') g of an operator without weights adds up to (y - y') g.
    differences = 16,
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

// How an output y of a linear layer hands its relevance y g on to what it is the sum of: the positive contributions,
// which add up to p, and the negative ones, to n. Of an input x and a weight w a contribution is x w; the bias is one
// too, which keeps its share. `value` is the rule's own number; denominators are kept a little from zero.
struct LinearRule {
  enum Kind {
    derivative,  // each contribution its share of y
    epsilon,     // ... of y, moved away from zero by `value`
    gamma,       // the contributions of y's own sign count 1 + `value` times (Montavon et al. 2019)
    z_plus,      // positive contributions alone, each its share of p
    alpha_beta,  // positive ones `value` times their share of p, negative ones 1 - `value` times their share of n
  };
  Kind kind = derivative;
  double value = 0;
};

inline bool operator==(const LinearRule& a, const LinearRule& b) { return a.kind == b.kind && a.value == b.value; }

// All that BackwardRules has, differences, and rules for linear layers. A batch norm that alone reads what a
// convolution gives is a part of it.
class PropagationRules {
 public:
  static constexpr const char* id = "attune.rules/2";

  // `rules` is a sum of BackwardRules::Rule. `convolutions` includes transposed ones; `linear` is of all other products
  // of a tensor that depends on the input with a weight that does not.
  virtual std::vector<at::Tensor> gradients(const Target& target, const std::vector<at::Tensor>& of, uint32_t rules,
                                            const LinearRule& convolutions, const LinearRule& linear) = 0;

 protected:
  ~PropagationRules() = default;
};

}  // namespace attune
