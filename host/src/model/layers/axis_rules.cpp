#include "model/layers/axis_rules.h"

#include <ATen/ops/empty.h>
#include <algorithm>
#include <functional>
#include <map>
#include <numeric>
#include <set>

namespace attune {
namespace axis_rules {

size_t wrapped(int64_t axis, size_t rank) {
  return static_cast<size_t>(axis < 0 ? axis + static_cast<int64_t>(rank) : axis);
}

std::vector<int64_t> integers(const c10::IValue& value) {
  if (value.isIntList()) return value.toIntVector();
  return value.isInt() ? std::vector<int64_t>{value.toInt()} : std::vector<int64_t>{};
}

namespace {

using Call = AxisRule;
using Source = Factor::Source;

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
      const int64_t size = call.output().size(static_cast<int64_t>(i));
      if (size_of(axes[i]) != size) axes[i] = axis_of(Source::unknown, size);
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
  axes[at] =
      every ? cut(axes[at], start < 0 ? std::max<int64_t>(0, start + all) : start, length) : resized(axes[at], length);
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
  const auto are_channels = [](const Axis& axis) { return has(axis, Source::channel); };
  const bool is_channels = std::any_of(parts.begin(), parts.end(), are_channels);
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

}  // namespace

const std::map<std::string, Rule>& all() {
  static const std::map<std::string, Rule> table = [] {
    std::map<std::string, Rule> by_name = products();
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
