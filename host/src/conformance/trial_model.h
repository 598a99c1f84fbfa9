// A model of somebody's own that methods are checked on, where they need another kind than the small ones.
#pragma once

#include <ATen/core/Tensor.h>
#include <cstdint>
#include <memory>
#include <vector>

#include <attune/model.h>

namespace attune::conformance {

class TrialModel {
 public:
  // `input` is the shape of one, [C,S1..Sd]. Throws Error(Fault::input) unless the model takes it in float32 and in
  // float64, alone and in a batch.
  TrialModel(const ImageModel& model, std::vector<int64_t> input);

  std::unique_ptr<ImageModel> copy(at::ScalarType type) const { return model_.copy(type); }
  // [samples,C,S1..Sd]
  std::vector<int64_t> input(int64_t samples) const;
  int rank() const { return static_cast<int>(input_.size()) - 1; }
  int64_t classes() const { return classes_; }

 private:
  int64_t classes_in(at::ScalarType type) const;

  const ImageModel& model_;
  std::vector<int64_t> input_;
  int64_t classes_ = 0;
};

}  // namespace attune::conformance
