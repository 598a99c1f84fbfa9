// `with` blocks, which may reach across layers: a graph that is cut between their nodes must still mean the same.
#pragma once

#include <set>
#include <string>

#include "model/graph/graph.h"

namespace attune {

// What the object of a `with` block is. Nothing else is told from other classes.
bool is_autocast(const torch::jit::Value* object);
bool is_record_function(const torch::jit::Value* object);

// Leaves no object and no prim::Enter behind. Casts of autocast become nodes of their own, at the places where LibTorch
// puts them; torch.no_grad becomes aten::set_grad_enabled of constants, where `true` is what the caller of a program
// wants.
void resolve_contexts(LayeredGraph& graph);

// The layers at the graph's top level where the model itself switches gradients off.
std::set<std::string> layers_without_gradient(const LayeredGraph& graph);

// Whether the model switches gradients off anywhere.
bool switches_gradients(const LayeredGraph& graph);

// For programs that run without gradients anyway.
void drop_gradient_switches(const LayeredGraph& graph);

// Begins a piece where gradients are off.
void begin_without_gradients(const LayeredGraph& graph);

}  // namespace attune
