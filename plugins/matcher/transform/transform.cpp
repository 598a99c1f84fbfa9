// The input is moved, each map is computed once more on the moved input, and the map of the input itself is moved
// along: what a model looks at should move with the picture. Changes of colour and noise move nothing, and the map
// should stay.
//
// ## Equation
//
// With the input `x`, a map `M`, a transform `T` of inputs and the same transform `T'` of maps:
//
// ```
// pairs: (T' M(x), M(T x))       for every map of the term, for the class chosen on x
// ```
//
// Only cells of which the moved map knows the value are compared: where a rotation brings in what was outside of the
// picture, the cells are left out of both maps, which then are rows of cells. Elsewhere the maps keep their form. The
// first map is resized to the size of the second where they differ.
//
// Guo et al., "Visual Attention Consistency under Image Transforms for Multi-Label Image Classification", 2019 (flips,
// scales); Wang et al., "Self-supervised Equivariant Attention Mechanism for Weakly Supervised Semantic Segmentation",
// 2020 (a scale of 0.3); Jo and Yu, "Puzzle-CAM", 2021 (tiles); Pillai et al., "Consistent Explanations by Contrastive
// Learning", 2022 (crops).
//
// ## Parameters
//
// They are done in the order of the table. What moves, moves in the last two axes of the input: a clip's frames
// are moved alike. What is drawn at random is drawn anew in every call, once for a batch.
//
// `rotate` is about the centre, counter-clockwise, and fills with 0. `crop` keeps a part of that share of each side, at
// a random place, and resizes it to the whole. `scale` gives the model a smaller or larger input, which it must take.
// `tiles` cuts the input into so many parts along each axis, which go through the model one by one; their maps are put
// together again. `colour` changes contrast and brightness of each channel by up to that share, and `noise` is a
// standard deviation as a share of each input's range.
//
// ## Cost
//
// One more forward pass, and for every map what it takes; with `tiles` as many as there are tiles. Every map of the
// term is computed again.
//
// ## Where it misleads
//
// - Coarse maps cannot follow small moves: a map of 7 x 7 cells knows nothing of a shift by five pixels, and its own
//   interpolation is a difference too.
// - Padding at the borders makes the maps of a convolutional network differ near them whatever it has learned, those of
//   tiles and small scales most of all.
// - The class is the one of the whole picture. A crop or a tile may not show it.
// - A map that is flat is consistent. Beside it a loss of labels keeps the model's answer, as in the papers.
//
// ## Example
//
// ```json
// {
//   "version": 2,
//   "description": "Grad-CAM moves with the picture, mirrored and made smaller",
//   "target": "top1",
//   "maps": {"cam": {"use": "gradcam"}},
//   "terms": [
//     {
//       "maps": ["cam"],
//       "match": {"use": "transform", "flip": "horizontal", "scale": 0.75},
//       "normalise": "minmax",
//       "compare": "l2"
//     }
//   ]
// }
// ```

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/linspace.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/relu.h>
#include <algorithm>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include <attune/sdk/plugin.h>

#include "common/matching.h"
#include "common/rows.h"

