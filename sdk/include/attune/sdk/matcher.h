// The interface of resolution matchers: they bring maps of different sizes to one size.
#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>
#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <attune/sdk/export.h>
#include <attune/sdk/map.h>

namespace attune {

// Pairs of maps with equal sizes, ready to be compared; a term's h is the mean over the pairs.
using MatchedPairs = std::vector<std::pair<AttentionMap, AttentionMap>>;

// Which maps a matcher computes once more, and from what. A matcher with neither maps nor sources makes no inputs.
struct Reruns {
  std::vector<size_t> maps;     // will be recomputed
  std::vector<size_t> sources;  // used for nothing but the inputs of recompute(): where the spec stops the gradient
                                // there, they are computed without a graph
  int64_t inputs = 1;           // how many inputs are made, on each of which every one of `maps` is recomputed
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
  // Hands over an input that was made: terms that score the model's answer look at it, and where there are several at
  // all of them. One that maps were just recomputed on shares their forward pass.
  virtual void made(const at::Tensor& input) = 0;
  // The source of randomness of this match: draw once and broadcast over the batch, so that a batch equals its samples.
  virtual at::Generator generator() = 0;
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

  // Differentiable with respect to every map. No pairs where there is nothing to compare, as of a mask's source alone:
  // terms that compare are refused then. Throws Error(Fault::run) when the maps cannot be matched.
  virtual MatchedPairs match(MatchContext& context, const std::vector<AttentionMap>& maps) const = 0;
};

}  // namespace attune
