#include "conformance/trial_model.h"

#include <ATen/ATen.h>
#include <utility>

#include <attune/sdk/error.h>

#include "conformance/tensors.h"

namespace attune::conformance {

TrialModel::TrialModel(const ImageModel& model, std::vector<int64_t> input) : model_(model), input_(std::move(input)) {
  classes_ = classes_in(at::kFloat);
  try {
    classes_in(at::kDouble);
  } catch (const Error& error) {
    throw Error(error.fault(), std::string("the checks take gradients and differences in float64, where ") +
                                   error.what() + "; export the model by torch.jit.script, or trace it in float64");
  }
}

std::vector<int64_t> TrialModel::input(int64_t samples) const {
  std::vector<int64_t> shape = input_;
  shape.insert(shape.begin(), samples);
  return shape;
}

// How many scores the model gives. It is run alone and on three: the checks do both.
int64_t TrialModel::classes_in(at::ScalarType type) const {
  const auto model = copy(type);
  const auto scores = [&](int64_t samples) {
    return model->forward(noise(input(samples), 1).to(type), {}, false)->output();
  };
  scores(3);
  return scores(1).size(1);
}

}  // namespace attune::conformance
