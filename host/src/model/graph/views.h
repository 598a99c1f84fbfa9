// Values of a graph that are views of another one's memory.
#pragma once

#include <functional>
#include <map>
#include <vector>

#include "model/graph/graph.h"

namespace attune {

// Whether the node overwrites the tensor that is its first input.
bool writes_first_input(const Node* node);

// Parts of one tensor that `chunk` and the like have made, which do not overlap.
bool are_parts(const Value* a, const Value* b);

// Whether `value` is `base`, or a view of it made in the same block: one whatever the strides are, as `reshape` may
// make a new tensor.
bool is_view_of(Value* value, Value* base);

// The values that a written one is a view of, itself first.
std::vector<Value*> bases_of(Value* written);

// Views of a tensor made again of its copy, at the graph's insert point.
class Replay {
 public:
  Replay(Value* base, Value* copy) : values_{{base, copy}} {}

  // The counterpart of a view; `made` is called with every value and its counterpart.
  Value* of(Value* value, const std::function<void(Value*, Value*)>& made);

 private:
  std::map<Value*, Value*> values_;
};

}  // namespace attune
