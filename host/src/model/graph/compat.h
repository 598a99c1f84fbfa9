// What differs between the LibTorch versions that are supported (1.13 to 2.13), in one place.
#pragma once

#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/runtime/operator.h>
#include <torch/version.h>

// c10::Allocator, for classes that wrap one; what memory is reported in; where warning handlers are set, and what they
// are given.
#if TORCH_VERSION_MAJOR < 2
#define ATTUNE_ALLOCATE_CONST const
#define ATTUNE_ALLOCATOR_COPY_DATA
#define ATTUNE_BYTES int64_t
#define ATTUNE_WARNINGS c10::Warning
#define ATTUNE_WARNING const c10::SourceLocation&, const std::string&, bool
#else
#define ATTUNE_ALLOCATE_CONST
#define ATTUNE_ALLOCATOR_COPY_DATA \
  void copy_data(void* to, const void* from, size_t bytes) const override { default_copy_data(to, from, bytes); }
#define ATTUNE_BYTES size_t
#define ATTUNE_WARNINGS c10::WarningUtils
#define ATTUNE_WARNING const c10::Warning&
#endif

namespace attune {

// Whether transposed convolutions in bfloat16 on a processor are what they should be: those of 1.13 are convolutions.
constexpr bool transposes_in_bfloat16 = TORCH_VERSION_MAJOR >= 2;

// scaled_dot_product_attention (LibTorch 2.x); 1.13 has no such operator.
inline bool is_fused_attention(const torch::jit::Node* node) {
  static const auto fused = c10::Symbol::fromQualString("aten::scaled_dot_product_attention");
  return node->kind() == fused;
}

// Its fused kernels keep the probabilities to themselves and have no second derivative. Its mathematical form, which
// this puts in its place, does: matmul, softmax, matmul. The second output has the probabilities.
inline torch::jit::Node* open_fused_attention(torch::jit::Node* node) {
  static const auto plain = c10::Symbol::fromQualString("aten::_scaled_dot_product_attention_math");
  // (query, key, value, mask, dropout, causal[, scale[, gqa]]) -> (..., causal, dropout_mask[, scale[, gqa]])
  torch::jit::Graph& graph = *node->owningGraph();
  torch::jit::WithInsertPoint point(node);
  std::vector<torch::jit::Value*> inputs(node->inputs().begin(), node->inputs().end());
  inputs.insert(inputs.begin() + 6, graph.insertConstant(c10::IValue()));
  torch::jit::Node* math = graph.insertNode(graph.create(plain, inputs, 2));
  node->output()->replaceAllUsesWith(math->output(0));
  node->destroy();
  return math;
}

}  // namespace attune
