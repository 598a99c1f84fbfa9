// The destructors are the interfaces' key functions: their virtual tables and type information live in this library
// only, so that host and plugins agree on them.
#include <attune/sdk/plugin.h>

namespace attune {

AttentionMethod::~AttentionMethod() = default;
Correlation::~Correlation() = default;
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

}  // namespace attune
