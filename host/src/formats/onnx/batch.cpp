// The batch of an ONNX model that was exported for one batch size: where it stands in each value, and any batch there.
#include <algorithm>

#include "formats/onnx/builder.h"

namespace attune {

// Where a fixed batch stands among the sizes of a reshaped value, any batch may stand.
void OnnxBuilder::free_batch(OnnxValue& data, std::vector<Value*>& sizes) {
  if (data.batch_axis < 0 || batch_ == 0 || sizes.empty()) return;
  const auto last = static_cast<int64_t>(sizes.size()) - 1;
  const auto known = known_sizes_.find(data.name);
  int64_t outer = data.batch_outer, before = 1, at = std::min(data.batch_axis, last);
  bool is_found = data.batch_axis == 0;
  if (data.batch_axis > 0 && known != known_sizes_.end()) {
    is_found = data.batch_axis < static_cast<int64_t>(known->second.size());
    for (int64_t i = 0; i < data.batch_axis && is_found; ++i) {
      is_found = !__builtin_mul_overflow(outer, known->second[static_cast<size_t>(i)], &outer) && outer > 0;
    }
  }
  if (is_found) {
    for (at = 0; at < last && before < outer; ++at) {
      const auto size = integer_of(sizes[static_cast<size_t>(at)]);
      if (!size || *size < 1 || *size > outer / before) break;
      before *= *size;
    }
  }
  if (at == last && at > 0) before = 0, --at;  // channels stay
  Value*& place = sizes[static_cast<size_t>(at)];
  const auto size = integer_of(place);
  data.batch_axis = at;
  data.batch_outer = is_found && before > 0 ? std::max<int64_t>(1, outer / before) : 1;
  if (!size || *size < 1 || *size % batch_ != 0) return;
  if (before == 0) data.batch_outer = *size / batch_;
  Value* rows = graph_->insert(c10::aten::size, {input_, constant(int64_t{0})});
  place = *size == batch_ ? rows : number(c10::aten::mul, {rows, constant(*size / batch_)});
}

std::vector<Value*> OnnxBuilder::adapted(const OnnxNode& node, std::vector<Value*> sizes) {
  OnnxValue* data = input_of(node, 0);
  if (node.op == "Reshape") {
    const auto allows = node.attributes.find("allowzero");
    const bool copies = allows == node.attributes.end() || allows->second.i == 0;
    for (size_t i = 0; i < sizes.size(); ++i) {
      if (!copies || integer_of(sizes[i]) != 0) continue;
      const auto axis = static_cast<int64_t>(i);
      sizes[i] = data->constant.defined() && axis < data->rank
                     ? constant(data->constant.size(axis))
                     : graph_->insert(c10::aten::size, {tensor(node, 0), constant(axis)});
    }
    reshaped_ = *data;
    free_batch(reshaped_, sizes);
  }
  if (node.op != "Expand") return sizes;
  const auto more = static_cast<int64_t>(sizes.size()) - data->rank;
  while (more < 0 && static_cast<int64_t>(sizes.size()) < data->rank)
    sizes.insert(sizes.begin(), constant(int64_t{-1}));
  for (size_t i = 0; i < sizes.size(); ++i) {
    if (static_cast<int64_t>(i) >= more && integer_of(sizes[i]) == 1) sizes[i] = constant(int64_t{-1});
  }
  if (batch_ > 1 && !sizes.empty() && integer_of(sizes[0]) == batch_) {
    sizes[0] = graph_->insert(c10::aten::size, {input_, constant(int64_t{0})});
  }
  return sizes;
}

// What has the batch's place but is the same for every row.
Value* OnnxBuilder::with_batch(const OnnxValue& part, Value* whole) {
  if (part.batch_axis >= 0 || part.rank < 1) return whole;
  std::vector<Value*> sizes{graph_->insert(c10::aten::size, {input_, constant(int64_t{0})})};
  for (int64_t i = 1; i < part.rank; ++i) sizes.push_back(constant(int64_t{-1}));
  Value* list = graph_->insertNode(graph_->createList(c10::IntType::get(), sizes))->output();
  return graph_->insert(c10::aten::expand, {whole, list});
}

void OnnxBuilder::set_batch(const OnnxNode& node, OnnxValue& result) {
  if (batch_ == 0) return;
  const OnnxValue* data = nullptr;
  for (size_t i = 0; i < node.inputs.size() && data == nullptr; ++i) {
    const OnnxValue* input = input_of(node, i);
    if (input != nullptr && input->batch_axis >= 0) data = input;
  }
  if (node.op == "Expand" && data == nullptr && batch_ > 1) result.batch_axis = 0;
  if (data == nullptr) return;
  const auto axes_before = [&](const std::vector<int64_t>& axes, int64_t rank) {
    return std::count_if(axes.begin(), axes.end(),
                         [&](int64_t axis) { return (axis < 0 ? axis + rank : axis) < data->batch_axis; });
  };
  const auto ints = [&](const char* name) {
    const auto found = node.attributes.find(name);
    if (found != node.attributes.end())
      return found->second.ints.empty() ? std::vector{found->second.i} : found->second.ints;
    const OnnxValue* input = node.op == "Gather" ? nullptr : input_of(node, 1);
    std::vector<int64_t> numbers;
    for (Value* one : input == nullptr ? std::vector<Value*>() : elements(*input).value_or(std::vector<Value*>())) {
      numbers.push_back(integer_of(one).value_or(0));
    }
    return numbers;
  };
  if (node.op == "Reshape") data = &reshaped_;
  result.batch_outer = data->batch_outer;
  result.batch_axis = data->batch_axis;
  if (node.op == "Transpose") {
    const std::vector<int64_t> perm = ints("perm");
    const auto at = std::find(perm.begin(), perm.end(), data->batch_axis);
    result.batch_axis = perm.empty() ? data->rank - 1 - data->batch_axis : at - perm.begin();
  } else if (node.op == "Gather" || node.op == "Select") {
    const auto axis = ints("axis");
    if (axes_before(axis.empty() ? std::vector<int64_t>{0} : axis, data->rank) > 0)
      result.batch_axis += result.rank - data->rank;
  } else if (node.op == "Squeeze" || (node.op.compare(0, 6, "Reduce") == 0 && result.rank < data->rank)) {
    result.batch_axis -= axes_before(ints("axes"), data->rank);
  } else if (node.op == "Unsqueeze") {
    std::vector<int64_t> axes = ints("axes");
    for (int64_t& axis : axes) axis += axis < 0 ? result.rank : 0;
    std::sort(axes.begin(), axes.end());
    for (const int64_t axis : axes) result.batch_axis += axis <= result.batch_axis ? 1 : 0;
  } else if (node.op != "Reshape" && node.op != "Flatten" && result.rank > data->rank && data->rank >= 0) {
    result.batch_axis += result.rank - data->rank;  // stretched
  }
}

}  // namespace attune
