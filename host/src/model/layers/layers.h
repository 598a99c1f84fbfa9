// What a graph tells of its layers beside their activations, and of its output.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/core/ivalue.h>
#include <map>
#include <string>
#include <vector>

#include <attune/model.h>

#include "model/graph/graph.h"

namespace attune {

// Attention blocks: the layers that compute softmax probabilities between positions and mix values by them.
//
// The product in which attention mixes its values by the shares that `node`, a softmax, gives (a list of factors where
// an einsum takes it); nullptr for any other node.
torch::jit::Node* mixing_product(const torch::jit::Node* node);

// The layer of each block and the operator that has its probabilities: a softmax, or fused attention (LibTorch 2.x),
// which open_fused_attention() opens. The layer is the innermost one whose forward mixes the values.
std::map<std::string, torch::jit::Node*> attention_blocks(const LayeredGraph& graph);

// [N,H,Q,K], a view of what the operator gave for `rows` inputs. Throws Error(Fault::input) when there is no such view:
// where windows of the input attend each for itself.
at::Tensor probabilities_by_head(const at::Tensor& given, const at::Tensor& input, const std::string& layer);

// What says that `layer` is no attention block, with the nearest of `blocks`, which are in program order.
std::string no_attention(const std::string& layer, const std::vector<std::string>& all,
                         const std::vector<std::string>& blocks);

// The layers of a live graph that are a linear function of their input and a bias (convolutions, linear layers, batch
// norm), and their operators.
std::map<std::string, const torch::jit::Node*> affine_layers(const LayeredGraph& graph,
                                                             const torch::jit::Module& module);

// [C], what the operator adds. Of batch norm what remains of an input of zeros.
at::Tensor bias_of(const torch::jit::Node* affine, const torch::jit::Module& module);

// Whether the operator's channels are the last axis.
bool has_channels_last(const torch::jit::Node* affine);

// What a user should know of a model before its maps are trusted, in sentences: layers that were exported in training
// mode, random numbers, an output of probabilities.
std::vector<std::string> remarks_on(const LayeredGraph& graph, OutputKind kind);

// The tensor that `selector` names: an index of a tuple or list, a key of a dict; "auto" takes a tensor as it is, the
// first tensor of a tuple, and "out", "logits" or the only entry of a dict. Throws Error(Fault::input).
at::Tensor select_output(const c10::IValue& value, const std::string& selector);

// All tensors by their selectors, "" for one alone; what is no tensor is left out.
NamedTensorList tensors_in(const c10::IValue& value);

// The selected output [rows,..]: [rows] and [rows,K,1..] are brought to [rows,K]. Throws Error(Fault::input) for what
// has no row for each input, or no gradient.
at::Tensor output_of(const c10::IValue& value, const std::string& selector, int64_t rows);

// The same for what must be class scores [rows,K]. Throws Error(Fault::input) for any other shape.
at::Tensor scores_of(const c10::IValue& value, const std::string& selector, int64_t rows);

// What the operators that make the selected output say of it.
OutputKind output_kind(const LayeredGraph& graph, const std::string& selector);

// See ImageModel::probabilities() and ImageModel::logits().
at::Tensor probabilities_of(const at::Tensor& output, OutputKind kind, bool multi_label);
at::Tensor logits_of(const at::Tensor& output, OutputKind kind);

}  // namespace attune
