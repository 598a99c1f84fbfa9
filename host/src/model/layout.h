// How a layer arranges its activation, and the way to and from [N,C,S1..Sd].
#pragma once

#include <ATen/core/Tensor.h>
#include <string>
#include <vector>

#include "base/shape_text.h"

namespace attune {

struct Layout {
  enum class Order { channels_first, channels_last, tokens };
  Order order = Order::channels_first;
  int64_t prefix_tokens = 0;     // class tokens and registers before the grid; of tokens
  std::vector<int64_t> spatial;  // S1..Sd of the layer

  bool is_spatial() const;  // has an extent greater than one

  // [N,C,S1..Sd], a view of `activation` where possible.
  at::Tensor canonical(const at::Tensor& activation) const;
  // The way back. Prefix tokens are taken from `like`, the layer's own activation (its rows repeated when there are
  // k times as many).
  at::Tensor raw(const at::Tensor& canonical, const at::Tensor& like) const;
};

std::string to_string(Layout::Order order);

// The reading of an activation of `shape` for an input of `input_shape` [N,C,S1..Sd]. `wanted` is "auto",
// "channels_first", "channels_last" or "tokens". `arrangement` is what is known of the layer beside the shape (see
// arrangements() in graph.h) and decides between two readings. Throws Error(Fault::input), naming `layer`, when no
// reading fits, or two do and none is wanted.
Layout find_layout(const std::vector<int64_t>& shape, const std::vector<int64_t>& input_shape,
                   const std::string& wanted, const std::string& layer, const std::string& arrangement = "");

// The same without a throw: every reading that fits.
std::vector<Layout> possible_layouts(const std::vector<int64_t>& shape, const std::vector<int64_t>& input_shape,
                                     const std::string& arrangement = "");

}  // namespace attune
