// Tensors that a model is given, or that a matcher shows, as the pictures they are.
#pragma once

#include <ATen/core/Tensor.h>

#include <attune/sdk/matcher.h>

#include "data/sample_stream.h"

namespace attune::cli {

// The sample as if `input` [C,S1..Sd] had been read: of a photo or clip, with the pictures that the tensor shows, which
// preprocessing is undone for, in the proportions of the part that the model sees.
Sample with_input(const Sample& sample, const at::Tensor& input, const Preprocess& preprocess);

// What a matcher shows, [C,S1..Sd]: a mask in grey, an input as a picture; of a clip, its middle frame. Undefined for a
// signal.
Image shown_picture(const Sample& sample, const at::Tensor& values, Shown shown, const Preprocess& preprocess);

}  // namespace attune::cli