namespace {

using namespace attune;

constexpr double pi = 3.14159265358979323846;

Descriptor descriptor() {
  Descriptor d;
  d.id = "transform";
  d.title = "Transform";
  d.summary = "Each map is compared with itself on a moved input, after it was moved along";
  d.citation = "Guo et al. 2019 (VAC); Wang et al. 2020 (SEAM); Jo and Yu 2021 (Puzzle-CAM)";
  d.parameters = {
      choice("flip", "none", {"none", "horizontal", "vertical", "both"}, "Mirror the input"),
      real("rotate", 0.0, {-360, 360}, "Degrees, counter-clockwise"),
      real("crop", 1.0, {0.1, 1}, "Share of each side that is kept, at a random place, and resized to the whole"),
      real("scale", 1.0, {0.1, 4}, "Factor of the input's size"),
      real("colour", 0.0, {0, 1}, "Random changes of each channel's contrast and brightness, up to this share"),
      real("noise", 0.0, {0, 10}, "Standard deviation of noise, as a share of each input's range"),
      integer("tiles", 1, {1, 8}, "Parts along each axis that go through the model one by one"),
  };
  d.deterministic = false;  // with crop, colour or noise
  return d;
}

// What is drawn for one call.
struct Draws {
  double top = 0, left = 0;  // of the crop, as shares of what is cut off
  at::Tensor contrast, brightness, noise;
};

// [S,S]: the lines of a part of an axis, from `begin` on and of that share, as those of the whole.
at::Tensor crop_matrix(int64_t extent, double begin, double share, const at::TensorOptions& options) {
  const auto size = static_cast<double>(extent);
  const double first = (begin + share / (2 * size)) * size - 0.5, step = share;
  const at::Tensor place =
      at::linspace(first, first + step * (size - 1), extent, options).clamp(0, size - 1).unsqueeze(1);
  return at::relu(1 - (at::linspace(0, size - 1, extent, options).unsqueeze(0) - place).abs());
}

// Bilinear sampling of the last two axes at the places [P] that have coordinates in cells, 0 where they lie outside.
at::Tensor sampled(const at::Tensor& x, const at::Tensor& rows, const at::Tensor& columns, const at::Tensor& inside) {
  const int64_t height = x.size(-2), width = x.size(-1);
  const at::Tensor flat = x.flatten(-2), top = rows.floor(), left = columns.floor();
  at::Tensor sum;
  for (const auto& [down, right] : {std::pair(0, 0), {0, 1}, {1, 0}, {1, 1}}) {
    const at::Tensor row = (top + down).clamp(0, static_cast<double>(height - 1));
    const at::Tensor column = (left + right).clamp(0, static_cast<double>(width - 1));
    const at::Tensor weight = (1 - (rows - (top + down)).abs()) * (1 - (columns - (left + right)).abs()) * inside;
    const at::Tensor part =
        flat.index_select(-1, (row * static_cast<double>(width) + column).to(at::kLong)) * weight.to(x.scalar_type());
    sum = sum.defined() ? sum + part : part;
  }
  return sum.view_as(x);
}

class Transform final : public ResolutionMatcher {
 public:
  explicit Transform(const Parameters& parameters)
      : flip_(parameters.string("flip")),
        angle_(parameters.real("rotate") * pi / 180),
        crop_(parameters.real("crop")),
        scale_(parameters.real("scale")),
        colour_(parameters.real("colour")),
        noise_(parameters.real("noise")),
        tiles_(parameters.integer("tiles")) {}

  Reruns reruns(const std::vector<MapInfo>& maps) const override {
    Reruns reruns;
    for (size_t i = 0; i < maps.size(); ++i) reruns.maps.push_back(i);
    reruns.inputs = tiles_ * tiles_;
    return reruns;
  }

  MatchedPairs match(MatchContext& context, const std::vector<AttentionMap>& maps) const override {
    const at::Tensor& input = context.input();
    if (input.dim() == 3 && (angle_ != 0 || flip_ == "vertical" || flip_ == "both")) {
      throw Error(Fault::run, "an input of one dimension can be mirrored horizontally, and not turned");
    }
    const Draws draws = draw(input, context.generator());
    const at::Tensor changed = recoloured(scaled(moved(input, input, draws)), draws);
    if (tiles_ == 1) context.show("moved input", Shown::input, changed);
    const std::vector<std::vector<at::Tensor>> parts = tiles(changed);
    std::vector<std::vector<AttentionMap>> again(maps.size());  // [map][tile]
    for (const auto& row : parts) {
      for (const at::Tensor& tile : row) {
        for (size_t i = 0; i < maps.size(); ++i) again[i].push_back(context.recompute(i, tile));
        context.made(tile);
      }
    }
    MatchedPairs pairs;
    for (size_t i = 0; i < maps.size(); ++i) {
      if (maps[i].values.dim() != input.dim()) throw Error(Fault::run, "a map has other dimensions than the input");
      const AttentionMap second{joined(again[i], parts), maps[i].at_input_resolution};
      pairs.push_back(known({moved(maps[i].values, input, draws), maps[i].at_input_resolution}, second,
                            moved(at::ones_like(maps[i].values.narrow(0, 0, 1).narrow(1, 0, 1)), input, draws)));
    }
    return pairs;
  }

