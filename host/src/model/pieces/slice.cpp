#include <algorithm>
#include <map>
#include <set>
#include <torch/csrc/jit/ir/alias_analysis.h>
#include <torch/csrc/jit/ir/constants.h>
#include <torch/csrc/jit/passes/dead_code_elimination.h>
#include <torch/csrc/jit/passes/remove_exceptions.h>

#include "model/graph/compat.h"
#include "model/graph/operators.h"
#include "model/layers/layers.h"
#include "model/pieces/pieces.h"

namespace attune {
namespace {

Node* find_mark(const LayeredGraph& graph, const std::string& layer) {
  for (Node* node : graph->nodes()) {
    if (node->kind() == layer_symbol && layer_name(node) == layer) return node;
  }
  TORCH_INTERNAL_ASSERT(false, "no layer ", layer);
}

// Made anew where they are used instead of being handed across a cut.
bool is_rematerialised(const Node* node) {
  return node->kind() == c10::prim::Constant || node->kind() == c10::prim::GetAttr;
}

void collect_uses(const Node* node, std::set<const Value*>& used) {
  for (const Value* input : node->inputs()) used.insert(input);
  for (const Block* inner : node->blocks()) {
    for (const Node* n : inner->nodes()) collect_uses(n, used);
    for (const Value* output : inner->outputs()) used.insert(output);
  }
}

// What is computed before the cut and used behind it, besides the activation, in program order.
std::vector<Value*> live_values(const LayeredGraph& graph, Node* cut) {
  std::set<const Value*> wanted;
  for (Node* node = cut->next(); node != graph->return_node(); node = node->next()) collect_uses(node, wanted);
  for (const Value* output : graph->outputs()) wanted.insert(output);

  std::vector<Value*> live;
  const auto consider = [&](Value* value) {
    if (wanted.count(value) != 0 && value != cut->output() && !is_rematerialised(value->node())) live.push_back(value);
  };
  consider(graph->inputs()[2]);
  for (Node* node : graph->nodes()) {
    if (node == cut) break;
    for (Value* output : node->outputs()) consider(output);
  }
  return live;
}

// size(t, 0), in the forms that tracing gives it.
bool is_first_size(const Value* value) {
  const Node* node = value->node();
  if (node->kind() == c10::prim::NumToTensor || node->kind() == c10::aten::Int) return is_first_size(node->input());
  if (node->kind() != c10::aten::size || node->inputs().size() != 2) return false;
  const auto axis = torch::jit::toIValue(node->input(1));
  return axis && axis->isInt() && axis->toInt() == 0;
}

// Copies nodes of `source` into a new graph, making constants and parameters as they are needed.
class Copier {
 public:
  Copier(const LayeredGraph& source, const Piece& piece)
      : piece_(piece), source_(source), copy_(std::make_shared<Graph>()) {
    if (!piece.attention.empty()) blocks_ = attention_blocks(source);
    add_input(source->inputs()[0]);
    add_input(source->inputs()[1]);
  }

  void add_input(Value* value) {
    Value* input = copy_->addInput();
    input->copyMetadata(value);
    values_[value] = input;
  }

  void copy(Node* node) {
    if (is_rematerialised(node)) return;
    if (node->kind() == layer_symbol && !piece_.observed) {
      values_[node->output()] = passed_on(node);
    } else if (node->kind() == gate_symbol && piece_.differentiable == Differentiable::no) {
      values_[node->output()] = value_of(node->input(1));
    } else {
      clone(node);
      if (is_fused_attention(node) && is_wanted_block(node)) open(node);
    }
  }

  void add_output(Value* value) { copy_->registerOutput(captured(value)); }

  void add_probabilities(const std::string& block) {
    Node* node = blocks_.at(block);
    const auto opened = opened_.find(node);
    copy_->registerOutput(opened != opened_.end() ? opened->second : value_of(node->output()));
  }

  LayeredGraph finish() { return copy_; }

 private:
  Value* value_of(Value* value) {
    const auto known = values_.find(value);
    if (known != values_.end()) return known->second;
    TORCH_INTERNAL_ASSERT(is_rematerialised(value->node()), "a value is missing from a slice: ", value->debugName());
    clone(value->node());
    return values_.at(value);
  }

  void clone(Node* node) {
    Node* clone = copy_->createClone(node, [this](Value* outer) { return value_of(outer); });
    copy_->appendNode(clone);
    for (size_t i = 0; i < node->outputs().size(); ++i) values_[node->output(i)] = clone->output(i);
  }

  bool is_wanted_block(const Node* node) const {
    return std::any_of(piece_.attention.begin(), piece_.attention.end(),
                       [&](const std::string& layer) { return blocks_.at(layer) == node; });
  }

