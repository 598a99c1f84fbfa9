// The programs of one model, made when they are first needed.
#pragma once

#include <ATen/core/grad_mode.h>
#include <ATen/core/ivalue.h>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <torch/csrc/jit/api/module.h>
#include <torch/csrc/jit/runtime/interpreter.h>
#include <vector>

#include "model/graph/operators.h"
#include "model/pieces/pieces.h"

namespace attune {

// A compiled piece of a model. Runs on the plain interpreter: the profiling executor's second derivatives fail or are
// wrong after the second call. Holds no state, so any number of threads may run it.
class Program {
 public:
  explicit Program(const LayeredGraph& graph) : code_(graph, "forward") {}

  // `arguments` follow (self, rule); see slice().
  std::vector<c10::IValue> run(const c10::IValue& self, const c10::intrusive_ptr<GradientRule>& rule,
                               const std::vector<c10::IValue>& arguments) const {
    torch::jit::Stack stack{self, c10::IValue::make_capsule(rule)};
    stack.insert(stack.end(), arguments.begin(), arguments.end());
    const at::AutoGradMode mode(at::GradMode::is_enabled());  // a piece may end where the model switches gradients off
    torch::jit::InterpreterState(code_).run(stack);
    return stack;
  }

 private:
  torch::jit::Code code_;
};

// Pieces of one graph, compiled once each, and the weights made for them. Safe to use from several threads.
class PieceCache {
 public:
  explicit PieceCache(LayeredGraph graph) : graph_(std::move(graph)) {}

  std::shared_ptr<const Program> get(const Piece& piece);
  const LayeredGraph& graph() const { return graph_; }

 private:
  LayeredGraph graph_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<const Program>> programs_;
  MadeWeights made_;
};

// The live graph, whose programs read the module's own parameters, and a frozen copy of it for passes that need no
// gradient of parameters. The copy lasts until a parameter or buffer changes.
class Programs {
 public:
  explicit Programs(torch::jit::Module module, LayeredGraph graph)
      : module_(std::move(module)), live_(std::make_shared<PieceCache>(std::move(graph))) {}

  std::shared_ptr<PieceCache> live() const { return live_; }
  std::shared_ptr<PieceCache> frozen();
  // Those whose gradients pass by rules, made when they are first asked for.
  Programs& ruled(const Ruling& ruling);
  void refresh();

 private:
  // Memory and version of every parameter and buffer. A training forward changes running statistics without a new
  // version, but counts itself in num_batches_tracked, which is one of the buffers.
  using Fingerprint = std::vector<std::pair<const void*, int64_t>>;
  Fingerprint fingerprint() const;

  torch::jit::Module module_;
  std::shared_ptr<PieceCache> live_;
  std::mutex mutex_;
  Fingerprint fingerprint_;
  std::shared_ptr<PieceCache> frozen_;
  std::map<std::string, std::unique_ptr<Programs>> ruled_;  // by their rulings' keys
};

}  // namespace attune
