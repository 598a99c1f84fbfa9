#include "model/axis_rules.h"

#include <ATen/ops/empty.h>
#include <algorithm>
#include <functional>
#include <map>
#include <numeric>
#include <set>

#include "model/axis_tracker.h"

namespace attune {
namespace axis_rules {
namespace {

using Call = AxisRule;
using Source = Factor::Source;

size_t wrapped(int64_t axis, size_t rank) {
  return static_cast<size_t>(axis < 0 ? axis + static_cast<int64_t>(rank) : axis);
}

std::vector<int64_t> integers(const c10::IValue& value) {
  if (value.isIntList()) return value.toIntVector();
  return value.isInt() ? std::vector<int64_t>{value.toInt()} : std::vector<int64_t>{};
}

bool is_single_position(const Axis& axis) { return axis.size() == 1 && axis[0].source == Source::position; }

// --- axes that stay, in another order or under other sizes

void reshape(const Call& call) {
  if (const Axes* from = call.axes(0)) {
    if (auto axes = reshaped(*from, call.output().sizes())) call.set(std::move(*axes));
  }
}

void squeeze(const Call& call) {
  const Axes* from = call.axes(0);
  if (from == nullptr) return;
  std::set<size_t> named;
  if (call.inputs.size() > 1) {
    for (const int64_t axis : integers(call.inputs[1])) named.insert(wrapped(axis, from->size()));
  }
  Axes axes;
  for (size_t i = 0; i < from->size(); ++i) {
    const bool goes = size_of((*from)[i]) == 1 && (call.inputs.size() < 2 || named.count(i) != 0);
    if (!goes) axes.push_back((*from)[i]);
  }
  call.set(std::move(axes));
}

void unsqueeze(const Call& call) {
  const Axes* from = call.axes(0);
  if (from == nullptr) return;
  Axes axes = *from;
  axes.insert(axes.begin() + static_cast<ptrdiff_t>(call.axis(1, axes.size() + 1)), Axis{});
  call.set(std::move(axes));
}

// LibTorch moves the axes of a small tensor, and its strides say where they went.
void rearrange(const Call& call, const std::function<at::Tensor(const at::Tensor&)>& move) {
  const Axes* from = call.axes(0);
  if (from == nullptr) return;
  std::vector<int64_t> order(from->size());
  std::iota(order.begin(), order.end(), 0);
  const at::Tensor moved = move(at::empty({1}).as_strided(std::vector<int64_t>(order.size(), 1), order));
  Axes axes;
  for (const int64_t axis : moved.strides()) axes.push_back((*from)[static_cast<size_t>(axis)]);
  call.set(std::move(axes));
}

void permute(const Call& call) {
  rearrange(call, [&](const at::Tensor& x) { return x.permute(integers(call.inputs[1])); });
}

void transpose(const Call& call) {
  rearrange(call, [&](const at::Tensor& x) { return x.transpose(call.inputs[1].toInt(), call.inputs[2].toInt()); });
}

void transpose_matrix(const Call& call) {
  rearrange(call, [](const at::Tensor& x) { return x.dim() < 2 ? x : x.transpose(-2, -1); });
}

void move_axes(const Call& call) {
  rearrange(call, [&](const at::Tensor& x) { return x.movedim(integers(call.inputs[1]), integers(call.inputs[2])); });
}

// --- axes that go

void drop(const Call& call, const std::set<size_t>& gone) {
  const Axes* from = call.axes(0);
  if (from == nullptr) return;
  Axes axes;
  for (size_t i = 0; i < from->size(); ++i) {
    if (gone.count(i) == 0) axes.push_back((*from)[i]);
  }
  for (const at::Tensor& result : call.results()) call.tracker.set(result, axes);
}

void select(const Call& call) {
  if (const Axes* from = call.axes(0)) drop(call, {call.axis(1, from->size())});
}

// mean, sum, max...: the axes are a list somewhere behind the input, or one number right behind it.
void reduce(const Call& call) {
  const Axes* from = call.axes(0);
  if (from == nullptr) return;
  const size_t rank = call.results().empty() ? 0 : static_cast<size_t>(call.results()[0].dim());
  if (rank == 0) return;
  if (rank == from->size()) {
    Axes axes = *from;
    for (size_t i = 0; i < rank; ++i) {
      if (size_of(axes[i]) != call.output().size(static_cast<int64_t>(i))) axes[i] = {};
    }
    for (const at::Tensor& result : call.results()) call.tracker.set(result, axes);
    return;
  }
  const auto list = std::find_if(call.inputs.begin(), call.inputs.end(), [](const auto& v) { return v.isIntList(); });
  std::set<size_t> gone;
  for (const int64_t axis : integers(list != call.inputs.end() ? *list : call.inputs.at(1))) {
    gone.insert(wrapped(axis, from->size()));
  }
  if (from->size() - gone.size() == rank) drop(call, gone);
}

// --- parts and wholes

void slice(const Call& call) {
  const Axes* from = call.axes(0);
  if (from == nullptr) return;
  Axes axes = *from;
  const size_t at = call.axis(1, axes.size());
  const int64_t all = size_of(axes[at]), length = call.output().size(static_cast<int64_t>(at));
  const int64_t start = call.inputs[2].isInt() ? call.inputs[2].toInt() : 0;
  const bool every = call.inputs.size() < 5 || !call.inputs[4].isInt() || call.inputs[4].toInt() == 1;
  axes[at] = every ? cut(axes[at], start < 0 ? std::max<int64_t>(0, start + all) : start, length)
                   : resized(axes[at], length);
  call.set(std::move(axes));
}

void split(const Call& call) {
  const Axes* from = call.axes(0);
  if (from == nullptr) return;
  const size_t at = call.axis(2, from->size());
  int64_t start = 0;
  for (const at::Tensor& part : call.results()) {
    Axes axes = *from;
    axes[at] = cut(axes[at], start, part.size(static_cast<int64_t>(at)));
    call.tracker.set(part, std::move(axes));
    start += part.size(static_cast<int64_t>(at));
  }
}

void unbind(const Call& call) {
  if (const Axes* from = call.axes(0)) drop(call, {call.axis(1, from->size())});
}

void concatenate(const Call& call) {
  const at::Tensor whole = call.output();
  const auto rank = static_cast<size_t>(whole.dim());
  const size_t at = call.axis(1, rank);
  Axes axes;
  std::vector<Axis> parts;
  for (const at::Tensor& part : call.inputs[0].toTensorVector()) {
    if (static_cast<size_t>(part.dim()) != rank) return;  // an empty one, which counts for nothing
    const Axes* of_part = call.tracker.find(part);
    const int64_t size = part.size(static_cast<int64_t>(at));
    if (of_part != nullptr && axes.empty()) axes = *of_part;
    parts.push_back(of_part != nullptr ? (*of_part)[at] : axis_of(Source::unknown, size));
  }
  if (axes.empty()) return;
  const bool is_channels = std::any_of(parts.begin(), parts.end(), [](const Axis& a) { return has(a, Source::channel); });
  axes[at] = is_channels ? call.tracker.new_channels(whole.size(static_cast<int64_t>(at))) : joined(parts);
  call.set(std::move(axes));
}

void stack(const Call& call) {
  for (const at::Tensor& part : call.inputs[0].toTensorVector()) {
    const Axes* of_part = call.tracker.find(part);
    if (of_part == nullptr) continue;
    Axes axes = *of_part;
    const size_t at = call.axis(1, axes.size() + 1);
    const int64_t size = call.output().size(static_cast<int64_t>(at));
    axes.insert(axes.begin() + static_cast<ptrdiff_t>(at), axis_of(Source::unknown, size));
    return call.set(std::move(axes));
  }
}

// --- operators that make new channels

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
    axes[i] = i == channels ? call.tracker.new_channels(size)
                            : convolved(call, axes[i], size, is_pointwise, spatial == 1);
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
    const int64_t size = (size_of((*from)[2 + i]) + 2 * of(padding) - of(dilation) * (of(kernel) - 1) - 1) / of(stride) + 1;
    const Axis axis = resized((*from)[2 + i], size);
    places.insert(places.end(), axis.begin(), axis.end());
  }
  call.set({(*from)[0], call.tracker.new_channels(call.output().size(1)), places});
}

// --- copies and choices

void repeat(const Call& call) {
  const Axes* from = call.axes(0);
  if (from == nullptr) return;
  const at::Tensor result = call.output();
  const auto rank = static_cast<size_t>(result.dim());
  if (rank < from->size()) return;
  Axes axes(rank - from->size());
  axes.insert(axes.end(), from->begin(), from->end());
  for (size_t i = 0; i < rank; ++i) {
    const int64_t size = result.size(static_cast<int64_t>(i));
    if (size_of(axes[i]) != size) axes[i] = axis_of(Source::unknown, size);
  }
  call.set(std::move(axes));
}

void pick(const Call& call) {  // (x, axis, indices)
  const Axes* from = call.axes(0);
  const at::Tensor result = call.output();
  if (from == nullptr || static_cast<size_t>(result.dim()) != from->size() || from->empty()) return;
  Axes axes = *from;
  const size_t at = call.axis(1, axes.size());
  axes[at] = axis_of(Source::unknown, result.size(static_cast<int64_t>(at)));
  call.set(std::move(axes));
}

void forget(const Call&) {}

// --- everything else: element by element, or along axes that stay where they are

// Of two axes that meet the one that says more.
int weight_of(const Axis& axis) {
  if (has(axis, Source::batch)) return 4;
  if (is_place(axis)) return has(axis, Source::sequence) ? 2 : 3;
  return has(axis, Source::channel) ? 1 : 0;
}

bool is_broadcast(const Axes& axes, const at::Tensor& result) {
  if (axes.size() > static_cast<size_t>(result.dim())) return false;
  for (size_t i = 1; i <= axes.size(); ++i) {
    const int64_t size = size_of(axes[axes.size() - i]);
    if (size != 1 && size != result.size(-static_cast<int64_t>(i))) return false;
  }
  return true;
}

Axis met(const Call& call, const std::vector<const Axes*>& operands, size_t behind, int64_t size) {
  const Axis* best = nullptr;
  bool is_mixed = false;  // channels of two kinds, added
  for (const Axes* operand : operands) {
    if (operand->size() < behind) continue;
    const Axis& axis = (*operand)[operand->size() - behind];
    if (size_of(axis) != size) continue;
    const bool are_channels = best != nullptr && weight_of(*best) == 1 && weight_of(axis) == 1;
    is_mixed = is_mixed || (are_channels && (*best)[0].of != axis[0].of);
    if (best == nullptr || weight_of(axis) > weight_of(*best)) best = &axis;
  }
  if (best == nullptr) return axis_of(Source::unknown, size);
  return is_mixed && weight_of(*best) == 1 ? call.tracker.new_channels(size) : *best;
}

void follow(const Call& call) {
  std::vector<const Axes*> operands;
  const auto add = [&](const at::Tensor& tensor) {
    const Axes* axes = tensor.defined() ? call.tracker.find(tensor) : nullptr;
    if (axes != nullptr) operands.push_back(axes);
  };
  for (const c10::IValue& input : call.inputs) {
    if (input.isTensor()) add(input.toTensor());
    if (!input.isTensorList()) continue;
    for (const at::Tensor& tensor : input.toTensorVector()) add(tensor);
  }
  if (operands.empty()) return;
  std::vector<std::pair<at::Tensor, Axes>> found;
  for (const at::Tensor& result : call.results()) {
    if (call.tracker.find(result) != nullptr) continue;  // it was written to, or taken out of a list
    const auto rank = static_cast<size_t>(result.dim());
    const auto fits = [&](const Axes* axes) { return is_broadcast(*axes, result); };
    Axes axes;
    if (std::all_of(operands.begin(), operands.end(), fits)) {
      for (size_t i = rank; i > 0; --i) axes.push_back(met(call, operands, i, result.size(-static_cast<int64_t>(i))));
    } else if (operands[0]->size() == rank) {
      for (size_t i = 0; i < rank; ++i) {
        axes.push_back(resized((*operands[0])[i], result.size(static_cast<int64_t>(i))));
      }
    } else {
      continue;
    }
    found.emplace_back(result, std::move(axes));
  }
  for (auto& [result, axes] : found) call.tracker.set(result, std::move(axes));
}

using Rule = void (*)(const Call&);

}  // namespace

