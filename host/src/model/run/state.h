// What a TorchScriptModel holds.
#pragma once

#include <map>
#include <mutex>
#include <set>
#include <string>
#include <torch/csrc/jit/api/module.h>
#include <vector>

#include <attune/torchscript_model.h>

#include "model/run/programs.h"

namespace attune {

struct Trial;

struct TorchScriptModel::State {
  torch::jit::Module module;
  ModelOptions options;
  Programs programs;
  std::vector<std::string> activations;
  std::vector<LayerInfo> layers;                     // those that can be captured
  std::map<std::string, size_t> position;            // of a layer in program order
  std::map<std::string, std::string> branch_layers;  // name -> type of those that cannot
  OutputKind output_kind = OutputKind::scores;
  std::vector<std::string> remarks;
  std::set<std::string> without_gradient;  // layers where the model switches gradients off
  bool switches_gradients = false;         // whether it does so anywhere
  std::mutex auto_mutex;
  std::string auto_layer;
  std::mutex trial_mutex;
  std::map<std::vector<int64_t>, std::shared_ptr<const Trial>> trials;  // by the shape of one input
  std::map<std::string, const torch::jit::Node*> affine;                // layers that have a bias, of the live graph
  std::vector<std::string> attention;                                   // attention blocks, in program order
};

// The name of a layer's class without its package; "" when the path names no module.
std::string layer_type(const torch::jit::Module& module, const std::string& layer);

// Throws Error(Fault::input) where the model switches gradients off at `layer`.
void check_gradient(const TorchScriptModel::State& state, const std::string& layer);

// Throws Error(Fault::input) with the nearest names unless the layer can be captured so.
void check_capture(const TorchScriptModel::State& state, const Capture& capture);

}  // namespace attune
