#include <algorithm>
#include <numeric>

#include <attune/sdk/error.h>

#include "base/numbers.h"
#include "base/random.h"
#include "data/dataset.h"
#include "image/input_file.h"

namespace attune {
namespace {

using Indices = std::vector<int64_t>;

const std::vector<int64_t>& labels_of(const Dataset& dataset, int64_t index) {
  return dataset.examples[static_cast<size_t>(index)].labels;
}

Indices in_file_order(size_t count) {
  Indices indices(count);
  std::iota(indices.begin(), indices.end(), 0);
  return indices;
}

Indices shuffled_indices(const Dataset& dataset, uint64_t seed) {
  Indices indices = in_file_order(dataset.examples.size());
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
  std::vector<std::string> few;
  for (const size_t label : rarest_first(members)) {
    const auto count = std::ssize(members[label]);
    if (count < per_class) few.push_back(dataset.classes[label] + " " + std::to_string(count));
  }
  if (few.empty()) return;
  refuse_input(dataset.list,
               std::to_string(per_class) + " examples per class are asked for, but there are fewer of " + listed(few));
}

void check(const Dataset& dataset, int64_t per_class) {
  if (per_class < 1) {
    throw Error(Fault::spec, "at least 1 example per class must be chosen, not " + std::to_string(per_class));
  }
  if (dataset.classes.empty()) refuse_input(dataset.list, "examples per class cannot be chosen from unlabelled data");
}

}  // namespace

std::vector<int64_t> few_shot(const Dataset& dataset, int64_t per_class, uint64_t seed, TooFew too_few) {
  check(dataset, per_class);
  const Indices order = shuffled_indices(dataset, seed);
  const std::vector<Indices> members = by_class(dataset, order);
  if (too_few == TooFew::stop) require_enough(dataset, members, per_class);
  std::vector<int64_t> counts(members.size());  // [class] of chosen examples
  std::vector<bool> chosen(order.size());
  const auto put = [&](int64_t index, bool in) {
    chosen[static_cast<size_t>(index)] = in;
    for (const int64_t label : labels_of(dataset, index)) counts[static_cast<size_t>(label)] += in ? 1 : -1;
  };
  const auto has = [&](int64_t label, int64_t more) {
    const auto place = static_cast<size_t>(label);
    return counts[place] >= std::min<int64_t>(per_class, std::ssize(members[place])) + more;
  };
  // How many classes that have enough it is an example of.
  const auto surplus = [&](int64_t index) {
    const auto& labels = labels_of(dataset, index);
    return std::count_if(labels.begin(), labels.end(), [&](int64_t label) { return has(label, 0); });
  };
  const auto adds_less = [&](int64_t a, int64_t b) { return surplus(a) < surplus(b); };
  for (const size_t label : rarest_first(members)) {
    while (!has(static_cast<int64_t>(label), 0)) {
      Indices open = members[label];
      std::erase_if(open, [&](int64_t index) { return chosen[static_cast<size_t>(index)]; });
      put(*std::min_element(open.begin(), open.end(), adds_less), true);
    }
  }
  // What later choices have made superfluous is taken back.
  for (const int64_t index : order) {
    const auto& labels = labels_of(dataset, index);
    const bool spare = std::all_of(labels.begin(), labels.end(), [&](int64_t label) { return has(label, 1); });
    if (spare && chosen[static_cast<size_t>(index)]) put(index, false);
  }
  Indices result = in_file_order(order.size());
  std::erase_if(result, [&](int64_t index) { return !chosen[static_cast<size_t>(index)]; });
  return result;
}

HoldOut hold_out(const Dataset& dataset, double share, uint64_t seed) {
  if (!(share > 0 && share < 1)) {
    throw Error(Fault::spec, "the share that is held out must lie between 0 and 1, not " + std::to_string(share));
  }
  const Indices order = shuffled_indices(dataset, seed);
  const std::vector<Indices> members = by_class(dataset, order);
  enum Place : uint8_t { open, kept, held };
  std::vector<Place> places(dataset.examples.size(), open);
  // Brings the held part of those examples to the share, as far as they are still open.
  const auto divide = [&](const Indices& of_class) {
    auto wanted = std::llround(share * static_cast<double>(of_class.size()));
    for (const int64_t index : of_class) wanted -= places[static_cast<size_t>(index)] == held ? 1 : 0;
    for (const int64_t index : of_class) {
      Place& place = places[static_cast<size_t>(index)];
      if (place == open) place = wanted-- > 0 ? held : kept;
    }
  };
  for (const size_t label : rarest_first(members)) divide(members[label]);
  Indices without_class = order;
  std::erase_if(without_class, [&](int64_t index) { return !labels_of(dataset, index).empty(); });
  divide(without_class);
  HoldOut parts;
  for (const int64_t index : in_file_order(order.size())) {
    (places[static_cast<size_t>(index)] == held ? parts.held : parts.kept).push_back(index);
  }
  if (parts.held.empty() || parts.kept.empty()) {
    refuse_input(dataset.list, "holding out a share of " + std::to_string(share) + " of " +
                                   std::to_string(dataset.size()) + " examples leaves one part empty");
  }
  return parts;
}

}  // namespace attune
