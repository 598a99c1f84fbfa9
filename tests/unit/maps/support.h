// A model that counts, and methods that are made where they are needed.
#pragma once

#include <ATen/ATen.h>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <attune/maps.h>

#include "models.h"

namespace attune::test {

// A model that hands everything on, and remembers how it was asked.
class CountingModel final : public Model {
 public:
  explicit CountingModel(const torch::jit::Module& module) : model_(module) {}

  const std::vector<LayerInfo>& layers() const override { return model_.layers(); }
  at::Tensor parameter(const std::string& name) const override { return model_.parameter(name); }
  std::unique_ptr<Pass> forward(const at::Tensor& input, const Needs& needs, bool graph,
                                const at::Generator& generator) override {
    ++forwards;
    asked = needs;
    return model_.forward(input, needs, graph, generator);
  }
  at::Tensor outputs(int64_t rows, const std::function<at::Tensor(int64_t, int64_t)>& make) override {
    ++forwards;
    return model_.outputs(rows, make);
  }

  int forwards = 0;
  Needs asked;  // of the last forward pass

 private:
  TorchScriptModel model_;
};

// A method from two functions.
class FakeMethod final : public AttentionMethod {
 public:
  using Attend = std::function<AttentionMap(Pass&, const Target&)>;
  FakeMethod(Needs needs, Attend attend) : needs_(std::move(needs)), attend_(std::move(attend)) {}

  Needs needs(const Model&) const override { return needs_; }
  AttentionMap attend(Pass& pass, const Target& target) const override { return attend_(pass, target); }

 private:
  Needs needs_;
  Attend attend_;
};

// One that computes all targets at once.
class AllAtOnce final : public AttentionMethod {
 public:
  using Attend = std::function<std::vector<AttentionMap>(Pass&, const std::vector<Target>&)>;
  explicit AllAtOnce(Attend attend) : attend_(std::move(attend)) {}

  Needs needs(const Model&) const override { return {}; }
  AttentionMap attend(Pass& pass, const Target& target) const override {
    return attend_(pass, std::vector<Target>{target})[0];
  }
  std::vector<AttentionMap> attend(Pass& pass, const std::vector<Target>& targets) const override {
    return attend_(pass, targets);
  }

 private:
  Attend attend_;
};

inline MapRequest request(const std::string& name, Needs needs, FakeMethod::Attend attend) {
  return {name, std::make_shared<FakeMethod>(std::move(needs), std::move(attend))};
}

inline Needs layer_needs(const std::vector<std::string>& layers, bool gradients = false) {
  Needs needs;
  for (const auto& layer : layers) needs.captures.push_back({layer});
  needs.gradients = gradients;
  return needs;
}

inline Needs input_needs() {
  Needs needs;
  needs.input_gradient = true;
  return needs;
}

// The gradient of the target's score with respect to the input.
inline MapRequest input_gradient(const std::string& name = "gradient") {
  return request(name, input_needs(), [](Pass& pass, const Target& target) {
    return AttentionMap{pass.gradients(pass.score(target), {pass.input()})[0], true};
  });
}

// A layer's activation.
inline MapRequest activation_of(const std::string& layer) {
  return request(layer, layer_needs({layer}), [layer](Pass& pass, const Target&) {
    return AttentionMap{pass.activation(layer), false, {layer}};
  });
}

inline std::vector<TargetChoice> choices(const std::vector<std::string>& texts) {
  std::vector<TargetChoice> choices;
  for (const std::string& text : texts) choices.push_back(TargetChoice::parse(text, {}));
  return choices;
}

// [2,3,8,8]
inline at::Tensor two_inputs() { return seeded({2, 3, 8, 8}, 40); }

}  // namespace attune::test
