#include "model/run/programs.h"

namespace attune {

std::shared_ptr<const Program> PieceCache::get(const Piece& piece) {
  const std::lock_guard<std::mutex> lock(mutex_);
  auto& program = programs_[piece.key()];
  if (!program) program = std::make_shared<const Program>(slice(graph_, piece, made_));
  return program;
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

Programs& Programs::ruled(const Ruling& ruling) {
  const std::lock_guard<std::mutex> lock(mutex_);
  auto& programs = ruled_[ruling.key()];
  if (!programs) programs = std::make_unique<Programs>(module_, with_rules(live_->graph(), ruling));
  return *programs;
}

void Programs::refresh() {
  const std::lock_guard<std::mutex> lock(mutex_);
  frozen_.reset();
  for (const auto& [key, programs] : ruled_) programs->refresh();
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
