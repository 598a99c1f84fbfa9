#include <ATen/core/grad_mode.h>
#include <ATen/ops/allclose.h>
#include <ATen/ops/randn.h>
#include <algorithm>
#include <set>

#include "formats/graph_source.h"
#include "formats/memory_limit.h"

namespace attune {
namespace {

constexpr int64_t most_bytes = int64_t{3} << 30;  // of two rows' run

// One call of a module: the nodes that stand in it.
struct Call {
  std::string path;
  size_t depth = 0;
  std::set<size_t> nodes;
};

// Which nodes use a value; the graph's output counts as the node behind the last.
std::map<std::string, std::vector<size_t>> uses_of(const std::vector<GraphNode>& nodes,
                                                   const std::vector<std::string>& outputs) {
  std::map<std::string, std::vector<size_t>> uses;
  for (size_t i = 0; i < nodes.size(); ++i) {
    for (const std::string& name : nodes[i].inputs) uses[name].push_back(i);
  }
  for (const std::string& name : outputs) uses[name].push_back(nodes.size());
  return uses;
}

std::string output_of(const Call& call, const std::vector<GraphNode>& nodes,
                      const std::map<std::string, std::vector<size_t>>& uses) {
  for (auto node = call.nodes.rbegin(); node != call.nodes.rend(); ++node) {
    for (const std::string& name : nodes[*node].outputs) {
      const auto found = uses.find(name);
      if (found == uses.end()) continue;
      const auto is_outside = [&](size_t user) { return call.nodes.count(user) == 0; };
      if (std::any_of(found->second.begin(), found->second.end(), is_outside)) return name;
    }
  }
  return "";
}

at::Tensor first_tensor(const c10::IValue& output) {
  if (output.isTuple()) return first_tensor(output.toTupleRef().elements()[0]);
  if (output.isGenericDict()) return output.toGenericDict().begin()->value().toTensor();
  return output.toTensor();
}

}  // namespace

GraphLayers layers_of(const std::vector<GraphNode>& nodes, const std::vector<std::string>& outputs) {
  GraphLayers layers;
  std::vector<Call> calls;
  std::map<std::string, size_t> by_key;
  for (size_t i = 0; i < nodes.size(); ++i) {
    for (size_t depth = 0; depth < nodes[i].frames.size(); ++depth) {
      const LayerFrame& frame = nodes[i].frames[depth];
      layers.types[frame.path] = frame.type;
      layers.scopes[i] = frame.path;
      const auto [call, is_new] = by_key.emplace(frame.key, calls.size());
      if (is_new) calls.push_back({frame.path, depth, {}});
      calls[call->second].nodes.insert(i);
    }
  }
  std::stable_sort(calls.begin(), calls.end(), [](const Call& a, const Call& b) { return a.depth > b.depth; });
  const auto uses = uses_of(nodes, outputs);
  for (const Call& call : calls) {
    const std::string value = output_of(call, nodes, uses);
    if (!value.empty()) layers.ends[value].push_back(call.path);
  }
  return layers;
}

bool has_independent_rows(const ModelSource& source, std::vector<int64_t> sizes) {
  if (source.graph->inputs().size() != 2) return false;  // what goes with several inputs is not known here
  sizes[0] = 2;
  const at::NoGradGuard no_gradients;
  at::TensorOptions options;
  for (const at::Tensor& parameter : source.parameters.parameters()) options = parameter.options().requires_grad(false);
  const MemoryLimit limit(most_bytes);
  const MemoryLimit::Scope counted(limit);
  try {
    const at::Tensor rows = at::randn(sizes, options);
    const at::Tensor both = first_tensor(source.output(rows));
    const at::Tensor one = first_tensor(source.output(rows.narrow(0, 0, 1)));
    return both.dim() > 0 && both.size(0) == 2 && one.size(0) == 1 &&
           at::allclose(both.narrow(0, 0, 1), one, 1e-3, 1e-4);
  } catch (const std::exception&) {
    return false;
  }
}

}  // namespace attune
