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

Reruns ResolutionMatcher::reruns(const std::vector<MapInfo>&) const { return {}; }

}  // namespace attune
