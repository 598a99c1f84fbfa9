// What is learned of pictures without labels: that two views of one are alike, and what the model itself says of one.
#pragma once

#include <ATen/core/Tensor.h>
#include <cstdint>
#include <string>
#include <vector>

#include "config/train_config.h"
#include "metrics/metric.h"
#include "model/run/training_model.h"

namespace attune {

// NT-Xent of N pairs of views [N,D], mean over all 2N views (Chen et al., "A Simple Framework for Contrastive Learning
// of Visual Representations", 2020, equation 1): the cross-entropy of finding a view's partner among the 2N - 1 others
// by their cosines over the temperature.
at::Tensor nt_xent(const at::Tensor& first, const at::Tensor& second, double temperature);

// What a model's scores [N,K] are taken for as labels where it is sure. Of exclusive classes, the likeliest where its
// probability reaches the threshold (Sohn et al., "FixMatch", 2020, equation 4); of others, a class where its
// probability reaches it, and none where 1 less that does.
struct PseudoLabels {
  at::Tensor labels;   // [N,K], 0 or 1
  at::Tensor weights;  // [N,K], 0 where it is not sure
  double share = 0;    // of what the model is sure: of samples, or of samples and classes
};
PseudoLabels pseudo_labels(Objective kind, const at::Tensor& scores, double threshold);

// The mean of the objective over all samples, those that the model is not sure of counting as 0.
at::Tensor pseudo_label_loss(Objective kind, const at::Tensor& scores, const PseudoLabels& labels);

// SimCLR's projection head: the first of its two layers stands in the place of the model's last one.
class Projection {
 public:
  // Drawn. Throws Error(Fault::spec) when the config's layer is no linear layer or 1x1 convolution of the model.
  Projection(const ProjectionConfig& config, const TrainingModel& model, uint64_t seed);

  // Of a batch, in the model's mode: [N,size]. `output` as in ModelOptions.
  at::Tensor operator()(TrainingModel& model, const at::Tensor& input, const std::string& output) const;

  // Of both layers, for an optimiser and by name.
  std::vector<at::Tensor> parameters() const;
  NamedTensors state() const;
  // Copies those values into them. Throws Error(Fault::input) when names or shapes differ.
  void set_state(const NamedTensors& state);

 private:
  std::string layer_;
  HeadParameters first_;
  HeadParameters second_;
};

}  // namespace attune
