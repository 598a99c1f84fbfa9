// The destructors are the interfaces' key functions: their virtual tables and type information live in this library
// only, so that host and plugins agree on them.
#include <ATen/ops/arange.h>
#include <string>
#include <utility>

#include <attune/sdk/abi.h>
#include <attune/sdk/error.h>
#include <attune/sdk/plugin.h>

const char ATTUNE_ABI_FENCE = 0;

namespace attune {

Error::Error(Fault fault, const std::string& message) : std::runtime_error(message), fault_(fault) {}

AttentionMethod::~AttentionMethod() = default;
Correlation::~Correlation() = default;
Error::~Error() = default;
MatchContext::~MatchContext() = default;
Model::~Model() = default;
Parts::~Parts() = default;
Pass::~Pass() = default;
Registry::~Registry() = default;
ResolutionMatcher::~ResolutionMatcher() = default;

std::vector<AttentionMap> AttentionMethod::attend(Pass& pass, const std::vector<Target>& targets) const {
  std::vector<AttentionMap> maps;
  at::Generator generator = pass.generator();
  const at::Tensor start = targets.size() > 1 ? generator.get_state() : at::Tensor();
  for (const Target& target : targets) {
    if (!maps.empty()) generator.set_state(start);  // every target draws the same
    maps.push_back(attend(pass, target));
  }
  return maps;
}

void* Pass::extension(const char*) { return nullptr; }

Reruns ResolutionMatcher::reruns(const std::vector<MapInfo>&) const { return {}; }

std::string to_string(ComponentKind kind) {
  constexpr const char* names[] = {"method", "matcher", "correlation"};
  return names[static_cast<size_t>(kind)];
}

Target::Target(at::Tensor classes) : rows_(std::move(classes)) {}

Target::Target(Score score, int64_t samples)
    : rows_(at::arange(samples, at::kLong)), score_(std::make_shared<const Score>(std::move(score))) {}

at::Tensor Target::score(const at::Tensor& output) const {
  if (output.dim() < 1 || rows_.dim() != 1 || rows_.size(0) != output.size(0)) {
    throw Error(Fault::run, "a score needs one class per sample: the target has " + std::to_string(rows_.numel()) +
                                " and the output " + std::to_string(output.dim() < 1 ? 0 : output.size(0)) + " rows");
  }
  if (!score_ && output.dim() != 2) {
    throw Error(Fault::run, "the score of a class is read from an output [rows,K], not from one of " +
                                std::to_string(output.dim()) + " dimensions");
  }
  if (!score_) return output.gather(1, rows_.unsqueeze(1)).squeeze(1);
  const at::Tensor scores = (*score_)(output, rows_.to(output.device()));
  if (scores.dim() == 1 && scores.size(0) == output.size(0)) return scores;
  throw Error(Fault::run, "a target gave no single number for each of " + std::to_string(output.size(0)) + " rows");
}

Target Target::repeat(int64_t times) const {
  Target repeated = *this;
  repeated.rows_ = rows_.repeat_interleave(times);
  return repeated;
}

Target Target::select(const at::Tensor& rows) const {
  Target selected = *this;
  selected.rows_ = rows_.index_select(0, rows.to(rows_.device()));
  return selected;
}

std::optional<at::Tensor> Target::classes() const {
  if (score_) return std::nullopt;
  return rows_;
}

at::Tensor Pass::score(const Target& target) const { return target.score(output()); }

}  // namespace attune
