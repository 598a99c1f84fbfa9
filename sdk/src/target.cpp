#include <attune/sdk/error.h>
#include <attune/sdk/pass.h>
#include <attune/sdk/target.h>

namespace attune {

Target Target::repeat(int64_t times) const { return {classes.repeat_interleave(times)}; }

Target Target::select(const at::Tensor& rows) const { return {classes.index_select(0, rows)}; }

at::Tensor Pass::score(const Target& target) const {
  const at::Tensor& scores = output();
  if (target.classes.dim() != 1 || target.classes.size(0) != scores.size(0)) {
    throw Error(Fault::run, "a score needs one class per sample: the target has " +
                                std::to_string(target.classes.numel()) + " and the pass " +
                                std::to_string(scores.size(0)) + " samples");
  }
  return scores.gather(1, target.classes.unsqueeze(1)).squeeze(1);
}

}  // namespace attune
