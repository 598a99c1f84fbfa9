// A vision model, as a method sees it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <attune/sdk/export.h>
#include <attune/sdk/pass.h>

namespace attune {

// A submodule call whose output can be captured.
struct LayerInfo {
  std::string name;        // attribute path, "layer4.2.conv3"; a second call of the same module is "relu@2"
  std::string type;        // class name without its package, "Conv2d"
  bool attention = false;  // an attention block: its probabilities can be captured
  bool affine = false;     // a linear function of its input and a bias, which Pass::bias() has
};

class ATTUNE_SDK_API Model {
 public:
  virtual ~Model();

  // Every layer whose output can be captured, in the order in which the model finishes them.
  virtual const std::vector<LayerInfo>& layers() const = 0;

  // A parameter or buffer by its attribute path ("fc.weight"). Throws Error(Fault::run) with the nearest names.
  virtual at::Tensor parameter(const std::string& name) const = 0;

  // Runs the model once on `input` [N,C,S1..Sd] and keeps what `needs` asks for. `graph`: whether maps computed from the
  // pass must be differentiable with respect to parameters and input. `generator` is the pass's source of randomness,
  // a fixed one when it is not given. Throws Error(Fault::input) when the model does not take such an input or a layer
  // is unknown.
  virtual std::unique_ptr<Pass> forward(const at::Tensor& input, const Needs& needs, bool graph,
                                        const at::Generator& generator = {}) = 0;

  // The raw output [rows,K] of many inputs, none of which need exist at once: make(begin, end) gives the inputs of
  // those rows [end-begin,C,S1..Sd] and is called with chunks that the host sizes. Every target's scores are among
  // them. No graph.
  virtual at::Tensor outputs(int64_t rows, const std::function<at::Tensor(int64_t begin, int64_t end)>& make) = 0;
};

}  // namespace attune
