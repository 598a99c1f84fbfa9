// Where the model is linear behind the layer, the map sums to the score.

#include <ATen/ATen.h>
#include <iostream>

#include <attune/catalogue.h>
#include <attune/maps.h>
#include <attune/torchscript.h>

namespace {

// Three feature maps and a linear classifier of their cells: [N,2,8,8] to [N,4].
attune::ScriptedModule small_model() {
  const attune::ScriptedModule features{
      "Features",
      "def forward(self, x):\n    return torch.relu(torch.conv2d(x, self.kernel, None))\n",
      {{"kernel", at::randn({3, 2, 3, 3})}}};
  return {"Small",
          "def forward(self, x):\n"
          "    return torch.matmul(torch.flatten(self.features.forward(x), 1), self.weight.t())\n",
          {{"weight", at::randn({4, 3 * 6 * 6})}},
          {},
          {{"features", features}}};
}

}  // namespace

int main(int argc, char** argv) try {
  const auto plugin = attune::Catalogue::load_file(argc > 1 ? argv[1] : "");
  const auto model = attune::torchscript_model(small_model());
  const std::vector<attune::MapRequest> requests{{"map", plugin.make_method("@id@")}};
  const auto target = attune::TargetChoice::parse("1", {});
  const auto set = attune::compute_maps(*model, at::randn({2, 2, 8, 8}), requests, {target});
  const at::Tensor sum = set.maps[0][0].values.flatten(1).sum(1), score = set.scores.select(1, 1);
  if (at::allclose(sum, score, 1e-3, 1e-3)) return 0;
  std::cerr << "the map sums to " << sum << "\nwhere the score is " << score << '\n';
  return 1;
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
