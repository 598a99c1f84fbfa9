// Runnable pieces of a rewritten graph, from the input or a layer, to the output or a layer; and what makes them fast
// and small without changing what they give.
#pragma once

#include <ATen/core/ivalue.h>
#include <map>
#include <string>
#include <vector>

#include <attune/sdk/rules.h>

#include "model/graph/graph.h"

namespace attune {

// What will be asked of a piece: no gradients, gradients, or gradients of gradients (maps with a graph). Without
// gradients there are no gates. Convolutions of a frozen graph are prepared unless `twice`; all work in place where
// they can.
enum class Differentiable { no, once, twice };

// Weights made for the pieces of one graph, by what they were made of.
using MadeWeights = std::map<std::vector<int64_t>, c10::IValue>;

// Which piece of a graph, and what it returns.
struct Piece {
  std::string from;                   // "" from the input, else from this layer's activation
  std::string to;                     // "" to the output, else to this layer's activation
  std::vector<std::string> captures;  // activations returned beside the result, in this order
  Differentiable differentiable = Differentiable::twice;
  bool observed = false;                    // marks stay, for an Observer
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

// The values alive across the cut behind a layer, in their order: which of them are the size of some tensor's first
// axis, and so the number of rows where they equal it. None where all that lies behind depends on the activation alone.
std::vector<bool> first_sizes(const LayeredGraph& graph, const std::string& layer);

// What a copy of a graph with rules must be made for, beside those rules that every copy has.
struct Ruling {
  bool differences = false;
  LinearRule convolutions = {};
  LinearRule linear = {};

  std::string key() const;
};

// A copy of a graph whose gradients can pass norms, activations, products and attention by rules, and what the ruling
// names (attune/sdk/rules.h).
LayeredGraph with_rules(const LayeredGraph& graph, const Ruling& ruling = {});

// What slice() does to a piece.

// Puts the positive contributions to each attune::linear in its place, and takes the batch norm behind a convolution
// into it. Without gradients nothing remains of them.
void open_contributions(const LayeredGraph& graph, bool gradients);

// Folds batch norm into the convolution before it. With `pack`, 2-D convolutions on a processor in float32 become
// attune::convolve_packed. Weights that another piece has made are taken from `made`, so that maps at many layers do
// not multiply the model.
void prepare_convolutions(const LayeredGraph& graph, bool pack, MadeWeights& made);

// relu(conv(x)) may overwrite the convolution's result when nothing else reads it, as the original usually did: that
// spares a tensor per rectifier; likewise for the sums of residual connections. A ReLU and its gate become one
// operator, attune::rectify.
void work_in_place(const LayeredGraph& graph);

// Whether a piece convolves, and all of its operators give the same values for activations in either order. Otherwise a
// convolution with plain activations reorders what it takes and what it gives.
bool takes_channels_last(const LayeredGraph& graph);

// The first `count` outputs are contiguous again.
void return_contiguous(const LayeredGraph& graph, size_t count);

// Replaces convolutions and batch norm in evaluation mode. LibTorch differentiates a convolution's backward by
// convolving with the whole gradient as the kernel, which takes up to five times as long as the weight gradient it
// amounts to, and batch norm's by a dozen element-wise passes. For pieces with gradients of gradients. A norm behind a
// convolution goes into its weights. With `channels_last`, 2-D convolutions on a processor in float32 run on
// activations and weights in that order. The values are those of the module up to rounding.
void ease_second_derivatives(const LayeredGraph& graph, bool channels_last);

bool is_plain_convolution(const Node* node);

// Batch norm in evaluation mode.
bool is_constant_norm(const Node* node);

// Where such a norm alone reads what a convolution gives, its factor goes into the weights, by differentiable
// operations on them: that spares its passes over the activations, forwards and backwards. The values are the same up
// to rounding.
void fold_norm_behind(Node* convolution);

}  // namespace attune