 private:
  // Once for the batch, on the processor, so that every device draws the same.
  Draws draw(const at::Tensor& input, const at::Generator& generator) const {
    const auto on_cpu = at::TensorOptions().dtype(at::kDouble);
    const auto like_input = [&](const at::Tensor& tensor) { return tensor.to(input.device(), input.scalar_type()); };
    Draws draws;
    if (crop_ < 1) {
      const at::Tensor place = at::rand({2}, generator, on_cpu);
      draws.top = place[0].item<double>();
      draws.left = place[1].item<double>();
    }
    std::vector<int64_t> channels(static_cast<size_t>(input.dim()), 1), one = input.sizes().vec();
    channels[1] = input.size(1);
    one[0] = 1;
    if (colour_ > 0) {
      draws.contrast = like_input(at::rand(channels, generator, on_cpu) * 2 - 1);
      draws.brightness = like_input(at::rand(channels, generator, on_cpu) * 2 - 1);
    }
    if (noise_ > 0) draws.noise = like_input(at::randn(scaled_extents(one), generator, on_cpu));
    return draws;
  }

  // An input, or a map of it, flipped, rotated and cropped, at its own size.
  at::Tensor moved(at::Tensor x, const at::Tensor& input, const Draws& draws) const {
    if (flip_ == "horizontal" || flip_ == "both") x = x.flip({-1});
    if (flip_ == "vertical" || flip_ == "both") x = x.flip({-2});
    if (angle_ != 0) x = rotated(x, input);
    if (crop_ == 1) return x;
    const auto options = x.options().requires_grad(false);
    x = plugins::along(x, x.dim() - 1, crop_matrix(x.size(-1), draws.left * (1 - crop_), crop_, options));
    if (x.dim() == 3) return x;
    return plugins::along(x, x.dim() - 2, crop_matrix(x.size(-2), draws.top * (1 - crop_), crop_, options));
  }

  // About the centre, in pixels of the input, whose cells need not be square in a map.
  at::Tensor rotated(const at::Tensor& x, const at::Tensor& input) const {
    const auto options = x.options().dtype(at::kDouble).requires_grad(false);
    const auto centres = [&](int64_t axis) {
      const double half = static_cast<double>(input.size(axis)) / 2,
                   cell = 2 * half / static_cast<double>(x.size(axis));
      return at::linspace(cell / 2 - half, half - cell / 2, x.size(axis), options);
    };
    const at::Tensor down = centres(-2).unsqueeze(1), right = centres(-1).unsqueeze(0);
    const at::Tensor from_right = (std::cos(angle_) * right - std::sin(angle_) * down).flatten();
    const at::Tensor from_down = (std::sin(angle_) * right + std::cos(angle_) * down).flatten();
    const double half_height = static_cast<double>(input.size(-2)) / 2,
                 half_width = static_cast<double>(input.size(-1)) / 2;
    constexpr double rounding = 1e-9;
    const at::Tensor inside =
        (from_down.abs() <= half_height + rounding).logical_and(from_right.abs() <= half_width + rounding);
    const at::Tensor rows = (from_down + half_height) * (static_cast<double>(x.size(-2)) / (2 * half_height)) - 0.5;
    const at::Tensor columns = (from_right + half_width) * (static_cast<double>(x.size(-1)) / (2 * half_width)) - 0.5;
    return sampled(x, rows, columns, inside);
  }

