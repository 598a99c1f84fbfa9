#include <algorithm>

#include <attune/sdk/error.h>

#include "strategy/strategy.h"

namespace attune {

bool Strategy::reads(std::string_view key) const { return std::find(keys.begin(), keys.end(), key) != keys.end(); }

namespace strategies {

const std::vector<const Strategy*>& all() {
  static const std::vector<const Strategy*> table = {&supervised, &finetune, &combined, &alternated};
  return table;
}

std::vector<std::string> names() {
  std::vector<std::string> names;
  for (const Strategy* strategy : all()) names.emplace_back(strategy->name);
  return names;
}

const Strategy& named(const std::string& name) {
  for (const Strategy* strategy : all()) {
    if (strategy->name == name) return *strategy;
  }
  throw Error(Fault::spec, "unknown strategy '" + name + "'" + did_you_mean(name, names()));
}

}  // namespace strategies
}  // namespace attune
