// Integrated gradients against their defining property, a plain loop and finite differences:
//   integrated_gradients_test PLUGIN

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <iostream>
#include <string>
#include <torch/csrc/autograd/autograd.h>
#include <vector>

#include <attune/catalogue.h>
#include <attune/maps.h>
#include <attune/torchscript.h>

namespace {

using Given = std::map<std::string, attune::ParameterValue>;

int failures = 0;

void expect(bool holds, const std::string& what) {
  if (!holds) std::cerr << "failed: " << what << '\n';
  failures += holds ? 0 : 1;
}

at::Tensor random(at::IntArrayRef shape, uint64_t seed) {
  return at::randn(shape, at::detail::createCPUGenerator(seed), at::kDouble);
}

// A convolution, an activation, a mean and a classifier: [N,2,8,7] to [N,3].
std::shared_ptr<attune::ImageModel> make_model(const std::string& activation) {
  const attune::ScriptedModule module{"Small",
                                      "def forward(self, x):\n    x = " + activation +
                                          "(torch.conv2d(x, self.kernel, None))\n"
                                          "    return torch.matmul(torch.mean(x * x, [2, 3]), self.weight.t())\n",
                                      {{"kernel", random({4, 2, 3, 3}, 1)}, {"weight", random({3, 4}, 2)}}};
  return attune::torchscript_model(module);
}

class Check {
 public:
  Check(const attune::Catalogue& catalogue, const std::string& activation)
      : catalogue_(catalogue), model_(make_model(activation)), name_(activation) {}

  // The map sums to what the score gains from the baseline to the input.
  void completeness() {
    for (const std::string rule : {"midpoint", "gauss_legendre"}) {
      for (const double baseline : {0.0, 0.7}) {
        const at::Tensor map = map_of({{"steps", int64_t{64}}, {"rule", rule}, {"baseline", baseline}}, input_);
        const at::Tensor gain = score(input_) - score(at::full_like(input_, baseline));
        expect((map.flatten(1).sum(1) - gain).abs().le(0.01 * gain.abs()).all().item<bool>(),
               name_ + ": completeness, " + rule + ", baseline " + std::to_string(baseline));
      }
    }
  }

  void plain_loop() {
    at::Tensor mean = at::zeros_like(input_);
    for (int step = 0; step < 8; ++step) {
      const at::Tensor x = (input_ * ((step + 0.5) / 8)).requires_grad_();
      mean = mean + torch::autograd::grad({score(x).sum()}, {x})[0] / 8;
    }
    const at::Tensor expected = input_ * mean;
    const Given midpoint{{"rule", std::string("midpoint")}};
    expect(at::allclose(map_of(midpoint, input_), expected), name_ + ": equals the plain loop");
    expect(at::allclose(map_of({{"channels", std::string("sum")}}, input_), expected.sum(1, true)), name_ + ": sum");
    expect(at::allclose(map_of({{"channels", std::string("abs_sum")}}, input_), expected.abs().sum(1, true)),
           name_ + ": abs_sum");
    for (int64_t i = 0; i < input_.size(0); ++i) {
      expect(at::allclose(map_of(midpoint, input_.narrow(0, i, 1)), expected.narrow(0, i, 1)),
             name_ + ": a batch equals its samples");
    }
  }

  // Of sum(map x direction), with respect to the input and every parameter.
  void gradients() {
    const Given given{{"steps", int64_t{3}}, {"rule", std::string("gauss_legendre")}};
    const at::Tensor direction = random(input_.sizes(), 4);
    at::Tensor x = input_.clone().requires_grad_();
    std::vector<at::Tensor> of{x};
    for (const auto& [name, parameter] : model_->parameters()) of.push_back(parameter);
    const auto found = torch::autograd::grad({(map_of(given, x, true) * direction).sum()}, of);
    const auto value = [&] { return (map_of(given, x.detach()) * direction).sum().item<double>(); };
    for (size_t i = 0; i < of.size(); ++i) {
      at::Tensor entries = of[i].detach().view({-1});
      for (int64_t entry = 0; entry < entries.size(0); entry += 5) {
        const double before = entries[entry].item<double>(), step = 1e-5;
        entries[entry] = before + step;
        const double above = value();
        entries[entry] = before - step;
        const double difference = (above - value()) / (2 * step);
        entries[entry] = before;
        expect(std::abs(found[i].reshape({-1})[entry].item<double>() - difference) < 1e-6,
               name_ + ": gradient of tensor " + std::to_string(i) + ", entry " + std::to_string(entry));
      }
    }
  }

 private:
  static constexpr int64_t target = 1;

  at::Tensor map_of(const Given& given, const at::Tensor& input, bool graph = false) {
    const std::vector<attune::MapRequest> requests{
        {"ig", catalogue_.make_method("examples.integrated_gradients", given)}};
    const auto choice = attune::TargetChoice::parse(std::to_string(target), {});
    return attune::compute_maps(*model_, input, requests, {choice}, graph).maps[0][0].values;
  }

  at::Tensor score(const at::Tensor& input) { return model_->module_output(input, true).select(1, target); }

  const attune::Catalogue& catalogue_;
  std::shared_ptr<attune::ImageModel> model_;
  std::string name_;
  at::Tensor input_ = random({2, 2, 8, 7}, 3);
};

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 2) throw std::runtime_error("integrated_gradients_test PLUGIN");
  const auto plugin = attune::Catalogue::load_file(argv[1]);
  for (const std::string activation : {"torch.tanh", "torch.relu"}) {
    Check check(plugin, activation);
    check.completeness();
    check.plain_loop();
    if (activation == "torch.tanh") check.gradients();  // a kink of relu has no derivative
  }
  return failures == 0 ? 0 : 1;
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
