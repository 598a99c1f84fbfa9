// What keeps a gradient from being taken, or from being differentiated again.
#pragma once

#include <ATen/core/Tensor.h>
#include <exception>
#include <vector>

#include "model/run/state.h"

namespace attune {

// Throws what a backward pass ended with as Error(Fault::input): operators without a derivative with their layer,
// tensors that the model overwrites although their gradient needs them.
[[noreturn]] void explain_gradient_failure(const TorchScriptModel::State& state, const std::exception& error);

// `gradients` were recorded, to be differentiated. Throws Error(Fault::input), with layer and operator, when LibTorch
// has no derivative for one of the operators that they are made of.
void check_second_derivatives(const TorchScriptModel::State& state, const std::vector<at::Tensor>& gradients);

// Throws Error(Fault::input) when no gradient has come through a model that switches gradients off.
void check_reached(const std::vector<at::Tensor>& gradients);

}  // namespace attune
