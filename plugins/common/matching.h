// What the resolution matchers share: which maps fit together, resizing and pairing.
#pragma once

#include <ATen/core/Tensor.h>
#include <ATen/ops/upsample_bilinear2d.h>
#include <ATen/ops/upsample_linear1d.h>
#include <ATen/ops/upsample_trilinear3d.h>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <attune/sdk/error.h>
#include <attune/sdk/matcher.h>

namespace attune::plugins {

// S1..Sd of a map [N,C,S1..Sd].
inline std::vector<int64_t> extents(const at::Tensor& map) { return map.sizes().slice(2).vec(); }

// Of maps that can be compared.
inline bool has_fewer_cells(const AttentionMap& a, const AttentionMap& b) {
  return a.values.numel() < b.values.numel();
}

// "7 x 7"
inline std::string to_text(const std::vector<int64_t>& extents) {
  std::string text;
  for (const int64_t extent : extents) text += (text.empty() ? "" : " x ") + std::to_string(extent);
  return text;
}

// "cam" (7 x 7), as messages name a map.
inline std::string named(const std::string& name, const at::Tensor& map) {
  return '"' + name + "\" (" + to_text(extents(map)) + ")";
}

// Linear, bilinear or trilinear interpolation of [N,C,S1..Sd] to other extents.
inline at::Tensor resized(const at::Tensor& map, const std::vector<int64_t>& to, bool align_corners) {
  if (extents(map) == to) return map;
  if (to.size() == 1) return at::upsample_linear1d(map, to, align_corners);
  if (to.size() == 2) return at::upsample_bilinear2d(map, to, align_corners);
  return at::upsample_trilinear3d(map, to, align_corners);
}

// Throws unless all maps have as many spatial dimensions and channels as the first.
inline void check_comparable(const MatchContext& context, const std::vector<AttentionMap>& maps) {
  for (size_t i = 1; i < maps.size(); ++i) {
    const at::Tensor& first = maps[0].values;
    const at::Tensor& other = maps[i].values;
    const std::string pair =
        "maps \"" + context.maps()[0].name + "\" and \"" + context.maps()[i].name + "\" cannot be compared: they have ";
    if (first.dim() != other.dim()) {
      throw Error(Fault::run, pair + std::to_string(first.dim() - 2) + " and " + std::to_string(other.dim() - 2) +
                                  " spatial dimensions");
    }
    if (first.size(1) != other.size(1)) {
      throw Error(Fault::run, pair + std::to_string(first.size(1)) + " and " + std::to_string(other.size(1)) +
                                  " channels; the parameter `channels` of gradient methods reduces them to one, for "
                                  "example \"channels\": \"abs_sum\"");
    }
  }
}

// Each map with each later one.
inline MatchedPairs pairs_of(const std::vector<AttentionMap>& maps) {
  MatchedPairs pairs;
  for (size_t i = 0; i < maps.size(); ++i) {
    for (size_t j = i + 1; j < maps.size(); ++j) pairs.emplace_back(maps[i], maps[j]);
  }
  return pairs;
}

}  // namespace attune::plugins
