#include "model/run/explain.h"

#include <attune/sdk/error.h>

#include "model/failure.h"
#include "model/layers/layout.h"
#include "model/run/trial.h"

namespace attune {
namespace {

// LibTorch has a type of its own for a full graphics card only.
bool is_out_of_memory(const std::exception& error, const std::string& reason) {
  return dynamic_cast<const c10::OutOfMemoryError*>(&error) != nullptr ||
         reason.find("can't allocate memory") != std::string::npos;
}

// Innermost modules finish first, so that the next name behind the last one reached is the module that failed.
std::string next_layer(const TorchScriptModel::State& state, const std::vector<LayerVisit>& visits) {
  const auto names = all_layers(state.programs.live()->graph());
  if (visits.empty()) return names.empty() ? "" : names[0];
  for (size_t i = 0; i + 1 < names.size(); ++i) {
    if (names[i] == visits.back().name) return names[i + 1];
  }
  return "";
}

// Of what an input obviously lacks: axes or channels.
std::string shape_hint(const std::vector<int64_t>& expected, c10::IntArrayRef given) {
  const bool fits = given.size() == expected.size() + 1 && given[1] == expected[0];
  return fits ? "" : "; it probably takes [N, " + shape_text(expected).substr(1);
}

}  // namespace

void explain_failure(TorchScriptModel& model, TorchScriptModel::State& state, const at::Tensor& input,
                     const std::exception& error) {
  const std::string reason = reason_of(error);
  if (is_out_of_memory(error, reason)) {
    throw Error(Fault::run, "not enough memory for an input of shape " + shape_text(input.sizes().vec()) +
                                "; try fewer inputs at once (--batch) or smaller ones: " + reason);
  }
  const Trial trial = try_out(state, input);
  const auto& visits = trial.visits;
  std::string message = "the model fails on an input of shape " + shape_text(input.sizes().vec());
  if (!trial.failed) throw Error(Fault::run, message + " while gradients are recorded: " + reason);
  const std::string next = next_layer(state, visits);
  if (!next.empty()) message += " at layer '" + next + "'";
  if (!visits.empty()) message += " (reached '" + visits.back().name + "': " + shape_text(visits.back().shape) + ")";
  message += ": " + reason;
  if (visits.size() <= 1) message += shape_hint(model.likely_input(), input.sizes());
  throw Error(Fault::input, message);
}

}  // namespace attune
