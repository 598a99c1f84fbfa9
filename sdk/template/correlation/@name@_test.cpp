// 1 for equal maps, -1 for a map turned upside down around 0, and in between where one is the other with an offset.

#include <ATen/ATen.h>
#include <iostream>

#include <attune/catalogue.h>

int main(int argc, char** argv) try {
  const auto plugin = attune::Catalogue::load_file(argc > 1 ? argv[1] : "");
  const auto correlation = plugin.make_correlation("@id@");
  at::Tensor map = at::randn({3, 1, 7, 7}, at::kDouble);
  map = map - map.mean({2, 3}, /*keepdim=*/true);
  const auto agreement = [&](const at::Tensor& other) { return correlation->correlate({map, false}, {other, false}); };
  const at::Tensor one = at::ones({3}, at::kDouble), moved = agreement(map + 1);
  const bool between = (moved > 0).logical_and(moved < 1).all().item<bool>();
  if (at::allclose(agreement(map), one) && at::allclose(agreement(-map), -one) && between) return 0;
  std::cerr << agreement(map) << '\n' << agreement(-map) << '\n' << moved << '\n';
  return 1;
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
