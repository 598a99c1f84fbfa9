#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include <attune/sdk/error.h>

#include "base/random.h"
#include "data/dataset.h"
#include "data/draft.h"

namespace attune {
namespace {

using Indices = std::vector<int64_t>;

const std::vector<int64_t>& labels_of(const Dataset& dataset, int64_t index) {
  return dataset.examples[static_cast<size_t>(index)].labels;
}

Indices shuffled_indices(const Dataset& dataset, uint64_t seed) {
  Indices indices(dataset.examples.size());
  std::iota(indices.begin(), indices.end(), 0);
  Random(seed).shuffle(indices);
  return indices;
}

// [class] examples that have it, in the order of `indices`.
std::vector<Indices> by_class(const Dataset& dataset, const Indices& indices) {
  std::vector<Indices> members(dataset.classes.size());
  for (const int64_t index : indices) {
    for (const int64_t label : labels_of(dataset, index)) members[static_cast<size_t>(label)].push_back(index);
  }
  return members;
}

std::vector<size_t> rarest_first(const std::vector<Indices>& members) {
  std::vector<size_t> classes(members.size());
  std::iota(classes.begin(), classes.end(), size_t{0});
  std::stable_sort(classes.begin(), classes.end(),
                   [&](size_t a, size_t b) { return members[a].size() < members[b].size(); });
  return classes;
}

void require_enough(const Dataset& dataset, const std::vector<Indices>& members, int64_t per_class) {
  std::string few;
  for (const size_t label : rarest_first(members)) {
    const auto count = static_cast<int64_t>(members[label].size());
    if (count < per_class) few += (few.empty() ? "" : ", ") + dataset.classes[label] + " " + std::to_string(count);
  }
  if (few.empty()) return;
  refuse(dataset.list, std::to_string(per_class) + " examples per class are asked for, but there are fewer of " + few);
}

void check(const Dataset& dataset, int64_t per_class) {
  if (per_class < 1) {
    throw Error(Fault::spec, "at least 1 example per class must be chosen, not " + std::to_string(per_class));
  }
  if (dataset.classes.empty()) refuse(dataset.list, "examples per class cannot be chosen from unlabelled data");
}

// What has been chosen so far.
class Choice {
 public:
  // `wanted` of every class.
  Choice(const Dataset& dataset, std::vector<int64_t> wanted)
      : dataset_(dataset), wanted_(std::move(wanted)), counts_(wanted_.size()), chosen_(dataset.examples.size()) {}

  bool has_enough_of(size_t label) const { return counts_[label] >= wanted_[label]; }

  // The example of those that gives least to classes that have enough; the first of several.
  void add_best_of(const Indices& members) {
    int64_t best = -1;
    int64_t lowest = 0;
    for (const int64_t index : members) {
      if (chosen_[static_cast<size_t>(index)]) continue;
      const int64_t surplus = surplus_of(index);
      if (best < 0 || surplus < lowest) {
        best = index;
        lowest = surplus;
      }
    }
    put(best, true);
  }

  // Takes back what later choices have made superfluous.
  void prune(const Indices& order) {
    for (const int64_t index : order) {
      if (!chosen_[static_cast<size_t>(index)]) continue;
      const auto& labels = labels_of(dataset_, index);
      const bool spare = std::all_of(labels.begin(), labels.end(), [&](int64_t label) {
        return counts_[static_cast<size_t>(label)] > wanted_[static_cast<size_t>(label)];
      });
      if (spare) put(index, false);
    }
  }

  Indices indices() const {
    Indices result;
    for (size_t i = 0; i < chosen_.size(); ++i) {
      if (chosen_[i]) result.push_back(static_cast<int64_t>(i));
    }
    return result;
  }

 private:
  int64_t surplus_of(int64_t index) const {
    const auto& labels = labels_of(dataset_, index);
    return std::count_if(labels.begin(), labels.end(),
                         [&](int64_t label) { return has_enough_of(static_cast<size_t>(label)); });
  }

  void put(int64_t index, bool chosen) {
    chosen_[static_cast<size_t>(index)] = chosen;
    for (const int64_t label : labels_of(dataset_, index)) counts_[static_cast<size_t>(label)] += chosen ? 1 : -1;
  }

  const Dataset& dataset_;
  const std::vector<int64_t> wanted_;
  std::vector<int64_t> counts_;  // [class] of chosen examples
  std::vector<bool> chosen_;
};

// Divides examples in two, each once.
class Division {
 public:
  explicit Division(const Dataset& dataset) : places_(dataset.examples.size(), Place::open) {}

  // Brings the held part of those examples to `share`, as far as they are still open.
  void divide(const Indices& members, double share) {
    auto wanted = std::llround(share * static_cast<double>(members.size()));
    for (const int64_t index : members) wanted -= place(index) == Place::held ? 1 : 0;
    for (const int64_t index : members) {
      if (place(index) != Place::open) continue;
      place(index) = wanted-- > 0 ? Place::held : Place::kept;
    }
  }

  HoldOut result() const {
    HoldOut parts;
    for (size_t i = 0; i < places_.size(); ++i) {
      (places_[i] == Place::held ? parts.held : parts.kept).push_back(static_cast<int64_t>(i));
    }
    return parts;
  }

 private:
  enum class Place : uint8_t { open, kept, held };

  Place& place(int64_t index) { return places_[static_cast<size_t>(index)]; }

  std::vector<Place> places_;
};

}  // namespace

std::vector<int64_t> few_shot(const Dataset& dataset, int64_t per_class, uint64_t seed, TooFew too_few) {
  check(dataset, per_class);
  const Indices order = shuffled_indices(dataset, seed);
  const std::vector<Indices> members = by_class(dataset, order);
  if (too_few == TooFew::stop) require_enough(dataset, members, per_class);
  std::vector<int64_t> wanted;
  for (const Indices& of_class : members) wanted.push_back(std::min<int64_t>(per_class, std::ssize(of_class)));
  Choice choice(dataset, std::move(wanted));
  for (const size_t label : rarest_first(members)) {
    while (!choice.has_enough_of(label)) choice.add_best_of(members[label]);
  }
  choice.prune(order);
  return choice.indices();
}

HoldOut hold_out(const Dataset& dataset, double share, uint64_t seed) {
  if (!(share > 0 && share < 1)) {
    throw Error(Fault::spec, "the share that is held out must lie between 0 and 1, not " + std::to_string(share));
  }
  const Indices order = shuffled_indices(dataset, seed);
  const std::vector<Indices> members = by_class(dataset, order);
  Division division(dataset);
  for (const size_t label : rarest_first(members)) division.divide(members[label], share);
  Indices without_class;
  for (const int64_t index : order) {
    if (labels_of(dataset, index).empty()) without_class.push_back(index);
  }
  division.divide(without_class, share);
  HoldOut parts = division.result();
  if (parts.held.empty() || parts.kept.empty()) {
    refuse(dataset.list, "holding out a share of " + std::to_string(share) + " of " + std::to_string(dataset.size()) +
                             " examples leaves one part empty");
  }
  return parts;
}

}  // namespace attune
