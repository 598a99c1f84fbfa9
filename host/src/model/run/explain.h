// Which layer a model failed at.
#pragma once

#include <exception>

#include "model/run/state.h"

namespace attune {

// Runs the model once more, watching the layers it passes, and throws Error(Fault::input) with the shape of the input,
// the failing layer, the last one reached and the reason.
[[noreturn]] void explain_failure(TorchScriptModel& model, TorchScriptModel::State& state, const at::Tensor& input,
                                  const std::exception& error);

}  // namespace attune
