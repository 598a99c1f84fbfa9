// Choosing examples: a few of every class, or a part that is held out. Indices of examples, ascending; every choice is
// a function of the dataset and the seed.
#pragma once

#include <cstdint>
#include <vector>

#include "base/data_choices.h"
#include "data/dataset.h"

namespace attune {

// At least `per_class` examples of every class, and none that could be left out: where examples have one class, exactly
// that many. Where they have several, rare classes are served first, by examples that add little to classes that have
// enough, so that frequent classes may get more than they need. Throws Error(Fault::spec) for less than 1 per class,
// Error(Fault::input) for a dataset without labels and, with TooFew::stop, for classes with fewer examples.
std::vector<int64_t> few_shot(const Dataset& dataset, int64_t per_class, uint64_t seed, TooFew too_few = TooFew::stop);

struct HoldOut {
  std::vector<int64_t> kept;
  std::vector<int64_t> held;
};

// Holds out that share of the examples of every class, rounded; rare classes are divided first. Examples without a
// class are divided alike. Throws Error(Fault::spec) for a share that is not between 0 and 1, Error(Fault::input) when
// one part would be empty.
HoldOut hold_out(const Dataset& dataset, double share, uint64_t seed);

}  // namespace attune
