// Which layer a model failed at.
#pragma once

#include <exception>

#include "model/state.h"

namespace attune {

// Runs the model once more, watching the layers it passes, and throws Error(Fault::input) with the shape of the input,
// the failing layer, the last one reached and the reason.
[[noreturn]] void explain_failure(TorchScriptModel& model, TorchScriptModel::State& state, const at::Tensor& input,
                                  const std::exception& error);

// The layers that a forward pass on `input` finishes, in order; `failed` says whether it raised.
std::vector<LayerVisit> visited_layers(TorchScriptModel::State& state, const at::Tensor& input, bool& failed);

}  // namespace attune