const std::map<std::string, Rule>& all() {
  static const std::map<std::string, Rule> table = [] {
    std::map<std::string, Rule> by_name;
    const auto add = [&](Rule rule, std::initializer_list<const char*> names) {
      for (const char* name : names) by_name[name] = rule;
    };
    add(reshape, {"view", "reshape", "flatten", "unflatten", "ravel", "view_as", "reshape_as", "_unsafe_view",
                  "_reshape_alias"});
    add(squeeze, {"squeeze"});
    add(unsqueeze, {"unsqueeze"});
    add(permute, {"permute"});
    add(transpose, {"transpose", "swapaxes", "swapdims"});
    add(transpose_matrix, {"t", "mT", "adjoint", "mH"});
    add(move_axes, {"movedim", "moveaxis"});
    add(select, {"select"});
    add(reduce, {"mean", "sum", "nansum", "prod", "max", "min", "amax", "amin", "logsumexp", "var", "std", "norm",
                 "linalg_vector_norm", "frobenius_norm", "median", "argmax", "argmin", "any", "all"});
    add(slice, {"slice"});
    add(split, {"split", "split_with_sizes", "chunk", "tensor_split", "unsafe_split", "unsafe_chunk"});
    add(unbind, {"unbind"});
    add(concatenate, {"cat", "concat", "concatenate"});
    add(stack, {"stack"});
    add(linear, {"linear"});
    add(convolve, {"conv1d", "conv2d", "conv3d", "_convolution", "convolution", "_convolution_mode", "conv_transpose1d",
                   "conv_transpose2d", "conv_transpose3d"});
    add(recur, {"lstm", "gru", "rnn_tanh", "rnn_relu"});
    add(embed, {"embedding"});
    add(matmul, {"matmul", "mm", "bmm"});
    add(add_matmul, {"addmm", "baddbmm"});
    add(attend, {"scaled_dot_product_attention", "_scaled_dot_product_attention_math"});
    add(sum_products, {"einsum"});
    add(unfold_axis, {"unfold"});
    add(unfold_image, {"im2col"});
    add(repeat, {"expand", "expand_as", "broadcast_to", "repeat", "tile", "repeat_interleave"});
    add(pick, {"index_select", "gather", "take_along_dim"});
    add(forget, {"index", "size", "zeros_like", "ones_like", "full_like", "empty_like", "rand_like", "randn_like",
                 "new_zeros", "new_ones", "new_full", "new_empty", "nonzero", "masked_select"});
    return by_name;
  }();
  return table;
}

}  // namespace axis_rules

