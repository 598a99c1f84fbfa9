// A spec and a model become one differentiable tensor.
#pragma once

#include <ATen/core/Tensor.h>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <attune/catalogue.h>
#include <attune/maps.h>
#include <attune/sdk/matcher.h>
#include <attune/sdk/model.h>
#include <attune/spec.h>

namespace attune {

// One term's agreement, sample by sample; [T,N] for T targets of N samples, on the model's device, without graph.
struct TermReport {
  std::string name;
  double weight = 1;
  at::Tensor values;      // h, larger is more alike
  at::Tensor degenerate;  // boolean: a map was constant (of a pair among several too, or what an input was made from),
                          // so that h is 0 without gradient
  at::Tensor saturated;   // boolean: nearly every cell of a mask was 0 or 1
};

struct LossResult {
  at::Tensor loss;              // scalar; with a graph where autograd was on
  at::Tensor scores;            // [N,K], the model's raw output, without graph
  std::vector<Target> targets;  // T of them
  std::vector<TermReport> terms;
};

// What was computed on the way, for figures: every map, and what matchers show. Tensors [N,..] without graph.
struct LossTrace {
  struct Item {
    size_t target;      // index of LossResult::targets
    std::string match;  // names of the terms that the matcher works for, "" for the maps of the input itself
    std::string name;   // of the map ("cam", "cam again"), or what the matcher calls it ("mask", "masked input")
    at::Tensor values;
    bool at_input_resolution;
    std::optional<Shown> shown;  // what a matcher shows; nothing: a map
    at::Tensor input;            // that a map was computed on again, [N,C,S1..Sd]; undefined: the input of the loss
    std::vector<std::string> layers;  // that a map came from, see AttentionMap
  };
  std::vector<Item> items;
};

// One step of what a batch costs.
struct PassPlan {
  enum class Kind { forward, backward, loss_backward };
  Kind kind = Kind::forward;
  std::string on;           // "input", "input made by mask (agreement)"
  std::string gives;        // "scores, cam, gb", "cam"
  double passes = 1;        // how many, for one target
  bool whole = true;        // false: a backward pass from the score to a layer only
  bool recorded = false;    // kept for the gradient of the loss
  bool per_target = false;  // once for every target
};

// Models by the names that a spec gives them.
using OtherModels = std::map<std::string, std::shared_ptr<Model>>;

// The loss of a spec (Mirzazadeh et al. 2022, Eq. 1, 2 and 6, Algorithm 1):
//
//   loss = - sum over terms of weight * reduction over samples and targets of h,
//   h    = mean over the matcher's pairs of correlation(normalise(a), normalise(b))
//
// Maps of one input share one forward pass; a map that several terms need is computed once, and terms of equal maps and
// equal match share it. The class that is explained is chosen on the input and kept for every map. Evaluation-mode
// statistics are used throughout, and the model's mode, flags and `.grad` stay as they are.
class ConsistencyLoss {
 public:
  // The models that the spec names are read from their files, unless `others` has them by their names. Throws
  // Error(Fault::spec) or Error(Fault::usage) for a spec that does not fit the catalogue, the model or the labels.
  ConsistencyLoss(std::shared_ptr<Model> model, const Spec& spec, const Catalogue& catalogue, const Labels& labels = {},
                  const OtherModels& others = {});
  ~ConsistencyLoss();
  ConsistencyLoss(ConsistencyLoss&&) noexcept;
  ConsistencyLoss& operator=(ConsistencyLoss&&) noexcept;

  // The loss of a batch [N,C,S1..Sd] on the model's device. With autograd on, loss.backward() reaches the model's
  // parameters and, when it requires a gradient, the input; with it off the cheaper passes without graph are run.
  // Samples whose map is constant have h = 0 and no gradient, and count in the mean. Throws Error(Fault::run) when a
  // map or a term is not finite or maps cannot be matched, Error(Fault::spec) when a gradient is wanted through a
  // component that has none. `annotation` is what compute_maps() takes, where needs_annotation().
  LossResult operator()(const at::Tensor& input, LossTrace* trace = nullptr, const at::Tensor& annotation = {}) const;

  // Whether a map of a term is the samples' annotation.
  bool needs_annotation() const;

  // Methods that draw random numbers draw others in every call: seeds `next`, `next` + 1, ... from the next call on;
  // from 0 on unless said.
  void seed(uint64_t next) const;

  // What a call costs, with a backward pass of the loss or without; nothing is run.
  std::vector<PassPlan> plan(bool gradient) const;

  const Spec& spec() const;
  // The model, looked at by the output that the targets name; and the targets.
  const std::shared_ptr<Model>& model() const;
  const std::vector<TargetChoice>& targets() const;
  const std::vector<MapRequest>& maps() const;  // those that terms use, in the order of the spec

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace attune
