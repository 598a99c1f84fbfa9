// One forward pass of a GraphModel.
#pragma once

#include <ATen/core/ivalue.h>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <attune/sdk/pass.h>
#include <attune/sdk/rules.h>
#include <attune/sdk/tail.h>

#include "model/graph/operators.h"
#include "model/layers/layout.h"
#include "model/run/graph_model.h"

namespace attune {

class ForwardPass final : public Pass, public BackwardRules, public PropagationRules, public Tail {
 public:
  // `ruling`: gradients will pass by rules.
  ForwardPass(GraphModel& model, GraphModel::State& state, const at::Tensor& input, const Needs& needs, bool graph,
              const at::Generator& generator = {}, const Ruling* ruling = nullptr);

  const at::Tensor& input() const override { return input_; }
  const at::Tensor& output() const override { return output_; }
  at::Tensor captured(const Capture& capture) override { return find(capture).shown; }
  std::string layer(const std::string& name) override { return name == "auto" ? model_.auto_layer(input_) : name; }
  at::Tensor bias(const Capture& capture) override;
  bool wants_graph() const override { return graph_; }
  std::vector<at::Tensor> gradients(const at::Tensor& score, const std::vector<at::Tensor>& of,
                                    Rectifier rectifier) override;
  at::Tensor resume(const Capture& capture, const at::Tensor& activation) override;
  Model& model() override { return model_; }
  at::Generator generator() override { return generator_; }
  void* extension(const char* id) override;
  std::vector<at::Tensor> gradients(const Target& target, const std::vector<at::Tensor>& of, uint32_t rules) override;
  std::vector<at::Tensor> gradients(const Target& target, const std::vector<at::Tensor>& of, uint32_t rules,
                                    const LinearRule& convolutions, const LinearRule& linear) override;
  at::Tensor outputs(const Capture& capture, int64_t rows, const Make& make) override;

 private:
  struct Captured {
    at::Tensor given;  // as the model computes it; gradients are taken here
    at::Tensor shown;  // as methods see it
    Capture::Kind kind;
    Layout layout;  // of spatial captures

    at::Tensor as_shown(const at::Tensor& tensor) const;  // a tensor like `given`
  };

  // What a piece under gradients is made for.
  Differentiable recorded() const { return graph_ ? Differentiable::twice : Differentiable::once; }
  void run(const Needs& needs);
  void run_whole();
  void run_behind_cut();
  std::vector<c10::IValue> run_piece(const Piece& piece, const std::vector<c10::IValue>& arguments);
  void declare(const Needs& needs);
  void keep(const std::string& layer, const at::Tensor& activation);
  void keep_attention(const std::string& layer, const at::Tensor& probabilities);
  const Captured& find(const Capture& capture) const;
  const Captured* captured_as(const at::Tensor& tensor) const;  // nullptr for what is no capture
  at::Tensor samples_of(int64_t begin, int64_t end, int64_t times) const;
  const Captured& replaceable(const Capture& capture);
  const std::vector<c10::IValue>& live_values(const std::string& layer);
  std::vector<c10::IValue> live_values(const std::string& layer, const at::Tensor& samples);
  at::Tensor run_tail(const Capture& capture, const at::Tensor& activation, const at::Tensor& samples,
                      const std::vector<c10::IValue>& live, bool gradients);
  std::vector<at::Tensor> gradients(const at::Tensor& score, const std::vector<at::Tensor>& of, Rectifier rectifier,
                                    uint32_t rules);
  std::vector<at::Tensor> backward(const at::Tensor& score, const std::vector<at::Tensor>& of, Rectifier rectifier,
                                   uint32_t rules);
  ForwardPass& ruled(const Ruling& ruling);

  GraphModel& model_;
  GraphModel::State& state_;
  at::Tensor input_;
  at::Tensor output_;
  bool graph_;
  at::Generator generator_;
  bool gradients_declared_;
  int64_t calls_declared_;  // of gradients(); 0: not known
  int64_t calls_ = 0;
  std::string auto_layer_;
  std::vector<Capture> captures_;       // declared, by the layers' own names
  std::vector<std::string> layers_;     // whose activations are captured, in program order
  std::vector<std::string> attention_;  // whose probabilities are, in program order
  std::shared_ptr<PieceCache> pieces_;
  c10::intrusive_ptr<GradientRule> rule_ = c10::make_intrusive<GradientRule>();
  std::vector<Captured> captured_;                             // in the order of captures_
  std::map<std::string, std::vector<c10::IValue>> live_;       // values across the cut behind a layer
  std::map<std::string, std::unique_ptr<ForwardPass>> ruled_;  // whose gradients pass by rules, by rulings' keys
  std::mutex mutex_;
};

}  // namespace attune
