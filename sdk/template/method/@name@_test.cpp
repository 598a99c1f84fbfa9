// Where the model is linear behind the layer, the map sums to the score.

#include <ATen/ATen.h>
#include <iostream>
#include <torch/csrc/jit/api/module.h>

#include <attune/catalogue.h>
#include <attune/maps.h>
#include <attune/torchscript_model.h>

namespace {

// Three feature maps and a linear classifier of their cells: [N,2,8,8] to [N,4].
torch::jit::Module small_model() {
  torch::jit::Module features("__torch__.Features"), model("__torch__.Small");
  features.register_parameter("kernel", at::randn({3, 2, 3, 3}), false);
  features.define("def forward(self, x):\n    return torch.relu(torch.conv2d(x, self.kernel, None))\n");
  model.register_attribute("training", c10::BoolType::get(), false);
  model.register_module("features", features);
  model.register_parameter("weight", at::randn({4, 3 * 6 * 6}), false);
  model.define(
      "def forward(self, x):\n"
      "    return torch.matmul(torch.flatten(self.features.forward(x), 1), self.weight.t())\n");
  return model;
}

}  // namespace

int main(int argc, char** argv) try {
  const auto plugin = attune::Catalogue::load_file(argc > 1 ? argv[1] : "");
  attune::TorchScriptModel model(small_model());
  const std::vector<attune::MapRequest> requests{{"map", plugin.make_method("@id@")}};
  const auto target = attune::TargetChoice::parse("1", {});
  const auto set = attune::compute_maps(model, at::randn({2, 2, 8, 8}), requests, {target});
  const at::Tensor sum = set.maps[0][0].values.flatten(1).sum(1), score = set.scores.select(1, 1);
  if (at::allclose(sum, score, 1e-3, 1e-3)) return 0;
  std::cerr << "the map sums to " << sum << "\nwhere the score is " << score << '\n';
  return 1;
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
