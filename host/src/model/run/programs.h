// The programs of one model, made when they are first needed.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <torch/csrc/jit/api/module.h>
#include <vector>

#include "model/run/program.h"
#include "model/pieces/slice.h"

namespace attune {

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
};

}  // namespace attune
