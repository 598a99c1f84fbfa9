// What flags, configs and sidecars say of preprocessing.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

namespace attune {

// How pictures become inputs; what is not said is left to others.
struct PreprocessText {
  std::optional<std::array<int64_t, 2>> size;  // height, width
  std::optional<bool> crop;
  std::optional<std::vector<double>> mean;
  std::optional<std::vector<double>> std;
};

}  // namespace attune