  void open(Node* fused) {
    Node* opened = open_fused_attention(values_.at(fused->output())->node());
    values_[fused->output()] = opened->output(0);
    opened_[fused] = opened->output(1);
  }

  // What a captured layer hands on when somebody behind it writes in place: a copy, so that the capture stays.
  Value* passed_on(Node* mark) {
    Value* value = value_of(mark->input(0));
    const auto& captures = piece_.captures;
    const bool is_captured = std::find(captures.begin(), captures.end(), layer_name(mark)) != captures.end();
    if (!is_captured || !is_written(mark->output())) return value;
    captured_[mark->output()] = value;
    return insert(*copy_, c10::aten::clone, {value, copy_->insertConstant(c10::IValue())}, value->type());
  }

  bool is_written(Value* value) {
    if (!aliases_) aliases_ = std::make_unique<torch::jit::AliasDb>(source_);  // costly, and rarely needed
    return aliases_->hasWriters(value);
  }

  Value* captured(Value* value) {
    const auto kept = captured_.find(value);
    return kept != captured_.end() ? kept->second : value_of(value);
  }

  const Piece& piece_;
  LayeredGraph source_;
  LayeredGraph copy_;
  std::unique_ptr<torch::jit::AliasDb> aliases_;
  std::map<Value*, Value*> values_;
  std::map<Value*, Value*> captured_;
  std::map<std::string, Node*> blocks_;   // of attention, by their layers
  std::map<const Node*, Value*> opened_;  // their probabilities, where they are fused
};

// What saves time and memory and is not seen from outside.
void ease(const LayeredGraph& graph, const Piece& piece, MadeWeights& made) {
  open_contributions(graph, piece.differentiable != Differentiable::no);
  const bool channels_last = takes_channels_last(graph);
  if (piece.differentiable == Differentiable::twice) {
    open_once_differentiable(graph);
    ease_second_derivatives(graph, channels_last);
  } else {
    prepare_convolutions(graph, channels_last, made);
  }
  work_in_place(graph);
  torch::jit::EliminateDeadCode(graph);
  if (!channels_last) return;
  // Gradients are taken at captures themselves, not at copies of them.
  const bool is_recorded = piece.differentiable != Differentiable::no;
  const size_t captures = is_recorded ? piece.captures.size() + piece.attention.size() : 0;
  return_contiguous(graph, graph->outputs().size() - captures);
}

// As the model does it, also where the piece begins.
void switch_gradients(const LayeredGraph& sliced, const Piece& piece, const LayeredGraph& whole) {
  if (piece.differentiable == Differentiable::no) {
    drop_gradient_switches(sliced);
  } else if (layers_without_gradient(whole).count(piece.from) != 0) {
    begin_without_gradients(sliced);
  }
}

}  // namespace

std::string Piece::key() const {
  std::string key = from + ">" + to + ":" + std::to_string(static_cast<int>(differentiable)) + (observed ? "o" : "");
  for (const auto& capture : captures) key += "|" + capture;
  for (const auto& block : attention) key += "|~" + block;
  return key;
}

std::vector<bool> first_sizes(const LayeredGraph& graph, const std::string& layer) {
  std::vector<bool> found;
  for (const Value* value : live_values(graph, find_mark(graph, layer))) found.push_back(is_first_size(value));
  return found;
}

LayeredGraph slice(const LayeredGraph& graph, const Piece& piece, MadeWeights& made) {
  Copier copier(graph, piece);
  Node* first = *graph->nodes().begin();
  Node* last = graph->return_node();
  if (piece.from.empty()) {
    copier.add_input(graph->inputs()[2]);
  } else {
    Node* cut = find_mark(graph, piece.from);
    copier.add_input(cut->output());
    for (Value* value : live_values(graph, cut)) copier.add_input(value);
    first = cut->next();
  }
  Node* end_cut = piece.to.empty() ? nullptr : find_mark(graph, piece.to);
  if (end_cut != nullptr) last = end_cut->next();

  for (Node* node = first; node != last; node = node->next()) copier.copy(node);
  if (end_cut == nullptr) {
    for (Value* output : graph->outputs()) copier.add_output(output);
  } else {
    copier.add_output(end_cut->output());
    for (Value* value : live_values(graph, end_cut)) copier.add_output(value);
  }
  for (const auto& layer : piece.captures) copier.add_output(find_mark(graph, layer)->output());
  for (const auto& block : piece.attention) copier.add_probabilities(block);

  LayeredGraph result = copier.finish();
  if (!piece.from.empty()) torch::jit::EliminateExceptions(result);  // the prefix has checked the input
  torch::jit::EliminateDeadCode(result);
  switch_gradients(result, piece, graph);
  if (piece.observed) {
    watch_operators(result);
  } else {
    ease(result, piece, made);
  }
  return result;
}

}  // namespace attune
