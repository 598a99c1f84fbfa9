// What a model makes of many versions of one layer's activations, none of which need exist at once: an extension of
// passes.
//
//   auto* tail = static_cast<Tail*>(pass.extension(Tail::id));  // nullptr: this host has none
#pragma once

#include <ATen/core/Tensor.h>
#include <cstdint>
#include <functional>

#include <attune/sdk/pass.h>

namespace attune {

// Lives as long as its pass. Runs what lies behind the layer alone; what the model computes beside the layer, such as
// the other side of a residual connection, is that of the pass, computed once for each sample.
class Tail {
 public:
  static constexpr const char* id = "attune.tail/1";

  // [first row, last row)
  using Make = std::function<at::Tensor(int64_t begin, int64_t end)>;

  // The outputs [rows,K], as Pass::resume() gives them, when a capture, spatial or raw, is replaced. `rows` is a
  // multiple of the pass's samples, grouped by them as Target::repeat() groups them; make(begin, end) gives the
  // activations of those rows, of the capture's other dimensions, and is called with chunks that the host sizes.
  // Every target's scores are among the outputs. Differentiable when the pass wants a graph and autograd is on; then
  // all chunks are recorded. Throws Error(Fault::run) for a capture that was not declared and for other shapes.
  virtual at::Tensor outputs(const Capture& capture, int64_t rows, const Make& make) = 0;

 protected:
  ~Tail() = default;
};

}  // namespace attune
