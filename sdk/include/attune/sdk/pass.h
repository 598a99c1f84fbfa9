// One forward pass of a model, as a method sees it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <attune/sdk/export.h>
#include <attune/sdk/target.h>

namespace attune {

class Model;

// How a gradient passes the rectifiers (ReLU and its relatives) of a model. g is the gradient that arrives from above
// and a the rectifier.
enum class Rectifier {
  standard,   // g a'(x): the ordinary gradient
  guided,     // max(g, 0) a'(x): guided backpropagation (Springenberg et al. 2015, "Striving for Simplicity", section 3.4)
  deconvnet,  // max(g, 0): deconvolutional network (Zeiler and Fergus 2014, section 2.1)
};

// What is read of a layer.
struct Capture {
  enum Kind {
    spatial,    // its activation as [N,C,S1..Sd], whatever layout the model itself uses (channels last, tokens)
    raw,        // its activation as the layer gave it, with all of its tokens
    attention,  // [N,H,Q,K]: how much of each of K positions each of Q takes in, in H heads; of LayerInfo::attention
  };
  std::string layer;  // "auto" is the model's own choice, the last spatial layer
  Kind kind = spatial;
};

inline bool operator==(const Capture& a, const Capture& b) { return a.layer == b.layer && a.kind == b.kind; }

// What a method asks of a forward pass. The host takes the union over all maps of an input and runs the model once.
struct Needs {
  std::vector<Capture> captures;
  // Gradients with respect to the captures will be asked for, also of what resume() makes of raw ones: those carry the
  // pass's graph.
  bool gradients = false;
  bool input_gradient = false;  // a gradient with respect to the input will be asked for
  // How often Pass::gradients() will be called for one map, at most: the last call over all maps frees what the forward
  // pass has recorded. 0: not known beforehand, nothing is freed early.
  int64_t gradient_calls = 0;
  // The passes that one map takes, this one included, where parameters or the model decide how many; for the plan of
  // passes, which counts forward passes once for all targets and backward passes once for each. Both 0: what the
  // descriptor says.
  double forward_passes = 0;
  double backward_passes = 0;
};

// One map's view of one forward pass: everything here comes from that pass, nothing is run twice.
class ATTUNE_SDK_API Pass {
 public:
  virtual ~Pass();

  // [N,C,S1..Sd], what the model was given.
  virtual const at::Tensor& input() const = 0;
  // [N,K], the model's raw scores (logits).
  virtual const at::Tensor& output() const = 0;
  // One of Needs::captures. Throws Error(Fault::run) for one that was not declared.
  virtual at::Tensor captured(const Capture& capture) = 0;
  // [N,C,S1..Sd], the spatial capture of a layer.
  at::Tensor activation(const std::string& layer) { return captured({layer, Capture::spatial}); }
  // The layer's own name: of "auto" what it stands for.
  virtual std::string layer(const std::string& name) = 0;
  // What an affine layer (LayerInfo::affine) adds to a linear function of its input, in a shape that broadcasts against
  // the capture, which is spatial or raw. Differentiable when wants_graph(). Undefined for other layers.
  virtual at::Tensor bias(const Capture& capture) = 0;
  // [N], the output's entry for each sample's class.
  at::Tensor score(const Target& target) const;
  // True when the map must carry an autograd graph to the model's parameters and the input. When false, the method's
  // result needs no graph and gradients() builds none.
  virtual bool wants_graph() const = 0;

  // The gradients of sum(`score`) with respect to each of `of` (the input or captures of this pass), in one backward
  // pass; zeros where the score does not depend on a tensor. Differentiable when wants_graph() and autograd is on. Throws
  // Error(Fault::run) when it is called more often than Needs::gradient_calls said, and
  // Error(Fault::input) for Rectifier::guided and Rectifier::deconvnet when the model has no rectifier at all.
  virtual std::vector<at::Tensor> gradients(const at::Tensor& score, const std::vector<at::Tensor>& of,
                                            Rectifier rectifier = Rectifier::standard) = 0;

  // The model's output [kN,K] when a capture, spatial or raw, is replaced by `activation`, of as many dimensions and of
  // kN rows (grouped by sample, as Target::repeat groups them). Runs only what lies behind the layer.
  virtual at::Tensor resume(const Capture& capture, const at::Tensor& activation) = 0;

  virtual Model& model() = 0;
  // The source of randomness of this map: draw once and broadcast over the batch, so that a batch equals its samples.
  virtual at::Generator generator() = 0;

  // Growth without a new major version: an interface that later hosts may have, by its id ("vendor.name/1"), to be cast
  // to the type that its documentation names. Lives as long as the pass. nullptr for an id that this host does not know,
  // which a method must do without or refuse. attune/sdk/rules.h is one.
  virtual void* extension(const char* id);
};

}  // namespace attune
