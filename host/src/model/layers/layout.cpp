#include "model/layers/layout.h"

#include <ATen/ops/cat.h>
#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include <attune/sdk/error.h>

namespace attune {
namespace {

constexpr int64_t most_prefix_tokens = 5;

using Shape = std::vector<int64_t>;

// Could `grid` be `extents` divided by one stride, as convolutions and patches do? Time (the first of three axes) may
// be strided on its own.
bool fits_grid(const Shape& grid, const Shape& extents) {
  for (size_t i = 0; i < grid.size(); ++i) {
    if (grid[i] < 1 || grid[i] > extents[i]) return false;
  }
  if (grid.size() < 2) return true;
  const size_t h = grid.size() - 2;
  if (extents[h] == extents[h + 1]) return grid[h] == grid[h + 1];
  const double stride =
      std::sqrt(static_cast<double>(extents[h] * extents[h + 1]) / static_cast<double>(grid[h] * grid[h + 1]));
  return std::abs(static_cast<double>(extents[h]) / stride - static_cast<double>(grid[h])) <= 1.0 &&
         std::abs(static_cast<double>(extents[h + 1]) / stride - static_cast<double>(grid[h + 1])) <= 1.0;
}

// The grid of `tokens` patches with the input's aspect ratio exactly, or nothing.
Shape token_grid(int64_t tokens, const Shape& extents) {
  if (extents.size() != 2) return {};
  const double aspect = static_cast<double>(extents[0]) / static_cast<double>(extents[1]);
  const auto height = static_cast<int64_t>(std::lround(std::sqrt(static_cast<double>(tokens) * aspect)));
  if (height < 1 || tokens % height != 0) return {};
  const int64_t width = tokens / height;
  if (width < 1 || extents[0] * width != extents[1] * height) return {};
  return {height, width};
}

void add_token_readings(const Shape& shape, const Shape& extents, std::vector<Layout>& readings) {
  for (int64_t prefix = 0; prefix <= std::min(most_prefix_tokens, shape[1] - 1); ++prefix) {
    const Shape grid = token_grid(shape[1] - prefix, extents);
    if (!grid.empty()) readings.push_back({Layout::Order::tokens, prefix, grid});
  }
}

Layout channels_first(const Shape& shape) {
  return {Layout::Order::channels_first, 0, Shape(shape.begin() + 2, shape.end())};
}

Layout channels_last(const Shape& shape) {
  return {Layout::Order::channels_last, 0, Shape(shape.begin() + 1, shape.end() - 1)};
}

std::string describe(const Layout& layout) {
  std::string text = to_string(layout.order) + " with a grid of " + shape_text(layout.spatial);
  if (layout.prefix_tokens > 0) text += " behind " + std::to_string(layout.prefix_tokens) + " prefix tokens";
  return text;
}

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

std::string to_string(Layout::Order order) {
  switch (order) {
    case Layout::Order::channels_last:
      return "channels_last";
    case Layout::Order::tokens:
      return "tokens";
    default:
      return "channels_first";
  }
}

bool Layout::is_spatial() const {
  return std::any_of(spatial.begin(), spatial.end(), [](int64_t extent) { return extent > 1; });
}

int64_t Layout::places() const {
  return std::accumulate(spatial.begin(), spatial.end(), int64_t{1}, std::multiplies<>());
}

at::Tensor Layout::canonical(const at::Tensor& activation) const {
  const at::Tensor first = channels_to_front(activation);
  if (first.sizes().slice(2) == at::IntArrayRef(spatial)) return first;
  Shape shape{first.size(0), first.size(1)};
  shape.insert(shape.end(), spatial.begin(), spatial.end());
  return first.flatten(2).narrow(2, prefix_tokens, places()).reshape(shape);
}

at::Tensor Layout::raw(const at::Tensor& canonical, const at::Tensor& like, const at::Tensor& samples) const {
  const at::Tensor first_like = channels_to_front(like);
  at::Tensor first = canonical;
  if (first_like.sizes().slice(2) != at::IntArrayRef(spatial)) {
    const at::Tensor row = first_like.flatten(2).index_select(0, samples);
    const int64_t end = prefix_tokens + places();
    first = canonical.flatten(2);
    if (row.size(2) != places()) first = at::cat({row.slice(2, 0, prefix_tokens), first, row.slice(2, end)}, 2);
    Shape shape = first_like.sizes().vec();
    shape[0] = canonical.size(0);
    first = first.reshape(shape);
  }
  return order == Order::channels_first ? first : first.movedim(1, -1);
}

at::Tensor Layout::channels_to_front(const at::Tensor& activation) const {
  return order == Order::channels_first ? activation : activation.movedim(-1, 1);
}

namespace {

// Every reading of a shape. Tokens are only read where somebody says that there are some: any number of steps is the
// count of some grid.
std::vector<Layout> readings_of(const Shape& shape, const Shape& input_shape, const std::string& wanted) {
  const bool same_rank = shape.size() == input_shape.size();
  if (same_rank && wanted == "channels_first") return {channels_first(shape)};
  if (same_rank && wanted == "channels_last") return {channels_last(shape)};
  std::vector<Layout> readings;
  const Shape extents(input_shape.begin() + 2, input_shape.end());
  if (wanted == "tokens" && shape.size() == 3) add_token_readings(shape, extents, readings);
  if (wanted != "auto" || !same_rank) return readings;
  const Layout first = channels_first(shape), last = channels_last(shape);
  // A signal [N,L,C] cannot be told from [N,C,L]: only when asked for.
  if (extents.size() > 1 && fits_grid(last.spatial, extents)) readings.push_back(last);
  // A grid of another aspect (strides that differ by axis) is still most likely the usual order.
  if (readings.empty() || fits_grid(first.spatial, extents)) readings.insert(readings.begin(), first);
  return readings;
}

// Of a signal: steps that were computed one by one and then joined. Nothing is known of their axis, but channels lie
// behind it.
bool are_joined_steps(const Axes* axes, const Shape& input_shape) {
  if (axes == nullptr || axes->size() != 3 || input_shape.size() != 3) return false;
  const Axis &rows = (*axes)[0], &steps = (*axes)[1], &channels = (*axes)[2];
  return rows.size() == 1 && has(rows, Factor::Source::batch) && has(steps, Factor::Source::unknown) &&
         channels.size() == 1 && has(channels, Factor::Source::channel);
}

}  // namespace

Reading read_layout(const Shape& shape, const Shape& input_shape, const std::string& wanted, const Axes* axes) {
  if (wanted == "auto" && axes != nullptr) {
    Reading reading = reading_of(*axes);
    if (reading.layout || !reading.why_not.empty()) return reading;
  }
  if (shape.empty() || shape[0] != input_shape[0]) return {{}, folded_into_batch};
  const bool is_told = wanted == "auto" && are_joined_steps(axes, input_shape);
  const auto readings = readings_of(shape, input_shape, is_told ? "channels_last" : wanted);
  if (readings.size() == 1) return {readings[0], ""};
  if (readings.empty()) return {{}, wanted == "auto" ? "its axes cannot be told" : "it cannot be read as " + wanted};
  return {{}, "it can be read as " + describe(readings[0]) + " or as " + describe(readings[1])};
}

Layout find_layout(const Shape& shape, const Shape& input_shape, const std::string& wanted, const std::string& layer,
                   const Axes* axes) {
  const std::string found =
      "layer '" + layer + "' gives " + shape_text(shape) + " for an input of " + shape_text(input_shape);
  const Reading reading = read_layout(shape, input_shape, wanted, axes);
  if (!reading.layout) {
    const bool is_open = wanted == "auto";
    throw Error(Fault::input, found + ", of which no map is made: " + reading.why_not +
                                  (is_open ? "; name another layer, or say how it is arranged with --layout" : ""));
  }
  if (!reading.layout->is_spatial()) {
    throw Error(Fault::input, found + ", which has no spatial extent; `attune layers` lists the layers that have one");
  }
  if (shape[0] != input_shape[0]) throw Error(Fault::input, found + ", of which no map is made: " + folded_into_batch);
  return *reading.layout;
}

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
