#include <algorithm>

#include <attune/sdk/error.h>

#include "formats/exported/program.h"

namespace attune {
FixedBatch::FixedBatch(const nlohmann::json& graph, const std::string& input) : graph_(graph), batched_{input} {
  const nlohmann::json& sizes = graph.at("tensor_values").at(input).at("sizes");
  for (const nlohmann::json& size : sizes) {
    if (!size.contains("as_int")) return;
    sizes_.push_back(whole(size["as_int"]));
  }
  if (!sizes_.empty()) batch_ = sizes_[0];
}

std::optional<std::vector<int64_t>> FixedBatch::freed(const nlohmann::json& node, const std::string& operation,
                                                      const std::string& argument, const nlohmann::json& given) {
  static const std::set<std::string> views{"view", "reshape", "_unsafe_view"};
  static const std::set<std::string> makers{"expand", "repeat", "zeros", "ones", "full", "empty"};
  const bool is_size = argument == "size" || argument == "shape" || argument == "repeats";
  if (any() || !is_size || !given.contains("as_ints") || given["as_ints"].empty()) return std::nullopt;
  auto sizes = wholes(given["as_ints"]);
  const std::vector<std::string> made = tensors_of(node.at("outputs"));
  if (views.count(operation) != 0) {
    const auto viewed = tensors_of(nlohmann::json::array({node.at("inputs").at(0).at("arg")}));
    if (viewed.empty() || made.empty() || batched_.count(viewed[0]) == 0) return std::nullopt;
    const nlohmann::json& known = graph_.at("tensor_values").at(made[0]).at("sizes");
    for (size_t i = 1; i < sizes.size(); ++i) sizes[i] = whole(known.at(i).at("as_int"));
  } else if (makers.count(operation) == 0 || sizes[0] != batch_) {
    return std::nullopt;
  }
  batched_.insert(made.begin(), made.end());
  sizes[0] = -1;
  return sizes;
}

void FixedBatch::pass_on(const nlohmann::json& node) {
  for (const nlohmann::json& input : node.at("inputs")) {
    const auto taken = tensors_of(nlohmann::json::array({input.at("arg")}));
    const auto is_batched = [&](const std::string& name) { return batched_.count(name) != 0; };
    if (std::none_of(taken.begin(), taken.end(), is_batched)) continue;
    for (const std::string& name : tensors_of(node.at("outputs"))) batched_.insert(name);
    return;
  }
}

void FixedBatch::check(const ModelSource& source) const {
  if (any() || has_independent_rows(source, sizes_)) return;
  throw Error(Fault::input, "was exported for batches of " + std::to_string(batch_) +
                                " alone; export it with dynamic_shapes=({0: torch.export.Dim(\"batch\")},)");
}

}  // namespace attune
