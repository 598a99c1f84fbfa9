// What the methods share that combine the feature maps of one layer: A, and the gradient g of the score there, both
// [N,C,S1..Sd].
#pragma once

#include <ATen/TensorOperators.h>
#include <ATen/core/Tensor.h>
#include <ATen/ops/matmul.h>
#include <ATen/ops/relu.h>
#include <string>
#include <utility>
#include <vector>

#include <attune/sdk/plugin.h>

namespace attune::plugins {

inline ParameterDeclaration layer_parameter() {
  return layer("layer", "auto", "Layer whose feature maps are combined; auto is the last with spatial extent");
}

inline ParameterDeclaration relu_parameter() { return boolean("relu", false, "Keep the positive part only"); }

// Of a method that takes one backward pass from the score to its layer.
inline Descriptor cam_descriptor(std::string id, std::string title) {
  Descriptor d;
  d.id = std::move(id);
  d.title = std::move(title);
  d.groups = {"cam"};
  d.reads = {"features", "gradients"};
  d.parameters = {layer_parameter(), relu_parameter()};
  d.forward_passes = 1;
  d.backward_passes = 1;  // from the score to the layer only
  return d;
}

// One number for each channel, [rows,C], beside its cells.
inline at::Tensor beside_cells(const at::Tensor& numbers, const at::Tensor& features) {
  auto shape = std::vector<int64_t>(static_cast<size_t>(features.dim()), 1);
  shape[0] = -1;
  shape[1] = features.size(1);
  return numbers.view(shape);
}

// sum_c w_c A_c of weights [N,C]: [N,1,S1..Sd].
inline at::Tensor weighted_sum(const at::Tensor& weights, const at::Tensor& features) {
  auto shape = features.sizes().vec();
  shape[1] = 1;
  return at::matmul(weights.unsqueeze(1), features.flatten(2)).view(shape);
}

// How a map [N,1,S1..Sd] is made of A and g.
using CamFormula = at::Tensor (*)(const at::Tensor& features, const at::Tensor& gradient);

// A method that is no more than its formula. `relu` is for formulas that give both signs.
template <CamFormula formula>
class GradientCam final : public AttentionMethod {
 public:
  explicit GradientCam(const Parameters& parameters)
      : layer_(parameters.string("layer")),
        relu_(parameters.values().count("relu") > 0 && parameters.boolean("relu")) {}

  Needs needs(const Model&) const override {
    Needs needs;
    needs.captures = {{layer_}};
    needs.gradients = true;
    needs.gradient_calls = 1;
    return needs;
  }

  AttentionMap attend(Pass& pass, const Target& target) const override {
    const at::Tensor features = pass.activation(layer_);
    const at::Tensor gradient = pass.gradients(pass.score(target), {features})[0];
    const at::Tensor map = formula(features, gradient);
    return {relu_ ? at::relu(map) : map, false, {layer_}};
  }

 private:
  std::string layer_;
  bool relu_;
};

// A method that reads the feature maps alone: its map is the same for every target.
class FeatureMethod : public AttentionMethod {
 public:
  explicit FeatureMethod(const Parameters& parameters) : layer_(parameters.string("layer")) {}

  Needs needs(const Model&) const override {
    Needs needs;
    needs.captures = {{layer_}};
    return needs;
  }

  AttentionMap attend(Pass& pass, const Target&) const override {
    return {map_of(pass.activation(layer_), pass), false, {layer_}};
  }

  std::vector<AttentionMap> attend(Pass& pass, const std::vector<Target>& targets) const override {
    if (targets.empty()) return {};
    return std::vector<AttentionMap>(targets.size(), attend(pass, targets[0]));
  }

 protected:
  // [N,1,S1..Sd]
  virtual at::Tensor map_of(const at::Tensor& features, Pass& pass) const = 0;

 private:
  std::string layer_;
};

}  // namespace attune::plugins
