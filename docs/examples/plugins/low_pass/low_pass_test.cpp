// ForGrad against the gradient's Fourier transform, wave by wave, and finite differences:
//   low_pass_test PLUGIN

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <cmath>
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

  void with_all_frequencies_it_is_the_gradient() {
    const at::Tensor expected = gradient();
    expect(at::allclose(map_of({{"cutoff", 1.0}}, input_), expected), name_ + ": cutoff 1");
    expect(at::allclose(map_of({{"cutoff", 0.0}}, input_), expected.mean({2, 3}, true).expand_as(expected)),
           name_ + ": cutoff 0 is the mean");
  }

  // Of 8 x 7 places half of the frequencies are those up to 2 and up to 1. The strength of a wave is a sum over places.
  void waves() {
    const at::Tensor map = map_of({{"cutoff", 0.5}}, input_), whole = gradient();
    for (int64_t down = 0; down <= 4; ++down) {
      for (int64_t right = 0; right <= 3; ++right) {
        const bool stays = down <= 2 && right <= 1;
        for (const double turn : {0.0, 0.25}) {
          const at::Tensor found = strength(map, down, right, turn), before = strength(whole, down, right, turn);
          expect(at::allclose(found, stays ? before : at::zeros_like(before)),
                 name_ + ": wave " + std::to_string(down) + ", " + std::to_string(right));
        }
      }
    }
  }

  void channels_and_samples() {
    const at::Tensor map = map_of({}, input_);
    expect(at::allclose(map_of({{"channels", std::string("sum")}}, input_), map.sum(1, true)), name_ + ": sum");
    expect(at::allclose(map_of({{"channels", std::string("abs_sum")}}, input_), map.abs().sum(1, true)),
           name_ + ": abs_sum");
    for (int64_t i = 0; i < input_.size(0); ++i) {
      expect(at::allclose(map_of({}, input_.narrow(0, i, 1)), map.narrow(0, i, 1)),
             name_ + ": a batch equals its samples");
    }
  }

  // Of sum(map x direction), with respect to the input and every parameter.
  void gradients() {
    const at::Tensor direction = random(input_.sizes(), 4);
    at::Tensor x = input_.clone().requires_grad_();
    std::vector<at::Tensor> of{x};
    for (const auto& [name, parameter] : model_->parameters()) of.push_back(parameter);
    const auto found = torch::autograd::grad({(map_of({}, x, true) * direction).sum()}, of);
    const auto value = [&] { return (map_of({}, x.detach()) * direction).sum().item<double>(); };
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
    const std::vector<attune::MapRequest> requests{{"low", catalogue_.make_method("examples.low_pass", given)}};
    const auto choice = attune::TargetChoice::parse(std::to_string(target), {});
    return attune::compute_maps(*model_, input, requests, {choice}, graph).maps[0][0].values;
  }

  at::Tensor gradient() {
    const at::Tensor x = input_.clone().requires_grad_();
    return torch::autograd::grad({model_->module_output(x, true).select(1, target).sum()}, {x})[0];
  }

  static at::Tensor strength(const at::Tensor& map, int64_t down, int64_t right, double turn) {
    const double circle = 2 * std::acos(-1.0);
    const auto along = [&](int64_t axis, int64_t waves) {
      const auto extent = static_cast<double>(map.size(axis));
      return at::arange(map.size(axis), at::kDouble) * (static_cast<double>(waves) / extent);
    };
    const at::Tensor phase = along(2, down).unsqueeze(1) + along(3, right) + turn;
    return (map * (circle * phase).cos()).sum({2, 3});
  }

  const attune::Catalogue& catalogue_;
  std::shared_ptr<attune::ImageModel> model_;
  std::string name_;
  at::Tensor input_ = random({2, 2, 8, 7}, 3);
};

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 2) throw std::runtime_error("low_pass_test PLUGIN");
  const auto plugin = attune::Catalogue::load_file(argv[1]);
  for (const std::string activation : {"torch.tanh", "torch.relu"}) {
    Check check(plugin, activation);
    check.with_all_frequencies_it_is_the_gradient();
    check.waves();
    check.channels_and_samples();
    if (activation == "torch.tanh") check.gradients();  // a kink of relu has no derivative
  }
  return failures == 0 ? 0 : 1;
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
