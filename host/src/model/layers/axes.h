// Where the axes of an activation come from: what of them is the input's batch, its positions, channels.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/core/ivalue.h>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace attune {

struct Tokens;

// An axis, or a part of one where several are folded into it.
struct Factor {
  enum class Source {
    batch,
    channel,
    position,  // along one axis of the input
    tokens,    // a grid of positions in a row, with class tokens or registers before or behind it
    sequence,  // steps made of positions that can no longer be told apart
    unknown,
  };
  Source source = Source::unknown;
  int64_t of = 0;  // which: the axis of the input, counted without batch and channels; the set of channels
  int64_t size = 1;
  int64_t stride = 1;  // what one step comes to when the axis was divided (into windows): of its outer part, the size
                       // of the inner one
  std::shared_ptr<const Tokens> tokens;
};

using Axis = std::vector<Factor>;  // the first is the slowest; none: an axis of size 1 that stands for nothing
using Axes = std::vector<Axis>;

struct Tokens {
  int64_t before = 0;
  Axis grid;
  int64_t behind = 0;
};

int64_t size_of(const Axis& axis);
std::vector<int64_t> sizes_of(const Axes& axes);
bool has(const Axis& axis, Factor::Source source);
// Whether the axis is made of positions, in whatever form, and nothing else.
bool is_place(const Axis& axis);

// An axis of one factor; none when the size is 1 and the source unknown.
Axis axis_of(Factor::Source source, int64_t size, int64_t of = 0);
// Of an input [N,C,S1..Sd], or [N,S1].
Axes axes_of_input(c10::IntArrayRef sizes);

// After an operator that works along the axis (pooling, padding, a stride).
Axis resized(const Axis& axis, int64_t size);
// A range of the axis.
Axis cut(const Axis& axis, int64_t start, int64_t length);
// One behind the other.
Axis joined(const std::vector<Axis>& parts);
// The same elements in the same order under other sizes; nothing when they cannot be assigned.
std::optional<Axes> reshaped(const Axes& axes, c10::IntArrayRef sizes);

// Follows the axes of the input through the operators of one run.
class AxisTracker {
 public:
  explicit AxisTracker(const at::Tensor& input);

  // What `op` ("conv2d") made of its inputs. The axes of results of unknown operators are those of the inputs as far as
  // the sizes allow that.
  void observe(const std::string& op, const std::vector<c10::IValue>& inputs, const std::vector<c10::IValue>& outputs);
  // Nothing when the tensor was not made of the input, or by an operator whose result cannot be told.
  const Axes* find(const at::Tensor& tensor) const;

  // For the rules of operators.
  void set(const at::Tensor& tensor, Axes axes);
  Axis new_channels(int64_t size);
  int64_t positions() const { return positions_; }

 private:
  // Held weakly: memory goes as it does without a tracker, and no address comes twice.
  using Weak = c10::weak_intrusive_ptr<c10::TensorImpl, c10::UndefinedTensorImpl>;
  std::map<const c10::TensorImpl*, std::pair<Weak, Axes>> axes_;
  int64_t positions_ = 0;  // axes of the input
  int64_t channels_ = 0;   // sets of them that were made
};

}  // namespace attune
