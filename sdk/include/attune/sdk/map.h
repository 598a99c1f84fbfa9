// Attention maps: what methods give, matchers bring to one size and correlations compare.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <ATen/core/Tensor.h>

namespace attune {

// One attention map for every sample of a batch.
struct AttentionMap {
  // [N,C,S1..Sd], d = 1 (signals), 2 (images) or 3 (clips); C = 1 when the map is reduced over channels. On the model's
  // device, in the model's floating type, signed unless the method says otherwise, without unit. Carries an autograd
  // graph when the pass it came from was asked for one.
  at::Tensor values;
  // True when S1..Sd are the input's own extents (gradients of the input); false at a layer's resolution.
  bool at_input_resolution = false;
  // The layers that the map was made from, as the method's Needs name them (the host puts what "auto" stands for); empty
  // for a map of the input.
  std::vector<std::string> layers = {};
};

// What is known of a map before anything runs; matchers plan with it.
struct MapInfo {
  std::string name;                  // as the spec calls it
  bool at_input_resolution = false;  // as the method declares
};

}  // namespace attune
