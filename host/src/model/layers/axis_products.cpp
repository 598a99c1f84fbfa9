// Axes under operators that sum products with weights, and thereby make new channels.

#include <algorithm>

#include "model/layers/axis_rules.h"

namespace attune::axis_rules {
namespace {

using Call = AxisRule;
using Source = Factor::Source;

bool is_single_position(const Axis& axis) { return axis.size() == 1 && axis[0].source == Source::position; }

void linear(const Call& call) {
  const Axes* from = call.axes(0);
  if (from == nullptr || from->empty()) return;
  Axes axes = *from;
  axes.back() = call.tracker.new_channels(call.output().size(-1));
  call.set(std::move(axes));
}

// Along the axis of a signal its steps stay apart. Along a row of anything else they become a sequence, unless the
// kernel sees one of them at a time.
Axis convolved(const Call& call, const Axis& axis, int64_t size, bool is_pointwise, bool is_1d) {
  if (is_pointwise && size == size_of(axis)) return axis;
  if (!is_1d || (is_single_position(axis) && call.tracker.positions() == 1)) return resized(axis, size);
  return axis_of(Source::sequence, size);
}

void convolve(const Call& call) {
  const Axes* from = call.axes(0);
  const at::Tensor weight = call.inputs[1].toTensor(), result = call.output();
  const auto spatial = static_cast<size_t>(weight.dim() - 2);
  if (from == nullptr || from->size() != static_cast<size_t>(result.dim()) || from->size() <= spatial) return;
  Axes axes = *from;
  const size_t channels = axes.size() - spatial - 1;
  for (size_t i = channels; i < axes.size(); ++i) {
    const int64_t size = result.size(static_cast<int64_t>(i));
    const bool is_pointwise = weight.size(static_cast<int64_t>(i - channels + 1)) == 1;
    axes[i] =
        i == channels ? call.tracker.new_channels(size) : convolved(call, axes[i], size, is_pointwise, spatial == 1);
  }
  call.set(std::move(axes));
}

// lstm, gru, rnn_tanh, rnn_relu: (input, state, weights, biases, layers, dropout, train, bidirectional, batch_first).
void recur(const Call& call) {
  const Axes* from = call.axes(0);
  if (from == nullptr || from->size() != 3 || call.inputs.size() < 9 || !call.inputs[8].isBool()) return;
  Axes axes = *from;
  const size_t time = call.inputs[8].toBool() ? 1 : 0;
  axes[time] = convolved(call, axes[time], size_of(axes[time]), false, true);
  axes[2] = call.tracker.new_channels(call.output().size(2));
  const Axis batch = axes[1 - time];
  call.set(std::move(axes));
  for (size_t i = 1; i < call.outputs.size(); ++i) {  // the states: [layers,N,channels]
    const at::Tensor state = call.outputs[i].toTensor();
    call.tracker.set(state, {axis_of(Source::unknown, state.size(0)), batch, call.tracker.new_channels(state.size(2))});
  }
}

void embed(const Call& call) {
  const Axes* of_indices = call.axes(1);
  if (of_indices == nullptr) return;
  Axes axes = *of_indices;
  axes.push_back(call.tracker.new_channels(call.output().size(-1)));
  call.set(std::move(axes));
}

// [..,m,k] x [..,k,n]: rows of the first, columns of the second. What the model's weights are multiplied with becomes
// channels.
void multiply(const Call& call, size_t first, size_t second) {
  const at::Tensor a = call.inputs[first].toTensor(), b = call.inputs[second].toTensor(), result = call.output();
  const Axes *of_a = call.tracker.find(a), *of_b = call.tracker.find(b);
  const auto rank = static_cast<size_t>(result.dim());
  if ((of_a == nullptr && of_b == nullptr) || a.dim() < 2 || b.dim() < 2 || rank < 2) return;
  Axes axes(rank);
  for (size_t i = 0; i + 2 < rank; ++i) {
    const size_t behind = rank - i;  // counted from the end
    axes[i] = axis_of(Source::unknown, result.size(static_cast<int64_t>(i)));
    for (const Axes* some : {of_b, of_a}) {
      if (some == nullptr || some->size() < behind) continue;
      const Axis& axis = (*some)[some->size() - behind];
      if (size_of(axis) == result.size(static_cast<int64_t>(i))) axes[i] = axis;
    }
  }
  axes[rank - 2] = of_a != nullptr ? (*of_a)[of_a->size() - 2] : call.tracker.new_channels(result.size(-2));
  axes[rank - 1] = of_b != nullptr ? of_b->back() : call.tracker.new_channels(result.size(-1));
  call.set(std::move(axes));
}

void matmul(const Call& call) { multiply(call, 0, 1); }
void add_matmul(const Call& call) { multiply(call, 1, 2); }

void attend(const Call& call) {  // (queries, keys, values, ...)
  const Axes *queries = call.axes(0), *values = call.axes(2);
  if (queries == nullptr || values == nullptr) return;
  Axes axes = *queries;
  axes.back() = values->back();
  call.set(std::move(axes));
}

// "nchw,oc->nohw": each letter is the axis of the first operand that has it.
void sum_products(const Call& call) {
  std::string text = call.inputs[0].toStringRef();
  text.erase(std::remove(text.begin(), text.end(), ' '), text.end());
  const size_t arrow = text.find("->");
  if (arrow == std::string::npos || text.find('.') != std::string::npos) return;
  std::map<char, Axis> known;
  size_t at = 0;
  bool any = false;
  for (const at::Tensor& operand : call.inputs[1].toTensorVector()) {
    const Axes* axes = call.tracker.find(operand);
    any = any || axes != nullptr;
    for (size_t i = 0; i < static_cast<size_t>(operand.dim()); ++i, ++at) {
      if (axes != nullptr) known.emplace(text[at], axes->at(i));
    }
    ++at;  // the comma
  }
  const at::Tensor result = call.output();
  Axes axes;
  for (const char letter : text.substr(arrow + 2)) {
    const int64_t size = result.size(static_cast<int64_t>(axes.size()));
    axes.push_back(known.count(letter) != 0 ? known[letter] : call.tracker.new_channels(size));
  }
  if (any) call.set(std::move(axes));
}

// --- patches

void unfold_axis(const Call& call) {  // (x, axis, size, step)
  const Axes* from = call.axes(0);
  if (from == nullptr) return;
  Axes axes = *from;
  const size_t at = call.axis(1, axes.size());
  if (!is_single_position(axes[at])) return;
  Axis inner = axes[at];
  inner[0].size = call.output().size(-1);
  axes[at][0].size = call.output().size(static_cast<int64_t>(at));
  axes[at][0].stride *= call.inputs[3].toInt();
  axes.push_back(std::move(inner));
  call.set(std::move(axes));
}

// [N,C,H,W] -> [N,patch,places]: (x, kernel, dilation, padding, stride)
void unfold_image(const Call& call) {
  const Axes* from = call.axes(0);
  if (from == nullptr || from->size() != 4) return;
  const auto kernel = integers(call.inputs[1]), dilation = integers(call.inputs[2]), padding = integers(call.inputs[3]),
             stride = integers(call.inputs[4]);
  Axis places;
  for (size_t i = 0; i < 2; ++i) {
    const auto of = [&](const std::vector<int64_t>& two) { return two.at(two.size() == 1 ? 0 : i); };
    const int64_t padded = size_of((*from)[2 + i]) + 2 * of(padding);
    const int64_t size = (padded - of(dilation) * (of(kernel) - 1) - 1) / of(stride) + 1;
    const Axis axis = resized((*from)[2 + i], size);
    places.insert(places.end(), axis.begin(), axis.end());
  }
  call.set({(*from)[0], call.tracker.new_channels(call.output().size(1)), places});
}

}  // namespace

std::map<std::string, Rule> products() {
  std::map<std::string, Rule> by_name = {{"linear", linear},
                                         {"embedding", embed},
                                         {"addmm", add_matmul},
                                         {"baddbmm", add_matmul},
                                         {"scaled_dot_product_attention", attend},
                                         {"_scaled_dot_product_attention_math", attend},
                                         {"einsum", sum_products},
                                         {"unfold", unfold_axis},
                                         {"im2col", unfold_image}};
  for (const char* name : {"matmul", "mm", "bmm"}) by_name[name] = matmul;
  for (const char* name : {"lstm", "gru", "rnn_tanh", "rnn_relu"}) by_name[name] = recur;
  for (const char* name : {"conv1d", "conv2d", "conv3d", "_convolution", "convolution", "_convolution_mode",
                           "conv_transpose1d", "conv_transpose2d", "conv_transpose3d"}) {
    by_name[name] = convolve;
  }
  return by_name;
}

}  // namespace attune::axis_rules
