// How a layer arranges its activation, and the way to and from [N,C,S1..Sd].
#pragma once

#include <ATen/core/Tensor.h>
#include <optional>
#include <string>
#include <vector>

#include "base/text.h"
#include "model/layers/axes.h"

namespace attune {

struct Layout {
  enum class Order { channels_first, channels_last, tokens };
  Order order = Order::channels_first;
  int64_t prefix_tokens = 0;     // class tokens and registers before the grid; of tokens
  std::vector<int64_t> spatial;  // S1..Sd of the layer

  bool is_spatial() const;  // has an extent greater than one

  // [N,C,S1..Sd], a view of `activation` where possible.
  at::Tensor canonical(const at::Tensor& activation) const;
  // The way back. Tokens beside the grid are taken from `like`, the layer's own activation: for each row those of one
  // of `samples`, its rows.
  at::Tensor raw(const at::Tensor& canonical, const at::Tensor& like, const at::Tensor& samples) const;

 private:
  int64_t places() const;
  at::Tensor channels_to_front(const at::Tensor& activation) const;
};

std::string to_string(Layout::Order order);

// What is known of an activation: how it is read, or why it is no map of the input. Neither, when the operators that
// made it do not tell.
struct Reading {
  std::optional<Layout> layout;
  std::string why_not;  // "it holds weights between positions (attention)"
};

constexpr const char* folded_into_batch = "parts of the input (windows, heads or views) are folded into its batch";

Reading reading_of(const Axes& axes);

// The reading of an activation of `shape` for an input of `input_shape` [N,C,S1..Sd]. `wanted` is "auto",
// "channels_first", "channels_last" or "tokens"; "auto" asks the operators that made it, whose `axes` may be null, and
// reads the shape where they do not tell. Throws Error(Fault::input), naming `layer`, when no reading fits, or two do.
Layout find_layout(const std::vector<int64_t>& shape, const std::vector<int64_t>& input_shape,
                   const std::string& wanted, const std::string& layer, const Axes* axes = nullptr);

// The same without a throw; a reading of two does not count.
Reading read_layout(const std::vector<int64_t>& shape, const std::vector<int64_t>& input_shape,
                    const std::string& wanted, const Axes* axes);

}  // namespace attune
