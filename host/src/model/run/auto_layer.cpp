// The layer that stands for "auto".

#include <algorithm>
#include <cctype>

#include <attune/sdk/error.h>

#include "model/run/forward_pass.h"
#include "model/run/trial.h"

namespace attune {
namespace {

// One value of the graph and the layers that return it, innermost first.
struct Candidate {
  const Value* value;
  std::vector<std::string> names;
};

std::vector<Candidate> candidates(const LayeredGraph& graph) {
  std::vector<Candidate> found;
  for (Node* node : graph->nodes()) {
    if (node->kind() != layer_symbol) continue;
    const Value* value = unmarked(node->output());
    const auto same = [&](const Candidate& c) { return c.value == value; };
    auto entry = std::find_if(found.begin(), found.end(), same);
    if (entry == found.end()) entry = found.insert(found.end(), {value, {}});
    entry->names.push_back(layer_name(node));
  }
  return found;
}

bool contains_any(const std::string& text, std::initializer_list<const char*> parts) {
  return std::any_of(parts.begin(), parts.end(), [&](const char* p) { return text.find(p) != std::string::npos; });
}

// MaxPool2d is a Pool, PoolFormerLayer is none.
bool is_type_of(const std::string& type, std::initializer_list<const char*> kinds) {
  const bool has_rank = type.size() > 2 && type.back() == 'd' && std::isdigit(type[type.size() - 2]) != 0;
  const std::string plain = has_rank ? type.substr(0, type.size() - 2) : type;
  return std::any_of(kinds.begin(), kinds.end(), [&](const std::string& kind) {
    return plain.size() >= kind.size() && plain.compare(plain.size() - kind.size(), kind.size(), kind) == 0;
  });
}

// Layers that only pass on or thin out what others computed.
bool is_passive(const torch::jit::Module& module, const Candidate& candidate) {
  return is_type_of(layer_type(module, candidate.names[0]),
                    {"Pool", "Dropout", "Identity", "Flatten", "Permute", "StochasticDepth", "Upsample"}) ||
         contains_any(candidate.value->node()->kind().toQualString(),
                      {"pool", "dropout", "::slice", "::select", "interpolate", "upsample"});
}

bool is_inside(const std::string& layer, const std::string& module) {
  return layer.size() > module.size() && layer.compare(0, module.size(), module) == 0 && layer[module.size()] == '.';
}

// The outermost module that returns the value, but not one that spans the model from its first layer on: ResNet's
// `layer4` rather than its last ReLU, SqueezeNet's `features.12` rather than `features`.
std::string best_name(const Candidate& candidate, const std::string& first_layer) {
  std::string best = candidate.names[0];
  for (const std::string& name : candidate.names) {
    if (!is_inside(first_layer, name)) best = name;
  }
  return best;
}

class AutoLayer {
 public:
  AutoLayer(GraphModel& model, GraphModel::State& state, const at::Tensor& input)
      : model_(model), state_(state), input_(input) {}

  std::string find() {
    const auto trial = trial_of(state_, input_);
    if (trial->failed || state_.layers.empty()) ForwardPass(model_, state_, input_, {}, false);  // says what is wrong
    for (const bool scores : {false, true}) {  // class scores and parts of attention only when there is nothing else
      for (const bool attention : {false, true}) {
        const std::string found = last_with_gradient(spatial_layers(*trial, scores, attention));
        if (!found.empty()) return found;
      }
    }
    if (state_.layers.empty()) {
      throw Error(Fault::input,
                  "the model has no named layers (was it frozen?), so that no layer can be chosen; export it with "
                  "torch.jit.script or torch.jit.trace and without torch.jit.freeze");
    }
    const std::string off = state_.without_gradient.empty()
                                ? ""
                                : " (it switches gradients off, torch.no_grad, at " +
                                      std::to_string(state_.without_gradient.size()) + " layers)";
    throw Error(Fault::input,
                "no layer of the model has both a spatial extent and a gradient" + off + "; name one with --layer");
  }

 private:
  // Of `attention` those that lie within a block of it: queries, keys and values.
  std::vector<std::string> spatial_layers(const Trial& trial, bool scores, bool attention) const {
    std::vector<std::string> names;
    const auto graph = state_.programs.live()->graph();
    const std::string first = top_level_layers(graph).empty() ? "" : top_level_layers(graph)[0];
    for (const Candidate& candidate : candidates(graph)) {
      const LayerVisit* visit = trial.find(candidate.names[0]);
      if (visit == nullptr || is_passive(state_.source.parameters, candidate)) continue;
      if (state_.without_gradient.count(visit->name) != 0) continue;
      const std::string name = best_name(candidate, first);
      if (is_in_attention(name) == attention && trial.gives_scores(*visit) == scores && is_spatial(*visit)) {
        names.push_back(name);
      }
    }
    return names;
  }

  bool is_in_attention(const std::string& layer) const {
    const auto& blocks = state_.attention;
    return std::any_of(blocks.begin(), blocks.end(),
                       [&](const std::string& block) { return is_inside(layer, block.substr(0, block.find('@'))); });
  }

  // Along all axes of the input: a sequence behind a picture is none.
  bool is_spatial(const LayerVisit& visit) const {
    const Axes* axes = visit.axes ? &*visit.axes : nullptr;
    const Reading reading = read_layout(visit.shape, input_.sizes().vec(), state_.options.layout, axes);
    const auto rank = static_cast<size_t>(std::max<int64_t>(1, input_.dim() - 2));
    return reading.layout && reading.layout->spatial.size() == rank && reading.layout->is_spatial();
  }

  std::string last_with_gradient(const std::vector<std::string>& names) {
    constexpr size_t at_once = 12;  // bounds the memory of the probe
    for (size_t end = names.size(); end > 0; end -= std::min(end, at_once)) {
      const auto first = names.begin() + static_cast<ptrdiff_t>(end - std::min(end, at_once));
      const std::string found = probe({first, names.begin() + static_cast<ptrdiff_t>(end)});
      if (!found.empty()) return found;
    }
    return "";
  }

  std::string probe(const std::vector<std::string>& names) {
    Needs needs;
    for (const auto& name : names) needs.captures.push_back({name});
    needs.gradients = true;
    ForwardPass pass(model_, state_, input_, needs, false);
    const at::AutoGradMode mode(true);
    const at::Tensor score = std::get<0>(pass.output().max(1));
    std::vector<at::Tensor> activations;
    for (const auto& name : names) activations.push_back(pass.activation(name));
    const auto gradients = pass.gradients(score, activations, Rectifier::standard);
    for (size_t i = names.size(); i-- > 0;) {
      if (gradients[i].any().item<bool>()) return names[i];
    }
    return "";
  }

  GraphModel& model_;
  GraphModel::State& state_;
  at::Tensor input_;
};

}  // namespace

std::string GraphModel::auto_layer(const at::Tensor& input) {
  if (state_->options.layer != "auto") return state_->options.layer;
  const std::lock_guard<std::mutex> lock(state_->auto_mutex);
  if (state_->auto_layer.empty()) {
    state_->auto_layer = AutoLayer(*this, *state_, input.detach().narrow(0, 0, 1)).find();
    state_->programs.refresh();  // what the probe compiled is not needed again
  }
  return state_->auto_layer;
}

}  // namespace attune
