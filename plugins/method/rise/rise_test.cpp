#include <ATen/CPUGeneratorImpl.h>
#include <gtest/gtest.h>

#include "memory.h"
#include "passes.h"
#include "perturbations.h"

namespace attune {
namespace {

using test::Given;

constexpr uint64_t rise_seed = 7;
constexpr int64_t masks = 40, cells = 3;
constexpr double probability = 0.4;

const Given few_masks{{"masks", masks}, {"cells", cells}, {"probability", probability}};

// As the paper's section 3.2 says it: enlarge a grid to one cell more than the input, crop at a shift within a cell.
std::vector<at::Tensor> draw_masks(at::IntArrayRef extents) {
  const auto rank = static_cast<int64_t>(extents.size());
  std::vector<int64_t> shape(extents.size() + 2, cells);
  shape[0] = masks;
  shape[1] = 1;
  at::Generator generator = at::detail::createCPUGenerator(rise_seed);
  const at::Tensor grids = (at::rand(shape, generator, at::kFloat) < probability).to(at::kDouble);
  const at::Tensor shifts = at::rand({masks, rank}, generator, at::kFloat);
  std::vector<at::Tensor> drawn;
  for (int64_t i = 0; i < masks; ++i) {
    std::vector<int64_t> size;
    for (const int64_t extent : extents) size.push_back((cells + 1) * ((extent + cells - 1) / cells));
    at::Tensor mask = test::enlarged(grids.narrow(0, i, 1), size);
    for (int64_t axis = 0; axis < rank; ++axis) {
      const int64_t cell = size[static_cast<size_t>(axis)] / (cells + 1);
      const auto shift = static_cast<int64_t>(shifts[i][axis].item<float>() * static_cast<float>(cell));
      mask = mask.narrow(2 + axis, shift, extents[static_cast<size_t>(axis)]);
    }
    drawn.push_back(mask);
  }
  return drawn;
}

at::Tensor mask_by_mask(const ImageModel& model, const at::Tensor& x, const at::Tensor& targets, bool centred) {
  std::vector<at::Tensor> maps;
  const auto drawn = draw_masks(x.sizes().slice(2));
  for (int64_t sample = 0; sample < x.size(0); ++sample) {
    std::vector<double> scores;
    double mean = 0;
    for (const at::Tensor& mask : drawn) {
      const at::Tensor output = model.module_output(x.narrow(0, sample, 1) * mask, false);
      scores.push_back(output[0][targets[sample].item<int64_t>()].item<double>());
      mean += scores.back() / masks;
    }
    at::Tensor map = at::zeros_like(drawn[0]);
    for (size_t i = 0; i < drawn.size(); ++i) map = map + drawn[i] * (scores[i] - (centred ? mean : 0));
    maps.push_back(map / (masks * probability));
  }
  return at::cat(maps);
}

TEST(Rise, IsThePlainLoopOverMasks) {
  for (int64_t rank = 1; rank <= 3; ++rank) {
    TorchScriptModel model(test::model_of_rank(rank, "torch.relu(x)"));
    const at::Tensor x = test::input_of_rank(rank, 2, 1), targets = at::tensor({2, 0}, at::kLong);
    for (const bool centred : {false, true}) {
      Given of = few_masks;
      of["centred"] = centred;
      const auto method = test::own_plugins().make_method("rise", of);
      const at::Tensor expected = mask_by_mask(model, x, targets, centred);
      for (const bool graph : {false, true}) {
        const auto pass = model.forward(x, method->needs(model), graph, at::detail::createCPUGenerator(rise_seed));
        const at::Tensor map = method->attend(*pass, Target(targets)).values;
        EXPECT_TRUE(at::allclose(map, expected, 1e-6, 1e-9)) << rank << centred << graph;
        EXPECT_EQ(map.requires_grad(), graph);
      }
    }
  }
}

// How much memory is in use at most while masked inputs are made.
class WatchedModel final : public Model {
 public:
  explicit WatchedModel(Model& model) : model_(model) {}

  const std::vector<LayerInfo>& layers() const override { return model_.layers(); }
  at::Tensor parameter(const std::string& name) const override { return model_.parameter(name); }
  std::unique_ptr<Pass> forward(const at::Tensor& x, const Needs& needs, bool graph, const at::Generator& g) override {
    return model_.forward(x, needs, graph, g);
  }
  at::Tensor outputs(int64_t rows, const std::function<at::Tensor(int64_t, int64_t)>& make) override {
    return model_.outputs(rows, [&](int64_t begin, int64_t end) {
      const at::Tensor made = make(begin, end);
      most = std::max(most, test::allocated());
      return made;
    });
  }

  int64_t most = 0;

 private:
  Model& model_;
};

class WatchedPass final : public test::PassOver {
 public:
  WatchedPass(Pass& pass, Model& model) : PassOver(pass), model_(model) {}
  Model& model() override { return model_; }

 private:
  Model& model_;
};

// Neither masks nor masked inputs exist all at once. What stays of a mask are its grid, its shift and its scores.
TEST(Rise, MemoryDoesNotGrowWithTheMasks) {
  if (test::sanitized) GTEST_SKIP() << "a sanitizer keeps freed memory";
  TorchScriptModel model(test::model_of_rank(2, "torch.relu(x)"));
  const at::Tensor x = test::seeded({1, 2, 64, 64}, 2);
  const auto most = [&](int64_t count) {
    const auto method = test::own_plugins().make_method("rise", {{"masks", count}, {"cells", cells}});
    const auto pass = model.forward(x, method->needs(model), false);
    WatchedModel watched(model);
    WatchedPass watching(*pass, watched);
    const int64_t before = test::allocated();
    method->attend(watching, Target(at::ones({1}, at::kLong)));
    return watched.most - before;
  };
  most(100);  // what the model makes once
  const int64_t mask = 64 * 64 * 8;
  EXPECT_LT(most(2000), most(200) + 100 * mask) << "of 1800 more";
}

TEST(Rise, BatchEqualsSamples) { test::expect_batch_equals_samples("rise", few_masks); }

TEST(Rise, GradientsAreFiniteDifferences) {
  test::expect_gradients_are_finite_differences("rise", {{"masks", int64_t{12}}}, "torch.tanh(x)");
}

}  // namespace
}  // namespace attune
