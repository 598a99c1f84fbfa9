// What the methods share that read attention: the blocks, how one follows another, and the way back to the patches'
// grid.
#pragma once

#include <ATen/core/Tensor.h>
#include <string>
#include <vector>

#include <attune/sdk/error.h>
#include <attune/sdk/model.h>
#include <attune/sdk/parameters.h>

namespace attune::plugins {

// In the order in which the model finishes them. Throws Error(Fault::input) where there is none.
inline std::vector<std::string> attention_blocks(const Model& model, const std::string& method) {
  std::vector<std::string> blocks;
  for (const LayerInfo& layer : model.layers()) {
    if (layer.attention) blocks.push_back(layer.name);
  }
  if (blocks.empty()) throw Error(Fault::input, method + " reads attention, and the model has no attention block");
  return blocks;
}

// The attention of these blocks, and the activation of the first, which tells the patches' grid.
inline Needs needs_attention(const std::vector<std::string>& blocks, const std::string& first) {
  Needs needs;
  needs.captures.push_back({first});
  for (const std::string& block : blocks) needs.captures.push_back({block, Capture::attention});
  return needs;
}

// Whether a block's probabilities [N,H,Q,K] or what is made of them is of the tokens' attention to each other. A block
// that pools has other queries, and no residual connection.
inline bool is_square(const at::Tensor& probabilities) { return probabilities.size(-2) == probabilities.size(-1); }

// Throws unless a block, of which [N,Q,K] is given, looks at the positions that the blocks before it have left:
// [N,K,T].
inline void check_follows(const std::string& method, const std::string& block, const at::Tensor& step,
                          const at::Tensor& before) {
  if (step.size(2) == before.size(1)) return;
  throw Error(Fault::run, method + " cannot follow attention into '" + block + "', which looks at " +
                              std::to_string(step.size(2)) + " positions where the blocks before it left " +
                              std::to_string(before.size(1)));
}

inline ParameterDeclaration query_parameter() {
  return choice("query", "auto", {"auto", "class_token", "mean"},
                "Whose sources are shown; auto is the class token, or the mean over all positions where there is none");
}

// [N,..,P] of [N,..,Q,T]: what the class token, or on average every position, takes of each of the P patches. Of the T
// positions they are the last; `grid` [N,C,S1..Sd] has as many cells.
inline at::Tensor taken_of_patches(const at::Tensor& sources, const at::Tensor& grid, const std::string& query,
                                   const std::string& method) {
  const int64_t patches = grid[0][0].numel(), prefix = sources.size(-1) - patches;
  if (prefix < 0) {
    throw Error(Fault::run, method + " finds " + std::to_string(sources.size(-1)) + " positions for a grid of " +
                                std::to_string(patches) + " patches");
  }
  if (query == "class_token" && prefix == 0) {
    throw Error(Fault::run,
                method + " was asked for the class token, and the model has none; query=mean has no need of it");
  }
  const bool is_token = query == "class_token" || (query == "auto" && prefix > 0);
  return (is_token ? sources.select(-2, 0) : sources.mean(-2)).narrow(-1, prefix, patches);
}

// [N,P] -> [N,1,S1..Sd]
inline at::Tensor as_grid(const at::Tensor& patches, const at::Tensor& grid) {
  auto shape = grid.sizes().vec();
  shape[1] = 1;
  return patches.reshape(shape);
}

}  // namespace attune::plugins
