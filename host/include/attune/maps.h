// From a batch of inputs to attention maps: one forward pass for all maps and targets.
#pragma once

#include <ATen/core/Tensor.h>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <attune/sdk/map.h>
#include <attune/sdk/method.h>
#include <attune/sdk/model.h>
#include <attune/sdk/target.h>

namespace attune {

// Class names by index, and the words a target is chosen with.
class Labels {
 public:
  Labels() = default;
  explicit Labels(std::vector<std::string> names) : names_(std::move(names)) {}

  bool empty() const { return names_.empty(); }
  size_t size() const { return names_.size(); }
  const std::vector<std::string>& names() const { return names_; }
  // "" when there is no such label.
  std::string name(int64_t index) const;
  // Throws Error(Fault::usage) for an unknown label (with the nearest) and for one that occurs twice (with its
  // indices).
  int64_t index(const std::string& label) const;

 private:
  std::vector<std::string> names_;
};

// What a user writes for a target: "top1", "top5" (any "topK"), an index, or a label.
class TargetChoice {
 public:
  // Throws Error(Fault::usage) when `text` is neither and no label either.
  static TargetChoice parse(const std::string& text, const Labels& labels);

  // The targets for scores [N,K]: one of each kind, K of them for "topK". Throws Error(Fault::usage) for an index that
  // the model does not have.
  std::vector<Target> resolve(const at::Tensor& scores) const;
  // How many that are for a model of `classes` classes.
  int64_t count(int64_t classes) const;

 private:
  int64_t top_ = 0;     // > 0: that many best classes
  int64_t index_ = -1;  // otherwise: this class
};

struct MapRequest {
  std::string name;  // unique among the maps of a call
  std::shared_ptr<const AttentionMethod> method;
  bool graph = true;  // false: without an autograd graph, also where the others have one
};

// The maps of one batch.
struct MapSet {
  at::Tensor scores;                            // [N,K], the model's raw output
  std::vector<Target> targets;                  // in the order of the choices
  std::vector<std::vector<AttentionMap>> maps;  // [request][target]
};

// Runs the model once on `input` [N,C,S1..Sd] and asks every method for every target. With `graph` the maps are
// differentiable. Random draws of methods are a function of `seed` and the map's name, so that two maps are independent
// and a map does not depend on which others are asked for. Throws Error(Fault::run) when a method fails, or gives a map
// of another batch size or one that is not finite; the sentence names the map.
MapSet compute_maps(Model& model, const at::Tensor& input, const std::vector<MapRequest>& requests,
                    const std::vector<TargetChoice>& targets, bool graph = false, uint64_t seed = 0);

}  // namespace attune
