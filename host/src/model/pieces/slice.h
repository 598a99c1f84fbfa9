// Runnable pieces of a rewritten graph: from the input or a layer, to the output or a layer.
#pragma once

#include <memory>
#include <string>
#include <torch/csrc/jit/ir/ir.h>
#include <vector>

#include "model/pieces/pieces.h"

namespace attune {

// Which piece of a graph, and what it returns.
struct Piece {
  std::string from;                   // "" from the input, else from this layer's activation
  std::string to;                     // "" to the output, else to this layer's activation
  std::vector<std::string> captures;  // activations returned beside the result, in this order
  Differentiable differentiable = Differentiable::twice;
  bool observed = false;                    // marks stay, for a LayerObserver
  std::vector<std::string> attention = {};  // blocks whose probabilities are returned behind the captures

  std::string key() const;
};

// The piece as a graph of its own.
//   inputs:  self, rule, then x, or from's activation and the values alive across that cut
//   outputs: the model's output, or to's activation and the values alive across that cut; then the captures;
//            then probabilities
// Activations are contiguous, but for the captures of a piece with gradients. `made` holds the weights that other
// pieces of the graph have made.
LayeredGraph slice(const LayeredGraph& graph, const Piece& piece, MadeWeights& made);

}  // namespace attune
