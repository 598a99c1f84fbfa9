#include <ATen/core/grad_mode.h>
#include <ATen/ops/isfinite.h>
#include <algorithm>
#include <limits>

#include <attune/maps.h>
#include <attune/sdk/error.h>

#include "maps/attend.h"

namespace attune {

MapSet compute_maps(Model& model, const at::Tensor& input, const std::vector<MapRequest>& requests,
                    const std::vector<TargetChoice>& choices, bool graph, uint64_t seed) {
  MapRequests wanted;
  for (const MapRequest& request : requests) wanted.push_back(&request);
  int64_t most = 0;  // a topK of more classes than there are gives fewer
  for (const TargetChoice& choice : choices) most += choice.count(std::numeric_limits<int64_t>::max());
  const auto pass = model.forward(input, union_of_needs(model, wanted, most), graph);
  const at::AutoGradMode mode(true);  // scores lead to gradients; without `graph` nothing else is recorded
  if (!at::isfinite(pass->output().detach()).all().item<bool>()) {
    throw Error(Fault::run, "the model's scores are not finite (NaN or infinity)");
  }
  MapSet set;
  set.scores = graph ? pass->output() : pass->output().detach();
  for (const TargetChoice& choice : choices) {
    for (Target& target : choice.resolve(pass->output())) set.targets.push_back(std::move(target));
  }
  for (const MapRequest& request : requests) set.maps.push_back(attend(request, *pass, set.targets, seed));
  return set;
}

}  // namespace attune
