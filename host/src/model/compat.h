// What differs between the LibTorch versions that are supported (1.13 to 2.13), in one place.
#pragma once

#include <torch/csrc/jit/ir/ir.h>
#include <torch/csrc/jit/runtime/operator.h>
#include <torch/version.h>

// c10::Allocator, for classes that wrap one; where warning handlers are set, and what they are given.
#if TORCH_VERSION_MAJOR < 2
#define ATTUNE_ALLOCATE_CONST const
#define ATTUNE_ALLOCATOR_COPY_DATA
#define ATTUNE_WARNINGS c10::Warning
#define ATTUNE_WARNING const c10::SourceLocation&, const std::string&, bool
#else
#define ATTUNE_ALLOCATE_CONST
#define ATTUNE_ALLOCATOR_COPY_DATA \
  void copy_data(void* to, const void* from, size_t bytes) const override { default_copy_data(to, from, bytes); }
#define ATTUNE_WARNINGS c10::WarningUtils
#define ATTUNE_WARNING const c10::Warning&
#endif

namespace attune {

// The fused kernels behind scaled_dot_product_attention (LibTorch 2.x) have no second derivative. Its mathematical form
// does: matmul, softmax, matmul. Nothing to do on 1.13, which has no such operator.
inline void decompose_fused_attention(torch::jit::Block& block) {
  static const auto fused = c10::Symbol::fromQualString("aten::scaled_dot_product_attention");
  static const auto plain = c10::Symbol::fromQualString("aten::_scaled_dot_product_attention_math");
  for (auto it = block.nodes().begin(); it != block.nodes().end();) {
    torch::jit::Node* node = *it++;
    for (torch::jit::Block* inner : node->blocks()) decompose_fused_attention(*inner);
    if (node->kind() != fused) continue;
    // (query, key, value, mask, dropout, causal[, scale[, gqa]]) -> (..., causal, dropout_mask[, scale[, gqa]])
    torch::jit::Graph& graph = *node->owningGraph();
    torch::jit::WithInsertPoint point(node);
    std::vector<torch::jit::Value*> inputs(node->inputs().begin(), node->inputs().end());
    inputs.insert(inputs.begin() + 6, graph.insertConstant(c10::IValue()));
    torch::jit::Node* math = graph.insertNode(graph.create(plain, inputs, 2));
    node->output()->replaceAllUsesWith(math->output(0));
    node->destroy();
  }
}

inline void decompose_fused_attention(torch::jit::Graph& graph) { decompose_fused_attention(*graph.block()); }

}  // namespace attune
