// What is explained of a model's output.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include <ATen/core/Tensor.h>

#include <attune/sdk/export.h>

namespace attune {

// One differentiable number for each row of a model's output: the score of a class, in most cases. Resolved by the
// host before any method runs ("top1", a label or an index are the host's business). Several classes of one input are
// several targets on the same pass.
class ATTUNE_SDK_API Target {
 public:
  // [rows] of `output` [rows,..], whose row i belongs to sample `samples`[i] ([rows], int64).
  using Score = std::function<at::Tensor(const at::Tensor& output, const at::Tensor& samples)>;

  // The entry of an output [rows,K] for each row's class; `classes` [rows], int64, on the model's device.
  Target(at::Tensor classes);
  // Any other number of each of `samples` samples.
  Target(Score score, int64_t samples);

  // [rows] of `output` [rows,..], with its graph. Throws Error(Fault::run) for an output of other rows.
  at::Tensor score(const at::Tensor& output) const;
  // Every row `times` times in a row: [rows * times]. For methods that run many variants of each sample.
  Target repeat(int64_t times) const;
  // The rows named by `rows` ([M], int64): [M].
  Target select(const at::Tensor& rows) const;
  // [rows], int64, where the target is a class.
  std::optional<at::Tensor> classes() const;

 private:
  at::Tensor rows_;                     // [rows], int64: classes, or samples where there is a function
  std::shared_ptr<const Score> score_;  // null: class scores
};

}  // namespace attune
