// One forward pass of a TorchScriptModel.
#pragma once

#include <ATen/core/ivalue.h>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include <attune/sdk/pass.h>

#include "model/layout.h"
#include "model/operators.h"
#include "model/state.h"

namespace attune {

class ForwardPass final : public Pass {
 public:
  ForwardPass(TorchScriptModel& model, TorchScriptModel::State& state, const at::Tensor& input, const Needs& needs,
              bool graph, const at::Generator& generator = {});

  const at::Tensor& input() const override { return input_; }
  const at::Tensor& output() const override { return output_; }
  at::Tensor activation(const std::string& layer) override;
  bool wants_graph() const override { return graph_; }
  std::vector<at::Tensor> gradients(const at::Tensor& score, const std::vector<at::Tensor>& of,
                                    Rectifier rectifier) override;
  at::Tensor resume(const std::string& layer, const at::Tensor& activation) override;
  Model& model() override { return model_; }
  at::Generator generator() override { return generator_; }

 private:
  struct Activation {
    at::Tensor raw;        // as the model computes it; gradients are taken here
    at::Tensor canonical;  // [N,C,S1..Sd], as methods see it
    Layout layout;
  };

  // What a piece under gradients is made for.
  Differentiable recorded() const { return graph_ ? Differentiable::twice : Differentiable::once; }
  void run(const Needs& needs);
  void run_whole();
  void run_behind_cut();
  std::vector<c10::IValue> run_piece(const Piece& piece, const std::vector<c10::IValue>& arguments);
  void keep(const std::string& layer, const at::Tensor& raw);
  Activation& find(const std::string& layer);
  const std::vector<c10::IValue>& live_values(const std::string& layer);
  at::Tensor zero_or_canonical(const at::Tensor& of, const at::Tensor& gradient) const;

  TorchScriptModel& model_;
  TorchScriptModel::State& state_;
  at::Tensor input_;
  at::Tensor output_;
  bool graph_;
  at::Generator generator_;
  bool gradients_declared_;
  int64_t calls_declared_;  // of gradients(); 0: not known
  int64_t calls_ = 0;
  std::string auto_layer_;
  std::vector<std::string> layers_;  // declared, in program order
  std::shared_ptr<PieceCache> pieces_;
  c10::intrusive_ptr<GradientRule> rule_ = c10::make_intrusive<GradientRule>();
  std::map<std::string, Activation> activations_;
  std::map<std::string, std::vector<c10::IValue>> live_;  // values across the cut behind a layer
  std::mutex mutex_;
};

}  // namespace attune
