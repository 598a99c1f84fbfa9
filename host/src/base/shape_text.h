// Shapes in messages.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace attune {

// "[3, 224, 224]"
inline std::string shape_text(const std::vector<int64_t>& shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

}  // namespace attune
