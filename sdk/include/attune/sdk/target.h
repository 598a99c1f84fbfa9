// The classes whose scores are explained.
#pragma once

#include <cstdint>

#include <ATen/core/Tensor.h>

#include <attune/sdk/export.h>

namespace attune {

// One class index per sample, resolved by the host before any method runs ("top1", a label or an index are the host's
// business). Several classes of one input are several targets on the same pass.
struct ATTUNE_SDK_API Target {
  at::Tensor classes;  // [N], int64, on the model's device

  // Every row `times` times in a row: [N * times]. For methods that run many variants of each sample.
  Target repeat(int64_t times) const;
  // The rows named by `rows` ([M], int64): [M].
  Target select(const at::Tensor& rows) const;
};

}  // namespace attune