  std::vector<int64_t> scaled_extents(std::vector<int64_t> shape) const {
    for (size_t axis = std::max<size_t>(shape.size() - 2, 2); axis < shape.size(); ++axis) {
      shape[axis] = std::max<int64_t>(std::llround(scale_ * static_cast<double>(shape[axis])), 1);
    }
    return shape;
  }

  at::Tensor scaled(const at::Tensor& input) const {
    const std::vector<int64_t> shape = scaled_extents(input.sizes().vec());
    return plugins::resized(input, {shape.begin() + 2, shape.end()}, /*align_corners=*/false);
  }

  at::Tensor recoloured(at::Tensor input, const Draws& draws) const {
    std::vector<int64_t> one(static_cast<size_t>(input.dim()), 1);
    one[0] = input.size(0);
    const at::Tensor cells = input.flatten(1);
    if (colour_ > 0) {
      const at::Tensor spread = (cells - cells.mean(1, true)).square().mean(1).sqrt().view(one);
      input = input * (1 + colour_ * draws.contrast) + colour_ * draws.brightness * spread;
    }
    if (noise_ == 0) return input;
    const at::Tensor range = (cells.amax(1) - cells.amin(1)).view(one);
    return input + noise_ * range * draws.noise;
  }

  // [rows][columns] along the last two axes; of a signal one row.
  std::vector<std::vector<at::Tensor>> tiles(const at::Tensor& input) const {
    const bool is_signal = input.dim() == 3;
    for (int64_t axis = is_signal ? -1 : -2; axis < 0; ++axis) {
      if (input.size(axis) % tiles_ == 0) continue;
      throw Error(Fault::run, "an input of " + plugins::to_text(plugins::extents(input)) + " cannot be cut into " +
                                  std::to_string(tiles_) + " tiles of one size along each axis");
    }
    std::vector<std::vector<at::Tensor>> all;
    const std::vector<at::Tensor> rows = is_signal ? std::vector<at::Tensor>{input} : input.chunk(tiles_, -2);
    for (const at::Tensor& row : rows) all.push_back(row.chunk(tiles_, -1));
    return all;
  }

  static at::Tensor joined(const std::vector<AttentionMap>& tiles, const std::vector<std::vector<at::Tensor>>& parts) {
    std::vector<at::Tensor> rows;
    auto tile = tiles.begin();
    for (const auto& row : parts) {
      std::vector<at::Tensor> columns;
      for (size_t i = 0; i < row.size(); ++i) columns.push_back((tile++)->values);
      rows.push_back(at::cat(columns, -1));
    }
    return rows.size() == 1 ? rows[0] : at::cat(rows, -2);
  }

  // Both maps at the second one's size, where the first, moved, is known.
  static std::pair<AttentionMap, AttentionMap> known(AttentionMap first, AttentionMap second,
                                                     const at::Tensor& inside) {
    const std::vector<int64_t> size = plugins::extents(second.values);
    const at::Tensor cells = plugins::resized(inside, size, false).flatten().gt(1 - 1e-6);
    first.values = plugins::resized(first.values, size, false);
    if (cells.all().item<bool>()) return {first, second};
    const at::Tensor which = cells.nonzero().squeeze(1);
    if (which.size(0) == 0) throw Error(Fault::run, "no cell of the moved map lies in the picture");
    for (AttentionMap* map : {&first, &second}) {
      std::vector<int64_t> shape(static_cast<size_t>(map->values.dim()), 1);
      shape[0] = map->values.size(0);
      shape[1] = map->values.size(1);
      shape.back() = which.size(0);
      map->values = map->values.flatten(2).index_select(2, which).view(shape);
    }
    return {first, second};
  }

  std::string flip_;
  double angle_;
  double crop_;
  double scale_;
  double colour_;
  double noise_;
  int64_t tiles_;
};

}  // namespace

ATTUNE_PLUGIN("transform", ATTUNE_VERSION, registry) { registry.add_matcher<Transform>(descriptor()); }
