// What one forward pass tells of a model's layers: shapes, and where their axes come from.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "model/layers/layout.h"
#include "model/run/graph_model.h"

namespace attune {

struct LayerVisit {
  std::string name;
  std::vector<int64_t> shape;
  std::optional<Axes> axes;  // where they can be told
};

struct Trial {
  std::vector<LayerVisit> visits;  // the layers that were finished, in order; of trial_of() their shapes for one row
  std::set<int64_t> scores;        // the sets of channels that the scores are
  bool failed = false;

  const LayerVisit* find(const std::string& layer) const;
  // Whether a layer's channels are the classes: nothing behind it mixes them.
  bool gives_scores(const LayerVisit& visit) const;
};

// Runs the model on `input` without gradients and watches it.
Trial try_out(GraphModel::State& state, const at::Tensor& input);

// Of one row like those of `input`; made once for each size of inputs.
std::shared_ptr<const Trial> trial_of(GraphModel::State& state, const at::Tensor& input);

// How the activation of a layer is read that has `shape` on `input`, see find_layout().
Layout layout_of(GraphModel::State& state, const std::string& layer, const std::vector<int64_t>& shape,
                 const at::Tensor& input);

}  // namespace attune
