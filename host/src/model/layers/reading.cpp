// From where the axes of an activation come from to how it is read.

#include <algorithm>

#include "model/layers/layout.h"

namespace attune {
namespace {

// Where the channels are, and the positions in the order of their axes.
struct Arrangement {
  size_t channels = 0;
  Axis places;
  bool is_merged = false;  // several of them in one axis
  std::string why_not;
};

Arrangement arrange(const Axes& axes) {
  Arrangement found;
  for (size_t i = 1; i < axes.size(); ++i) {
    const Axis& axis = axes[i];
    if (axis.empty()) continue;
    if (is_place(axis)) {
      found.places.insert(found.places.end(), axis.begin(), axis.end());
      found.is_merged = found.is_merged || axis.size() > 1 || has(axis, Factor::Source::tokens);
    } else if (has(axis, Factor::Source::batch)) {
      found.why_not = folded_into_batch;
    } else if (std::any_of(axis.begin(), axis.end(), [](const Factor& f) { return is_place({f}); })) {
      found.why_not = "channels and positions are folded into one axis";
    } else if (found.channels != 0) {
      found.why_not = "it has two axes of channels";
    } else {
      found.channels = i;
    }
  }
  if (found.channels == 0 && axes.size() > 1 && axes[1].empty()) found.channels = 1;
  if (found.channels == 0 && found.why_not.empty()) found.why_not = "it has no axis of channels";
  return found;
}

// What keeps positions from being a grid of the input; "" when nothing does.
std::string fault_of(const Axis& places) {
  for (size_t i = 0; i < places.size(); ++i) {
    for (size_t k = 0; k < i; ++k) {
      const bool is_row = places[i].source != Factor::Source::position || places[k].source != Factor::Source::position;
      if (is_row || (places[i].of == places[k].of && places[i].stride == places[k].stride)) {
        return "it holds weights between positions (attention)";
      }
      if (places[i].of == places[k].of) return "the input is divided into windows";
      if (places[i].of < places[k].of) return "its positions are transposed";
    }
  }
  return "";
}

bool has_unknown(const Axes& axes) {
  return std::any_of(axes.begin(), axes.end(), [](const Axis& axis) { return has(axis, Factor::Source::unknown); });
}

}  // namespace

Reading reading_of(const Axes& axes) {
  const bool has_batch = !axes.empty() && has(axes[0], Factor::Source::batch);
  if (has_unknown(axes) && !(has_batch && axes[0].size() > 1)) return {};
  if (!has_batch || axes[0].size() > 1) return {{}, folded_into_batch};
  Arrangement found = arrange(axes);
  Axis& places = found.places;
  Layout layout;
  if (places.size() == 1 && places[0].source == Factor::Source::tokens) {
    layout.prefix_tokens = places[0].tokens->before;
    places = Axis(places[0].tokens->grid);
  }
  if (found.why_not.empty()) found.why_not = fault_of(places);
  if (found.why_not.empty() && found.channels != 1 && found.channels + 1 != axes.size()) {
    found.why_not = "its channels lie between its positions";
  }
  if (!found.why_not.empty()) return {{}, found.why_not};
  if (found.channels != 1) layout.order = found.is_merged ? Layout::Order::tokens : Layout::Order::channels_last;
  for (const Factor& place : places) layout.spatial.push_back(place.size);
  return {layout, ""};
}

}  // namespace attune
