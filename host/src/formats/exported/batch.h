// The batch that a program was exported with.
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "model/graph/graph.h"

namespace attune {

// A program that was exported without dynamic shapes holds the batch of its example in views and expansions. This takes
// it out where it stands in axis 0, and checks by running it that rows do not depend on each other afterwards.
class FixedBatch {
 public:
  // `sizes`: what the program says of its input's.
  FixedBatch(const nlohmann::json& graph, const std::string& input);

  bool any() const { return batch_ == 0; }
  // The sizes that `node` gives as `argument`, with -1 for what comes from the batch; nothing where they may stay.
  // Nodes are given in their order.
  std::optional<std::vector<int64_t>> freed(const nlohmann::json& node, const std::string& operation,
                                            const std::string& argument, const nlohmann::json& given);
  // What `node` gives has the batch in it when what it takes has.
  void pass_on(const nlohmann::json& node);
  // Throws Error(Fault::input) unless one row gives what it gives beside another.
  void check(const ModelSource& source) const;

 private:
  const nlohmann::json& graph_;
  std::vector<int64_t> sizes_;
  int64_t batch_ = 0;  // 0: any
  std::set<std::string> batched_;
};

}  // namespace attune
