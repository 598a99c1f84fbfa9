#include "model/layers/axes.h"

#include <algorithm>
#include <numeric>

#include "model/layers/axis_rules.h"

namespace attune {
namespace {

using Source = Factor::Source;

bool is_same_axis(const Factor& a, const Factor& b) {
  return a.source == b.source && a.of == b.of && a.tokens == b.tokens && a.source != Source::unknown;
}

// Outer and inner part of an axis that was divided, side by side again, are the axis.
void append(Axis& axis, const Factor& factor) {
  if (!axis.empty() && is_same_axis(axis.back(), factor) && axis.back().stride == factor.size * factor.stride) {
    axis.back().size *= factor.size;
    axis.back().stride = factor.stride;
  } else {
    axis.push_back(factor);
  }
}

Axis row_of(int64_t before, Axis grid, int64_t behind) {
  if (before == 0 && behind == 0) return grid;
  const int64_t size = before + size_of(grid) + behind;
  auto tokens = std::make_shared<const Tokens>(Tokens{before, std::move(grid), behind});
  return {{Source::tokens, 0, size, 1, std::move(tokens)}};
}

// Of an axis that is such a row as a whole.
const Tokens* tokens_of(const Axis& axis) {
  if (axis.size() != 1 || axis[0].source != Source::tokens) return nullptr;
  const Tokens& tokens = *axis[0].tokens;
  return axis[0].size == tokens.before + size_of(tokens.grid) + tokens.behind ? &tokens : nullptr;
}

}  // namespace

int64_t size_of(const Axis& axis) {
  return std::accumulate(axis.begin(), axis.end(), int64_t{1}, [](int64_t n, const Factor& f) { return n * f.size; });
}

std::vector<int64_t> sizes_of(const Axes& axes) {
  std::vector<int64_t> sizes;
  for (const Axis& axis : axes) sizes.push_back(size_of(axis));
  return sizes;
}

bool has(const Axis& axis, Source source) {
  return std::any_of(axis.begin(), axis.end(), [&](const Factor& f) { return f.source == source; });
}

bool is_place(const Axis& axis) {
  return !axis.empty() && std::all_of(axis.begin(), axis.end(), [](const Factor& f) {
    return f.source == Source::position || f.source == Source::tokens || f.source == Source::sequence;
  });
}

Axis axis_of(Source source, int64_t size, int64_t of) {
  if (source == Source::unknown && size == 1) return {};
  return {{source, of, size, 1, nullptr}};
}

Axes axes_of_input(c10::IntArrayRef sizes) {
  Axes axes;
  const size_t first = sizes.size() > 2 ? 2 : 1;  // of the positions
  for (size_t i = 0; i < sizes.size(); ++i) {
    const Source source = i >= first ? Source::position : i == 0 ? Source::batch : Source::channel;
    axes.push_back(axis_of(source, sizes[i], i >= first ? static_cast<int64_t>(i - first) : 0));
  }
  return axes;
}

Axis resized(const Axis& axis, int64_t size) {
  if (size == size_of(axis)) return axis;
  const bool is_whole = axis.size() == 1;
  if (is_whole && (axis[0].source == Source::position || axis[0].source == Source::channel)) {
    Axis result = axis;
    result[0].size = size;
    return result;
  }
  return axis_of(is_place(axis) ? Source::sequence : Source::unknown, size);
}

Axis cut(const Axis& axis, int64_t start, int64_t length) {
  if (length == size_of(axis)) return axis;
  const Tokens* tokens = tokens_of(axis);
  if (tokens == nullptr) return resized(axis, length);
  const int64_t grid_begin = tokens->before, grid_end = tokens->before + size_of(tokens->grid), end = start + length;
  if (end <= grid_begin || start >= grid_end) return axis_of(Source::unknown, length);
  if (start > grid_begin || end < grid_end) return axis_of(Source::sequence, length);
  return row_of(grid_begin - start, tokens->grid, end - grid_end);
}

Axis joined(const std::vector<Axis>& parts) {
  int64_t before = 0, behind = 0, all = 0;
  for (const Axis& part : parts) all += size_of(part);
  const Axis* grid = nullptr;
  for (const Axis& part : parts) {
    const bool is_grid = is_place(part);
    if (is_grid && grid != nullptr) return axis_of(Source::sequence, all);
    if (is_grid) grid = &part;
    if (!is_grid) (grid == nullptr ? before : behind) += size_of(part);
  }
  if (grid == nullptr) return axis_of(Source::unknown, before);
  if (!has(*grid, Source::tokens)) return row_of(before, *grid, behind);
  const Tokens* tokens = tokens_of(*grid);
  if (tokens == nullptr) return axis_of(Source::sequence, before + size_of(*grid) + behind);
  return row_of(before + tokens->before, tokens->grid, tokens->behind + behind);
}

std::optional<Axes> reshaped(const Axes& axes, c10::IntArrayRef sizes) {
  std::vector<Factor> left;
  for (const Axis& axis : axes) left.insert(left.end(), axis.begin(), axis.end());
  if (std::any_of(left.begin(), left.end(), [](const Factor& f) { return f.size == 0; })) return std::nullopt;
  Axes result;
  size_t next = 0;
  for (const int64_t size : sizes) {
    Axis axis;
    int64_t open = size;
    while (next < left.size() && (open > 1 || (left[next].size == 1 && axis.empty()))) {
      Factor& factor = left[next];
      if (open % factor.size == 0) {
        append(axis, factor);
        open /= factor.size;
        ++next;
      } else if (factor.size % open == 0) {  // its outer part; the inner one is left
        const int64_t inner = factor.size / open;
        Factor outer = factor;
        outer.size = open;
        outer.stride *= inner;
        append(axis, outer);
        factor.size = inner;
        open = 1;
      } else {
        return std::nullopt;
      }
    }
    if (open != 1) return std::nullopt;
    result.push_back(std::move(axis));
  }
  const bool is_done = std::all_of(left.begin() + static_cast<ptrdiff_t>(next), left.end(),
                                   [](const Factor& factor) { return factor.size == 1; });
  return is_done ? std::optional(result) : std::nullopt;
}

AxisTracker::AxisTracker(const at::Tensor& input) {
  Axes axes = axes_of_input(input.sizes());
  for (const Axis& axis : axes) positions_ += has(axis, Factor::Source::position) ? 1 : 0;
  set(input, std::move(axes));
}

void AxisTracker::observe(const std::string& op, const std::vector<c10::IValue>& inputs,
                          const std::vector<c10::IValue>& outputs) {
  try {
    AxisRule{*this, inputs, outputs}.apply(op);
  } catch (const std::exception&) {  // an operator that takes other inputs than its rule knows: nothing is told of it
  }
}

const Axes* AxisTracker::find(const at::Tensor& tensor) const {
  const auto found = axes_.find(tensor.unsafeGetTensorImpl());
  return found == axes_.end() ? nullptr : &found->second.second;
}

void AxisTracker::set(const at::Tensor& tensor, Axes axes) {
  const auto* key = tensor.unsafeGetTensorImpl();
  axes_.erase(key);
  axes_.emplace(key, std::make_pair(Weak(tensor.getIntrusivePtr()), std::move(axes)));
}

Axis AxisTracker::new_channels(int64_t size) { return axis_of(Factor::Source::channel, size, ++channels_); }

}  // namespace attune
