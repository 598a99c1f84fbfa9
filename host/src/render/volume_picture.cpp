#include "render/volume_picture.h"

#include <optional>

#include <attune/sdk/error.h>

#include "render/contact_sheet.h"
#include "render/heat.h"

namespace attune {
namespace {

constexpr double kSmallSlice = 160, kLargeSlice = 240;  // the longest side of a volume, in pixels
constexpr double kManySlices = 64, kManySide = 112;     // from how many on it is another
constexpr double kThinnest = 16;                        // of a slice's sides, in pixels
constexpr int64_t kCellSide = 108;
constexpr int64_t kLongestRow = 2400;

void require_volume(const Volume& volume) {
  const at::Tensor& grey = volume.grey;
  if (grey.defined() && grey.dim() == 3 && grey.scalar_type() == at::kByte && grey.numel() > 0) return;
  throw Error(Fault::run, "a volume is drawn from a uint8 tensor [S1,S2,S3]");
}

// Slices along one axis, which are pictures, of a volume that is drawn in these extents; `map` is drawable.
class VolumeStack {
 public:
  VolumeStack(const Volume& volume, int64_t axis, const std::array<int64_t, 3>& extents, const at::Tensor& map,
              const OverlayOptions& options)
      : axis_(volume.axes[static_cast<size_t>(axis)]),
        grey_(volume.grey.movedim(axis, 0)),
        height_(axis == 0 ? extents[1] : extents[0]),
        width_(axis == 2 ? extents[1] : extents[2]),
        options_(options) {
    if (map.defined()) slices_.emplace(map.movedim(axis, 0), count());
    strengths_ = slices_ ? slices_->strengths(options.signed_) : std::vector<double>(grey_.size(0));
  }

  int64_t count() const { return grey_.size(0); }
  int64_t width() const { return width_; }
  const std::string& name() const { return axis_.name; }
  std::vector<ChosenSlice> choose(int64_t shown) const { return choose_slices(strengths_, shown); }

  int64_t strongest() const {
    const auto peak = std::max_element(strengths_.begin(), strengths_.end());
    return *peak > 0 ? peak - strengths_.begin() : count() / 2;
  }

  std::string number(int64_t place) const { return std::to_string(axis_.reversed ? count() - 1 - place : place); }

  Image picture(int64_t place) const {
    const Image enlarged = resize(in_rgb(grey_[place].unsqueeze(0)), height_, width_);
    return slices_ ? overlay(enlarged, slices_->slice(place), whole(enlarged), options_) : enlarged;
  }

