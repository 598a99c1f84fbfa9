// Training strategies: what a step does with a batch. Each is an entry of strategies.cpp and of its table, which the
// reader of configs, their schema and their resolved copy read, and training.
#pragma once

#include <array>
#include <limits>
#include <string>
#include <string_view>
#include <vector>

namespace attune {

// Of what a step has; NaN otherwise.
struct StepReport {
  double loss = std::numeric_limits<double>::quiet_NaN();              // of labels
  double consistency_loss = std::numeric_limits<double>::quiet_NaN();  // before alpha
  double unlabelled_loss = std::numeric_limits<double>::quiet_NaN();   // of pictures without labels, before alpha
  double gradient_norm = std::numeric_limits<double>::quiet_NaN();     // before clipping, of the last update
  double rate = 0;
};

// What a strategy makes its steps of.
//
// Where both losses are taken, the labels' graph has been walked back and freed before the consistency loss looks at
// the model, so that running statistics never change under a graph that still needs them.
class TrainingStep {
 public:
  virtual ~TrainingStep() = default;

  // Each adds the gradient of a loss to the parameters' and gives the loss: of the labels, in training mode; and of the
  // spec, with evaluation statistics, whose gradient counts so much. Throws Error(Fault::run) when it is not finite.
  virtual double add_label_loss() = 0;
  virtual double add_consistency_loss(double weight) = 0;
  // Likewise, in training mode: of two views of the batch, and of pictures without labels, of which the model labels
  // one view and learns another.
  virtual double add_contrastive_loss() = 0;
  virtual double add_pseudo_label_loss(double weight) = 0;

  // Moves the parameters along their gradients and forgets these: the norm that they had. The second is with the
  // stage's "consistency_optimizer" where it has one. Throws Error(Fault::run) when the gradient is not finite.
  virtual double update() = 0;
  virtual double update_for_consistency() = 0;

  virtual double alpha() const = 0;  // of the stage
};

struct Strategy {
  const char* name = "";
  const char* help = "";
  // Keys of a stage that not every strategy reads; of_some() in config/train_keys.cpp.
  std::array<std::string_view, 6> keys = {};
  double passes = 1;  // roughly how many forward passes a sample takes
  void (*step)(TrainingStep& step, StepReport& report) = nullptr;

  bool reads(std::string_view key) const;
  // Whether its steps train features with two views of each picture, but not the scores: no epoch is better than the
  // last.
  bool leaves_scores() const { return reads("projection"); }
  // Whether its steps take pictures without labels beside those with labels.
  bool takes_unlabelled() const { return reads("ratio"); }
};

namespace strategies {

extern const Strategy supervised;
extern const Strategy finetune;
extern const Strategy combined;
extern const Strategy alternated;
extern const Strategy simclr;
extern const Strategy fixmatch;

const std::vector<const Strategy*>& all();
std::vector<std::string> names();
// One of all.
const Strategy& named(const std::string& name);

}  // namespace strategies
}  // namespace attune
