// The operators that rewritten graphs contain beside LibTorch's own.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/core/custom_class.h>
#include <ATen/core/symbol.h>
#include <atomic>
#include <cstdint>
#include <string>
#include <torch/csrc/autograd/custom_function.h>
#include <torch/csrc/jit/runtime/custom_operator.h>
#include <torch/custom_class_detail.h>
#include <vector>

#include <attune/sdk/pass.h>

#include "model/graph/graph.h"

namespace attune {

using torch::autograd::AutogradContext;
using torch::autograd::Variable;
using torch::autograd::variable_list;
using torch::jit::Stack;

// An operator whose schema says what it overwrites.
inline torch::jit::Operator own_operator(const char* schema, void (*run)(Stack&)) {
  return {schema, run, c10::AliasAnalysisKind::FROM_SCHEMA};
}

// attune::layer(Tensor(a) x, str name) -> Tensor(a): x is what the layer `name` returned.
inline const c10::Symbol layer_symbol = c10::Symbol::fromQualString("attune::layer");

// attune::gate(Tensor x, Tensor(a) y, Capsule rule) -> Tensor(a): y = activation(x), and gradients pass as `rule` says.
inline const c10::Symbol gate_symbol = c10::Symbol::fromQualString("attune::gate");

// attune::rectify(Tensor(a!) x, Capsule rule, bool in_place) -> Tensor(a!): relu and its gate in one, which may
// overwrite x.
inline const c10::Symbol rectify_symbol = c10::Symbol::fromQualString("attune::rectify");

// attune::accumulate(Tensor(a!) x, Tensor y, Scalar alpha) -> Tensor(a!): x + alpha y, which overwrites x when the
// result has its shape and type.
inline const c10::Symbol accumulate_symbol = c10::Symbol::fromQualString("attune::accumulate");

// attune::accumulate_rectified(Tensor(a!) x, Tensor y) -> Tensor(a!): relu(x + y), which may overwrite x. For programs
// without gradients.
inline const c10::Symbol accumulate_rectified_symbol = c10::Symbol::fromQualString("attune::accumulate_rectified");

// attune::watch(str op, int results, ...results, ...inputs) -> (): what an operator made of what; for an Observer.
inline const c10::Symbol watch_symbol = c10::Symbol::fromQualString("attune::watch");

// attune::rule(Tensor(a) x, Capsule rule, int passing) -> Tensor(a): x, of whose gradient it hands on as much as `rule`
// says of what x is, a Passing.
inline const c10::Symbol rule_symbol = c10::Symbol::fromQualString("attune::rule");

// attune::activation(Tensor x, Tensor(a) y, Capsule rule) -> Tensor(a): the gate of y = f(x) with f(0) = 0 in graphs
// with rules.
inline const c10::Symbol activation_symbol = c10::Symbol::fromQualString("attune::activation");

// attune::difference(Tensor x, Tensor y, Capsule rule) -> Tensor: y = f(x) in graphs whose rows are compared by halves.
inline const c10::Symbol difference_symbol = c10::Symbol::fromQualString("attune::difference");

// attune::difference_of_maxima(Tensor x, Tensor y, Tensor places, Capsule rule) -> Tensor: the same of y, which pooling
// has found at these places of x.
inline const c10::Symbol difference_of_maxima_symbol = c10::Symbol::fromQualString("attune::difference_of_maxima");

// attune::linear(Tensor(a) y, Capsule rule, int kind, float value) -> Tensor(a): y is what a linear layer gives, which
// hands its relevance on by this LinearRule. Pieces have attune::contributions in its place.
inline const c10::Symbol linear_symbol = c10::Symbol::fromQualString("attune::linear");

// attune::contributions(Tensor y, Tensor? p, Tensor? n, Capsule rule, int kind, float value) -> Tensor: y, with p and n
// the sums of its positive and negative contributions, as far as the rule has need of them.
inline const c10::Symbol contributions_symbol = c10::Symbol::fromQualString("attune::contributions");

// What a tensor that attune::rule stands behind is.
enum class Passing : int64_t {
  statistic,     // of a norm, or a denominator
  scale,         // what an activation, written out, multiplies its argument by
  factor,        // of a product
  shares,        // by which attention mixes, or what they are made of
  values,        // which attention mixes
  difference,    // what differences() leaves to its own form of a value
  contribution,  // what contributions() does
};

// Beside BackwardRules::Rule: those of linear layers hold.
constexpr uint32_t linear_rules = 1U << 31U;

// How gradients pass the gates of one forward pass; an input of every program, so that it reaches the threads and forks
// that a thread-local would not. Set with RuleScope while a backward pass runs.
struct GradientRule : torch::CustomClassHolder {
  std::atomic<Rectifier> rectifier{Rectifier::standard};
  std::atomic<uint32_t> rules{0};  // BackwardRules::Rule, of programs made with rules
};

class RuleScope {
 public:
  RuleScope(GradientRule& rule, Rectifier rectifier, uint32_t rules = 0) : rule_(rule) {
    rule_.rectifier = rectifier;
    rule_.rules = rules;
  }
  ~RuleScope() {
    rule_.rectifier = Rectifier::standard;
    rule_.rules = 0;
  }
  RuleScope(const RuleScope&) = delete;
  RuleScope& operator=(const RuleScope&) = delete;

 private:
  GradientRule& rule_;
};

// While it lives, it is told of what programs of this thread compute that were made to be observed.
class Observer {
 public:
  Observer();
  virtual ~Observer();
  Observer(const Observer&) = delete;
  Observer& operator=(const Observer&) = delete;

  virtual void layer(const std::string& name, const at::Tensor& x) = 0;
  virtual void operation(const std::string& op, const std::vector<c10::IValue>& inputs,
                         const std::vector<c10::IValue>& outputs) = 0;
};

// Puts an attune::watch node behind every operator of a graph that gives tensors.
void watch_operators(const LayeredGraph& graph);

}  // namespace attune