 private:
  VolumeAxis axis_;
  at::Tensor grey_;
  int64_t height_, width_;  // of pictures
  OverlayOptions options_;
  std::optional<Slices> slices_;
  std::vector<double> strengths_;
};

// The extents of the volume in pixels, when its longest is between `smallest` and `largest`.
std::array<int64_t, 3> extents_of(const Volume& volume, double smallest, double largest) {
  std::array<double, 3> lengths{};
  double finest = volume.axes[0].spacing;
  for (const VolumeAxis& axis : volume.axes) finest = std::min(finest, axis.spacing);
  for (size_t i = 0; i < 3; ++i) {
    lengths[i] = static_cast<double>(volume.grey.size(static_cast<int64_t>(i))) * volume.axes[i].spacing / finest;
  }
  const double longest = *std::max_element(lengths.begin(), lengths.end());
  std::array<int64_t, 3> extents{};
  for (size_t i = 0; i < 3; ++i) {
    const double pixels = lengths[i] * std::clamp(longest, smallest, largest) / longest;
    extents[i] = std::lround(std::max(pixels, kThinnest));
  }
  return extents;
}

// Along each axis, on one scale.
std::vector<VolumeStack> stacks_of(const Volume& volume, const at::Tensor& map, const OverlayOptions& options,
                                   double smallest, double largest) {
  const auto extents = extents_of(volume, smallest, largest);
  const at::Tensor values = map.defined() ? drawable(map, 3) : map;
  const OverlayOptions common = on_scale_of(values, options);
  std::vector<VolumeStack> stacks;
  for (int64_t axis = 0; axis < 3; ++axis) stacks.emplace_back(volume, axis, extents, values, common);
  return stacks;
}

std::string heading_of(const VolumeStack& stack, const std::vector<ChosenSlice>& chosen) {
  const auto shown = static_cast<int64_t>(chosen.size());
  const std::string all = std::to_string(stack.count()) + (stack.count() == 1 ? " slice" : " slices");
  if (shown == stack.count()) return stack.name() + ": all " + all;
  const auto hot = std::count_if(chosen.begin(), chosen.end(), [](const ChosenSlice& slice) { return slice.hot; });
  return stack.name() + ": " + std::to_string(shown) + " of " + all + ", " +
         (hot == 0 ? "evenly spaced" : "* most heat, the others evenly spaced");
}

double length_of(const NiftiAffine& affine, int64_t axis) {
  double squares = 0;
  for (const auto& row : affine) squares += std::pow(row[static_cast<size_t>(axis)], 2);
  return std::sqrt(squares);
}

// The axes of the volume that run along the body's height, depth and width.
std::array<int64_t, 3> body_order(const NiftiAffine& affine) {
  std::array<int64_t, 3> order{0, 1, 2}, best{2, 1, 0};
  double most = 0;
  do {
    double along = 0;
    for (size_t i = 0; i < 3; ++i) {
      const double length = length_of(affine, order[i]);
      if (length > 0) along += std::abs(affine[2 - i][static_cast<size_t>(order[i])]) / length;
    }
    if (along > most + 1e-9) {
      most = along;
      best = order;
    }
  } while (std::next_permutation(order.begin(), order.end()));
  return best;
}

}  // namespace

Image volume_picture(const Volume& volume, const at::Tensor& map, const OverlayOptions& options, int64_t shown) {
  require_volume(volume);
  if (shown < 1) throw Error(Fault::run, "a volume is shown by at least one slice along each axis");
  double total = 0;
  for (const int64_t count : volume.grey.sizes()) total += static_cast<double>(std::min(count, shown));
  const bool many = total > kManySlices;
  const double smallest = many ? kManySide : kSmallSlice, largest = many ? kManySide : kLargeSlice;
  std::vector<Section> sections;
  for (const VolumeStack& stack : stacks_of(volume, map, options, smallest, largest)) {
    const std::vector<ChosenSlice> chosen = stack.choose(shown);
    std::vector<Tile> tiles;
    for (const ChosenSlice& slice : chosen) {
      tiles.push_back({stack.picture(slice.index), stack.number(slice.index) + (slice.hot ? " *" : ""), slice.hot});
    }
    const int64_t fitting = std::max<int64_t>(kLongestRow / stack.width(), 8);
    sections.push_back({heading_of(stack, chosen), tiled(tiles, even_columns(std::ssize(tiles), fitting))});
  }
  return stacked(sections);
}

Image volume_cell(const Volume& volume, const at::Tensor& map, const OverlayOptions& options) {
  require_volume(volume);
  std::vector<Tile> tiles;
  for (const VolumeStack& stack : stacks_of(volume, map, options, kCellSide, kCellSide)) {
    const int64_t place = stack.strongest();
    tiles.push_back({stack.picture(place), stack.name() + ": " + stack.number(place)});
  }
  return tiled(tiles, 2);
}

at::Tensor VolumeView::turned(const at::Tensor& values) const {
  std::vector<int64_t> reversed;
  for (size_t i = 0; i < 3; ++i) {
    if (axes[i].reversed) reversed.push_back(static_cast<int64_t>(i));
  }
  return values.permute(order).flip(reversed).contiguous();
}

VolumeView upright(const NiftiHeader& header) {
  const NiftiAffine affine = affine_of(header);
  VolumeView view;
  view.order = body_order(affine);
  const std::array<const char*, 3> names = {"axial", "coronal", "sagittal"};
  for (size_t i = 0; i < 3; ++i) {
    // The file's world points right, to the front and up; pictures are drawn downwards and to the right.
    const double direction = affine[2 - i][static_cast<size_t>(view.order[i])];
    const double length = length_of(affine, view.order[i]);
    const bool reversed = i < 2 ? direction > 0 : direction < 0;
    view.axes[i] = {names[i], reversed, std::isfinite(length) && length > 0 ? length : 1};
  }
  return view;
}

}  // namespace attune
