// Separable filters that bring a grid to another size without aliasing.
#pragma once

#include <ATen/core/Tensor.h>
#include <cstdint>
#include <vector>

namespace attune {

enum class Filter { linear, cubic };

// One output sample: sum over i of weights[i] * input[first + i]. The weights sum to 1.
struct Taps {
  int64_t first = 0;
  std::vector<double> weights;
};

// The taps of `count` output samples that cover the interval [begin,end] of an input of `size` samples; sample i covers
// [i,i+1]. The filter widens when the interval has more samples than the output; positions outside of the input take
// its border.
std::vector<Taps> filter_taps(int64_t size, double begin, double end, int64_t count, Filter filter);

// float32 [H,W] -> [rows.size(), columns.size()], contiguous, on the CPU.
at::Tensor resample(const at::Tensor& values, const std::vector<Taps>& rows, const std::vector<Taps>& columns);

}  // namespace attune
