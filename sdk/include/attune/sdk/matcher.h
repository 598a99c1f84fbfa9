// The interface of resolution matchers: they bring maps of different sizes to one size.
#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include <ATen/core/Tensor.h>

#include <attune/sdk/export.h>
#include <attune/sdk/map.h>

namespace attune {

// Pairs of maps with equal sizes, ready to be compared; a term's h is the mean over the pairs.
using MatchedPairs = std::vector<std::pair<AttentionMap, AttentionMap>>;

// Which maps a matcher computes once more, and from what.
struct Reruns {
  std::vector<size_t> maps;     // will be recomputed
  std::vector<size_t> sources;  // used for nothing but the inputs of recompute(): where the spec stops the gradient
                                // there, they are computed without a graph
};

// What a tensor that a matcher shows is, and so how a figure draws it.
enum class Shown {
  mask,   // [N,1,S1..Sd] or [N,C,S1..Sd], from 0 (hidden) to 1 (kept)
  input,  // [N,C,S1..Sd], as the model is given it: preprocessing is undone
};

// What a matcher may ask for while it matches.
class ATTUNE_SDK_API MatchContext {
 public:
  virtual ~MatchContext();

  // [N,C,S1..Sd], the input whose maps are matched.
  virtual const at::Tensor& input() const = 0;
  // What is known of the maps that match() is given, in their order.
  virtual const std::vector<MapInfo>& maps() const = 0;
  // The map at index `map` computed once more on `input` [N,C,S1..Sd], for the same classes. Only maps that
  // Reruns::maps declared. Several maps on the same tensor share one forward pass.
  virtual AttentionMap recompute(size_t map, const at::Tensor& input) = 0;
  // Which samples ([N], boolean) are reported as saturated: nearly every cell of a mask of theirs is 0 or 1, and so it
  // has almost no gradient.
  virtual void saturated(const at::Tensor& rows) = 0;
  // Hands a tensor to whoever draws figures; no effect on the result.
  virtual void show(const std::string& name, Shown what, const at::Tensor& tensor) = 0;
};

// Made once from its parameters and then called concurrently: it holds no mutable state.
class ATTUNE_SDK_API ResolutionMatcher {
 public:
  virtual ~ResolutionMatcher();

  // What match() will recompute, declared before anything runs so that passes can be planned; nothing unless
  // overridden. Throws Error(Fault::spec) when the maps do not suit the matcher.
  virtual Reruns reruns(const std::vector<MapInfo>& maps) const;

  // Differentiable with respect to every map. Throws Error(Fault::run) when the maps cannot be matched.
  virtual MatchedPairs match(MatchContext& context, const std::vector<AttentionMap>& maps) const = 0;
};

}  // namespace attune
