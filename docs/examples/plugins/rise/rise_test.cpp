// RISE against a plain loop over its masks, in 1 to 3 dimensions:
//   rise_test PLUGIN

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <cmath>
#include <iostream>
#include <string>
#include <vector>

#include <attune/catalogue.h>
#include <attune/torchscript.h>

namespace {

const std::vector<int64_t> extents{13, 9, 6};  // of the input; none is a multiple of the number of cells
constexpr int64_t masks = 70, cells = 4, classes = 3;
constexpr double probability = 0.3;

int failures = 0;

void expect(bool holds, const std::string& what) {
  if (!holds) std::cerr << "failed: " << what << '\n';
  failures += holds ? 0 : 1;
}

at::Generator seeded(uint64_t seed) { return at::detail::createCPUGenerator(seed); }

at::Tensor random(const std::vector<int64_t>& shape, uint64_t seed) {
  return at::randn(shape, seeded(seed), at::kDouble);
}

// Classes [N,3] of inputs [N,2,S1..Sd]: not linear, and different at every position.
std::shared_ptr<attune::ImageModel> make_model(int64_t rank) {
  int64_t entries = 2;
  for (int64_t axis = 0; axis < rank; ++axis) entries *= extents[static_cast<size_t>(axis)];
  const attune::ScriptedModule module{
      "Small",
      "def forward(self, x):\n    return torch.matmul(torch.tanh(torch.flatten(x, 1)), self.weight.t())\n",
      {{"weight", random({classes, entries}, 1)}}};
  return attune::torchscript_model(module);
}

// The pass of the model, with a generator whose draws the loop repeats.
class Seeded final : public attune::Pass {
 public:
  explicit Seeded(attune::Pass& pass) : pass_(pass) {}

  const at::Tensor& input() const override { return pass_.input(); }
  const at::Tensor& output() const override { return pass_.output(); }
  at::Tensor captured(const attune::Capture& capture) override { return pass_.captured(capture); }
  std::string layer(const std::string& name) override { return pass_.layer(name); }
  at::Tensor bias(const attune::Capture& capture) override { return pass_.bias(capture); }
  bool wants_graph() const override { return pass_.wants_graph(); }
  std::vector<at::Tensor> gradients(const at::Tensor& score, const std::vector<at::Tensor>& of,
                                    attune::Rectifier rectifier) override {
    return pass_.gradients(score, of, rectifier);
  }
  at::Tensor resume(const attune::Capture& capture, const at::Tensor& activation) override {
    return pass_.resume(capture, activation);
  }
  attune::Model& model() override { return pass_.model(); }
  at::Generator generator() override { return seeded(7); }

 private:
  attune::Pass& pass_;
};

at::Tensor enlarged(const at::Tensor& grid, const std::vector<int64_t>& size) {
  if (size.size() == 1) return at::upsample_linear1d(grid, size, false);
  if (size.size() == 2) return at::upsample_bilinear2d(grid, size, false);
  return at::upsample_trilinear3d(grid, size, false);
}

// As the paper's section 3.2 says it: enlarge a grid to one cell more than the input, crop at a shift within a cell.
std::vector<at::Tensor> draw_masks(int64_t rank) {
  std::vector<int64_t> shape(static_cast<size_t>(rank + 2), cells);
  shape[0] = masks;
  shape[1] = 1;
  at::Generator generator = seeded(7);
  const at::Tensor grids = (at::rand(shape, generator, at::kFloat) < probability).to(at::kDouble);
  const at::Tensor shifts = at::rand({masks, rank}, generator, at::kFloat);
  std::vector<at::Tensor> drawn;
  for (int64_t i = 0; i < masks; ++i) {
    std::vector<int64_t> size;
    for (int64_t axis = 0; axis < rank; ++axis) {
      size.push_back((cells + 1) * ((extents[static_cast<size_t>(axis)] + cells - 1) / cells));
    }
    at::Tensor mask = enlarged(grids.narrow(0, i, 1), size);
    for (int64_t axis = 0; axis < rank; ++axis) {
      const int64_t cell = size[static_cast<size_t>(axis)] / (cells + 1);
      const auto shift = static_cast<int64_t>(shifts[i][axis].item<float>() * static_cast<float>(cell));
      mask = mask.narrow(2 + axis, shift, extents[static_cast<size_t>(axis)]);
    }
    drawn.push_back(mask);
  }
  return drawn;
}

at::Tensor plain_loop(const attune::ImageModel& model, const at::Tensor& input, const at::Tensor& targets,
                      bool centred) {
  std::vector<at::Tensor> maps;
  const auto drawn = draw_masks(input.dim() - 2);
  for (int64_t sample = 0; sample < input.size(0); ++sample) {
    std::vector<double> scores;
    double mean = 0;
    for (const at::Tensor& mask : drawn) {
      const at::Tensor output = model.module_output(input.narrow(0, sample, 1) * mask, false);
      scores.push_back(output[0][targets[sample].item<int64_t>()].item<double>());
      mean += scores.back() / masks;
    }
    at::Tensor map = at::zeros_like(drawn[0]);
    for (size_t i = 0; i < drawn.size(); ++i) map = map + drawn[i] * (scores[i] - (centred ? mean : 0));
    maps.push_back(map / (masks * probability));
  }
  return at::cat(maps);
}

void check(const attune::AttentionMethod& method, int64_t rank, bool centred) {
  const std::string place = "rank " + std::to_string(rank) + (centred ? ", centred" : "");
  const auto model = make_model(rank);
  std::vector<int64_t> shape{2, 2};
  shape.insert(shape.end(), extents.begin(), extents.begin() + rank);
  const at::Tensor input = random(shape, 2);
  const at::Tensor targets = at::tensor({2, 0}, at::kLong);

  const auto attend = [&](const at::Tensor& x, const at::Tensor& of) {
    const auto pass = model->forward(x, method.needs(*model), false);
    Seeded seeded_pass(*pass);
    return method.attend(seeded_pass, attune::Target(of)).values;
  };
  const at::Tensor map = attend(input, targets);
  expect(at::allclose(map, plain_loop(*model, input, targets, centred), 1e-5, 1e-6), place + ": equals the plain loop");
  for (int64_t i = 0; i < 2; ++i) {
    expect(at::allclose(map.narrow(0, i, 1), attend(input.narrow(0, i, 1), targets.narrow(0, i, 1))),
           place + ": a batch equals its samples");
  }
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 2) throw std::runtime_error("rise_test PLUGIN");
  const auto plugin = attune::Catalogue::load_file(argv[1]);
  for (const bool centred : {false, true}) {
    const auto method = plugin.make_method(
        "examples.rise", {{"masks", masks}, {"cells", cells}, {"probability", probability}, {"centred", centred}});
    for (int64_t rank = 1; rank <= 3; ++rank) check(*method, rank, centred);
  }
  return failures == 0 ? 0 : 1;
} catch (const std::exception& error) {
  std::cerr << error.what() << '\n';
  return 1;
}
