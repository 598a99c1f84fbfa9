#include "model/programs.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/equal.h>
#include <algorithm>

namespace attune {
namespace {

bool same_values(const at::Tensor& a, const at::Tensor& b) {
  if (a.scalar_type() != b.scalar_type() || a.device() != b.device() || a.layout() != at::kStrided) return false;
  if (b.layout() != at::kStrided || a.strides() != b.strides()) return false;
  return a.data_ptr() == b.data_ptr() || at::equal(a, b);
}

}  // namespace

std::shared_ptr<const Program> PieceCache::get(const Piece& piece) {
  const std::lock_guard<std::mutex> lock(mutex_);
  auto& program = programs_[piece.key()];
  if (!program) {
    const LayeredGraph sliced = slice(graph_, piece);
    share_weights(sliced->block());
    program = std::make_shared<const Program>(sliced);
  }
  return program;
}

void PieceCache::share_weights(torch::jit::Block* block) {
  const at::NoGradGuard no_grad;
  for (torch::jit::Node* node : block->nodes()) {
    for (torch::jit::Block* inner : node->blocks()) share_weights(inner);
    const bool is_tensor = node->kind() == c10::prim::Constant && node->hasAttribute(c10::attr::value) &&
                           node->kindOf(c10::attr::value) == torch::jit::AttributeKind::t;
    if (!is_tensor || !node->t(c10::attr::value).defined()) continue;
    const at::Tensor weight = node->t(c10::attr::value);
    auto& known = weights_[weight.sizes().vec()];
    const auto same = std::find_if(known.begin(), known.end(), [&](const auto& w) { return same_values(w, weight); });
    if (same == known.end()) {
      known.push_back(weight);
    } else {
      node->t_(c10::attr::value, *same);
    }
  }
}

std::shared_ptr<PieceCache> Programs::frozen() {
  const std::lock_guard<std::mutex> lock(mutex_);
  auto now = fingerprint();
  if (!frozen_ || now != fingerprint_) {
    frozen_ = std::make_shared<PieceCache>(freeze(live_->graph(), module_));
    fingerprint_ = std::move(now);
  }
  return frozen_;
}

void Programs::refresh() {
  const std::lock_guard<std::mutex> lock(mutex_);
  frozen_.reset();
}

Programs::Fingerprint Programs::fingerprint() const {
  Fingerprint fingerprint;
  const auto add = [&](const at::Tensor& tensor) {
    fingerprint.emplace_back(tensor.defined() ? tensor.unsafeGetTensorImpl() : nullptr, 0);
    if (!tensor.defined()) return;
    fingerprint.back().second = tensor.is_inference() ? 0 : static_cast<int64_t>(tensor._version());
    fingerprint.emplace_back(tensor.has_storage() ? tensor.storage().data() : nullptr, 0);
  };
  for (const auto& parameter : module_.parameters()) add(parameter);
  for (const auto& buffer : module_.buffers()) add(buffer);
  return fingerprint;
}

}  // namespace attune
