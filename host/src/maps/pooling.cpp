#include "maps/pooling.h"

#include <ATen/ATen.h>
#include <algorithm>
#include <limits>

namespace attune {

at::Tensor Pooling::by_position(const at::Tensor& output) const {
  const at::Tensor first = output.movedim(axis, 1);
  const at::Tensor whole = first.dim() == 2 ? first.unsqueeze(2) : first.flatten(2);
  return measured(whole.narrow(1, boxes, whole.size(1) - boxes));
}

at::Tensor Pooling::pooled(const at::Tensor& values, const at::Tensor& region) const {
  if (values.size(2) == 1) return values.squeeze(2);
  const at::Tensor all = region.defined() ? region : at::ones({1, values.size(2)}, values.options().dtype(at::kBool));
  const at::Tensor counts = all.unsqueeze(1).expand_as(values);
  if (pick == "sum" || pick == "mean") return over(values, counts);
  const int64_t most = pick == "max" ? 1 : std::min<int64_t>(std::stoll(pick.substr(3)), values.size(2));
  const at::Tensor lowest = at::scalar_tensor(-std::numeric_limits<double>::infinity(), values.options());
  const auto [best, places] = at::where(counts, values, lowest).topk(most, 2);
  return over(best, counts.gather(2, places));
}

at::Tensor Pooling::over(const at::Tensor& values, const at::Tensor& counts) const {
  const at::Tensor sum = at::where(counts, values, at::zeros({}, values.options())).sum(2);
  return pick == "sum" ? sum : sum / counts.sum(2).clamp_min(1);
}

at::Tensor Pooling::measured(const at::Tensor& values) const {
  if (of == "score") return values;
  const bool log = of == "log_probability";
  if (kind == OutputKind::log_softmax) return log ? values : values.exp();
  if (kind != OutputKind::scores) return log ? values.clamp_min(std::numeric_limits<float>::min()).log() : values;
  if (multi_label || values.size(1) == 1) return log ? at::log_sigmoid(values) : at::sigmoid(values);
  return log ? at::log_softmax(values, 1) : at::softmax(values, 1);
}

}  // namespace attune
