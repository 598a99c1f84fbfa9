#include "model/layout.h"

#include <ATen/ops/cat.h>
#include <algorithm>
#include <cmath>

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

// Leaves the readings alone when none has the order.
void keep_only(const std::string& order, std::vector<Layout>& readings) {
  const auto other = [&](const Layout& l) { return to_string(l.order) != order; };
  if (std::all_of(readings.begin(), readings.end(), other)) return;
  readings.erase(std::remove_if(readings.begin(), readings.end(), other), readings.end());
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

at::Tensor Layout::canonical(const at::Tensor& activation) const {
  if (order == Order::channels_first) return activation;
  if (order == Order::channels_last) return activation.movedim(-1, 1);
  Shape shape{activation.size(0), activation.size(2)};
  shape.insert(shape.end(), spatial.begin(), spatial.end());
  return activation.narrow(1, prefix_tokens, activation.size(1) - prefix_tokens).transpose(1, 2).reshape(shape);
}

at::Tensor Layout::raw(const at::Tensor& canonical, const at::Tensor& like) const {
  if (order == Order::channels_first) return canonical;
  if (order == Order::channels_last) return canonical.movedim(1, -1);
  const at::Tensor tokens = canonical.flatten(2).transpose(1, 2);
  if (prefix_tokens == 0) return tokens;
  const at::Tensor prefix = like.narrow(1, 0, prefix_tokens);
  return at::cat({prefix.repeat_interleave(canonical.size(0) / like.size(0), 0), tokens}, 1);
}

std::vector<Layout> possible_layouts(const Shape& shape, const Shape& input_shape, const std::string& arrangement) {
  std::vector<Layout> readings;
  const Shape extents(input_shape.begin() + 2, input_shape.end());
  if (shape.size() == input_shape.size()) {
    const Layout first = channels_first(shape);
    const Layout last = channels_last(shape);
    // A signal [N,L,C] cannot be told from [N,C,L]: only when asked for.
    if (extents.size() > 1 && fits_grid(last.spatial, extents)) readings.push_back(last);
    // A grid of another aspect (strides that differ by axis) is still most likely the usual order.
    if (readings.empty() || fits_grid(first.spatial, extents)) readings.insert(readings.begin(), first);
  } else if (shape.size() == 3) {
    add_token_readings(shape, extents, readings);
  }
  if (readings.size() > 1) keep_only(arrangement, readings);
  return readings;
}

Layout find_layout(const Shape& shape, const Shape& input_shape, const std::string& wanted, const std::string& layer,
                   const std::string& arrangement) {
  const std::string found =
      "layer '" + layer + "' gives " + shape_text(shape) + " for an input of " + shape_text(input_shape);
  auto readings = possible_layouts(shape, input_shape, wanted == "auto" ? arrangement : wanted);
  if (wanted != "auto") {
    const auto other = [&](const Layout& l) { return to_string(l.order) != wanted; };
    readings.erase(std::remove_if(readings.begin(), readings.end(), other), readings.end());
    const bool same_rank = shape.size() == input_shape.size();
    if (same_rank && wanted == "channels_first") readings = {channels_first(shape)};
    if (same_rank && wanted == "channels_last") readings = {channels_last(shape)};
    if (readings.empty()) throw Error(Fault::input, found + ", which cannot be read as " + wanted);
  }
  if (readings.size() > 1) {
    throw Error(Fault::input, found + ", which can be read as " + describe(readings[0]) + " or as " +
                                  describe(readings[1]) + "; say which with --layout");
  }
  if (readings.empty() || !readings[0].is_spatial()) {
    throw Error(Fault::input, found + ", which has no spatial extent; `attune layers` lists the layers that have one");
  }
  return readings[0];
}

}  // namespace attune
