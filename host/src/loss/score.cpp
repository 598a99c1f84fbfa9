#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/log_sigmoid.h>
#include <ATen/ops/log_softmax.h>

#include <attune/sdk/error.h>

#include "base/text.h"
#include "loss/parts.h"

namespace attune {
namespace {

// [N,K] of scores [N,K]; of one logit [N,2], of the class and of its absence.
at::Tensor log_probabilities(const at::Tensor& answer) {
  if (answer.dim() != 2) {
    throw Error(Fault::usage, "the model's answer has shape " + shape_text(answer.sizes().vec()) +
                                  ", not [N,K]: of it only \"logit\" can be a score");
  }
  return answer.size(1) == 1 ? at::log_sigmoid(at::cat({answer, -answer}, 1)) : at::log_softmax(answer, 1);
}

at::Tensor of_class(const at::Tensor& values, const Target& target) {
  const auto classes = target.classes();
  if (classes) return values.gather(1, classes->unsqueeze(1)).squeeze(1);
  throw Error(Fault::usage, "the target is no class of its own: of it only \"logit\" and \"kl\" can be a score");
}

}  // namespace

at::Tensor scored(const at::Tensor& answer, const at::Tensor& clean, const Target& target, Score score) {
  switch (score) {
    case Score::logit:
      return target.score(answer);
    case Score::probability:
      return of_class(log_probabilities(answer), target).exp();
    case Score::cross_entropy:
      return of_class(log_probabilities(answer), target);
    default: {
      const at::Tensor before = log_probabilities(clean.detach());
      return (before.exp() * (log_probabilities(answer) - before)).sum(1);
    }
  }
}

}  // namespace attune
