// Attention blocks: the layers that compute softmax probabilities between positions and mix values by them.
#pragma once

#include <ATen/core/Tensor.h>
#include <map>
#include <string>
#include <vector>

#include "model/graph/graph.h"

namespace attune {

// The layer of each block and the operator that has its probabilities: a softmax, or fused attention (LibTorch 2.x),
// which open_fused_attention() opens. The layer is the innermost one whose forward mixes the values.
std::map<std::string, torch::jit::Node*> attention_blocks(const LayeredGraph& graph);

// [N,H,Q,K], a view of what the operator gave for `rows` inputs. Throws Error(Fault::input) when there is no such view:
// where windows of the input attend each for itself.
at::Tensor probabilities_by_head(const at::Tensor& given, const at::Tensor& input, const std::string& layer);

// What says that `layer` is no attention block, with the nearest of `blocks`, which are in program order.
std::string no_attention(const std::string& layer, const std::vector<std::string>& all,
                         const std::vector<std::string>& blocks);

}  // namespace attune
