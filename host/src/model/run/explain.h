// What a model or its gradient failed at, and where.
#pragma once

#include <ATen/core/Tensor.h>
#include <exception>
#include <vector>

#include "model/run/graph_model.h"

namespace attune {

// Runs the model once more, watching the layers it passes, and throws Error(Fault::input) with the shape of the input,
// the failing layer, the last one reached and the reason.
[[noreturn]] void explain_failure(GraphModel& model, GraphModel::State& state, const at::Tensor& input,
                                  const std::exception& error);

// Throws what a backward pass ended with as Error(Fault::input): operators without a derivative with their layer,
// tensors that the model overwrites although their gradient needs them.
[[noreturn]] void explain_gradient_failure(const GraphModel::State& state, const std::exception& error);

// `gradients` were recorded, to be differentiated. Throws Error(Fault::input), with layer and operator, when LibTorch
// has no derivative for one of the operators that they are made of.
void check_second_derivatives(const GraphModel::State& state, const std::vector<at::Tensor>& gradients);

// Throws Error(Fault::input) when no gradient has come through a model that switches gradients off.
void check_reached(const std::vector<at::Tensor>& gradients);

}  // namespace attune