const Axes* AxisRule::axes(size_t input) const {
  if (input >= inputs.size() || !inputs[input].isTensor() || !inputs[input].toTensor().defined()) return nullptr;
  return tracker.find(inputs[input].toTensor());
}

std::vector<at::Tensor> AxisRule::results() const {
  std::vector<at::Tensor> tensors;
  const auto add = [&](const at::Tensor& tensor) {
    if (tensor.defined()) tensors.push_back(tensor);
  };
  for (const c10::IValue& value : outputs) {
    if (value.isTensor()) add(value.toTensor());
    if (!value.isTensorList()) continue;
    for (const at::Tensor& tensor : value.toTensorVector()) add(tensor);
  }
  return tensors;
}

size_t AxisRule::axis(size_t input, size_t rank) const { return axis_rules::wrapped(inputs.at(input).toInt(), rank); }

void AxisRule::set(Axes axes) const {
  if (c10::IntArrayRef(sizes_of(axes)) == output().sizes()) tracker.set(output(), std::move(axes));
}

void AxisRule::apply(const std::string& op) const {
  const bool in_place = op.size() > 1 && op.back() == '_' && op[op.size() - 2] != '_';
  const auto rule = axis_rules::all().find(in_place ? op.substr(0, op.size() - 1) : op);
  (rule == axis_rules::all().end() ? axis_rules::follow : rule->second)(*this);
}

}  // namespace attune
