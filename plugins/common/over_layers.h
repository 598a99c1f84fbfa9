// Wrappers that join the maps that one method makes of several layers.
#pragma once

#include <ATen/TensorOperators.h>
#include <ATen/ops/relu.h>
#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <attune/sdk/error.h>
#include <attune/sdk/plugin.h>

#include "common/matching.h"

namespace attune::plugins {

inline Descriptor over_layers_descriptor(std::string id, std::string title, const std::string& of) {
  Descriptor d;
  d.id = std::move(id);
  d.title = std::move(title);
  d.parameters = {
      method("of", {of, {}}, "Method whose maps are joined; one that has a parameter `layer`"),
      layers("layers", {"auto"}, "Layers that it is asked for"),
  };
  d.forward_passes = 1;
  d.backward_passes = 1;
  d.at_input_resolution = true;
  return d;
}

// The positive part of a map, at the size of `extents` and from 0 to 1 in each sample; 0 where nothing is positive.
inline at::Tensor heat(const at::Tensor& map, const std::vector<int64_t>& extents) {
  const at::Tensor enlarged = resized(at::relu(map), extents, /*align_corners=*/false);
  auto ones = std::vector<int64_t>(static_cast<size_t>(enlarged.dim()), 1);
  ones[0] = enlarged.size(0);
  const at::Tensor flat = enlarged.flatten(1);
  const at::Tensor least = flat.amin(1).view(ones), range = flat.amax(1).view(ones) - least;
  return (enlarged - least) / (range + (range == 0));
}

// The heat of one more layer beside what those before have given.
using Joining = at::Tensor (*)(const at::Tensor& before, const at::Tensor& more);

template <Joining join>
class OverLayers : public AttentionMethod {
 public:
  OverLayers(const Parameters& parameters, Parts& parts)
      : nested_(parts.descriptor("of")), layers_(parameters.layers("layers")) {
    check(parameters.method("of"));
    for (const std::string& layer : layers_) methods_.push_back(parts.method("of", {{"layer", layer}}));
  }

  // One pass serves all layers, but for the passes that the method runs itself.
  Needs needs(const Model& model) const override {
    Needs all;
    bool counted = true;
    all.forward_passes = 1;
    for (const auto& method : methods_) {
      const Needs one = method->needs(model);
      for (const Capture& capture : one.captures) {
        const bool is_known = std::find(all.captures.begin(), all.captures.end(), capture) != all.captures.end();
        if (!is_known) all.captures.push_back(capture);
      }
      all.gradients = all.gradients || one.gradients;
      all.input_gradient = all.input_gradient || one.input_gradient;
      all.gradient_calls += one.gradient_calls;
      counted = counted && (one.gradient_calls > 0 || !(one.gradients || one.input_gradient));
      const bool said = one.forward_passes > 0 || one.backward_passes > 0;
      all.forward_passes += (said ? one.forward_passes : nested_.forward_passes) - 1;
      all.backward_passes += said ? one.backward_passes : nested_.backward_passes;
    }
    if (!counted) all.gradient_calls = 0;
    return all;
  }

  AttentionMap attend(Pass& pass, const Target& target) const override {
    return attend(pass, std::vector<Target>{target})[0];
  }

  std::vector<AttentionMap> attend(Pass& pass, const std::vector<Target>& targets) const override {
    const auto extents = plugins::extents(pass.input());
    std::vector<AttentionMap> joined(targets.size(), {{}, true, layers_});
    for (const auto& method : methods_) {
      const auto maps = method->attend(pass, targets);
      if (maps.size() != targets.size()) throw Error(Fault::run, "the nested method gave no map for each target");
      for (size_t t = 0; t < maps.size(); ++t) {
        at::Tensor& values = joined[t].values;
        const at::Tensor more = heat(maps[t].values, extents);
        values = values.defined() ? join(values, more) : more;
      }
    }
    return joined;
  }

 protected:
  size_t count() const { return layers_.size(); }

 private:
  void check(const ComponentSpec& of) const {
    if (layers_.empty()) throw Error(Fault::spec, "parameter \"layers\" must name a layer at least");
    const auto& declared = nested_.parameters;
    const bool has_layer = std::any_of(declared.begin(), declared.end(), [](const ParameterDeclaration& one) {
      return one.name == "layer" && one.type == ParameterType::layer;
    });
    if (!has_layer) {
      throw Error(Fault::spec,
                  "parameter \"of\" must be a method with a parameter \"layer\", which \"" + of.id + "\" has not");
    }
    const std::string layer = std::get<std::string>(of.parameters.at("layer"));
    if (layer == "auto") return;
    throw Error(Fault::spec, "parameter \"of\" names the layer \"" + layer + "\"; name it in \"layers\"");
  }

  Descriptor nested_;
  std::vector<std::string> layers_;
  std::vector<std::unique_ptr<AttentionMethod>> methods_;
};

}  // namespace attune::plugins
