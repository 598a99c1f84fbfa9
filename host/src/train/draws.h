// What is drawn at random in a run. Every draw is a function of derive_seed({the run's seed, one of these, stage, epoch
// or step}), so that nothing is carried along and a run can be taken up anywhere.
#pragma once

#include <cstdint>

namespace attune::draws {

inline constexpr uint64_t hold_out = 1;
inline constexpr uint64_t few_shot = 2;
inline constexpr uint64_t head = 3;
inline constexpr uint64_t order = 4;  // of examples in an epoch, and their augmentation
inline constexpr uint64_t step = 5;   // dropout
inline constexpr uint64_t bootstrap = 6;

}  // namespace attune::draws
