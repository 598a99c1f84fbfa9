// The methods of docs/examples/plugins, built outside of the tree by methods.cmake, on trained models: against Captum's
// maps, and against what defines them.

#include <ATen/ATen.h>
#include <fstream>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include <attune/catalogue.h>
#include <attune/maps.h>
#include <attune/model.h>

#include "image/npy.h"
#include "material.h"

namespace attune {
namespace {

namespace fs = std::filesystem;
using Given = std::map<std::string, ParameterValue>;

Catalogue plugin(const std::string& name) {
  return Catalogue::load_file(fs::path(ATTUNE_PLUGINS_OUTSIDE) / name / ("attune-examples." + name + ".so"));
}

class Outside : public testing::TestWithParam<std::pair<std::string, std::string>> {
 protected:
  void SetUp() override {
    const auto& [model, photo] = GetParam();
    folder_ = test::shared() / "golden" / model / photo;
    ATTUNE_NEED(folder_);
    std::ifstream(folder_ / "values.json") >> values_;
    const fs::path file = test::shared() / "models" / (model + ".pt");
    single_ = open_model(file);
    exact_ = single_->copy(at::kDouble);
    input_ = read_npy(folder_ / "input.npy");
  }

  int64_t target() const { return values_.at("top1__class").get<int64_t>(); }

  at::Tensor map_of(ImageModel& model, const at::Tensor& input, const std::string& name, const Given& given) const {
    const std::vector<MapRequest> requests{{name, plugin(name).make_method("examples." + name, given)}};
    return compute_maps(model, input, requests, {TargetChoice::parse(std::to_string(target()), {})}).maps[0][0].values;
  }

  double score(const at::Tensor& input) { return exact_->module_output(input, false)[0][target()].item<double>(); }

  // Of NAME.npy, or NAME__s7.npy, every seventh position of the last two axes. Those maps are made in float32, where
  // rounding flips a rectifier or a maximum at one point or other of the line, and with it a few pixels.
  void expect_golden(const at::Tensor& map, const std::string& name) {
    const bool whole = fs::exists(folder_ / (name + ".npy"));
    const at::Tensor golden = read_npy(folder_ / (name + (whole ? ".npy" : "__s7.npy")));
    const at::Tensor found = whole ? map : map.slice(2, 0, {}, 7).slice(3, 0, {}, 7);
    const at::Tensor off = (found - golden.reshape_as(found)).abs() / (golden.max() - golden.min());
    EXPECT_LE(off.mean().item<double>(), 2e-5) << name;
    EXPECT_LE(off.max().item<double>(), 1e-3) << name;
    EXPECT_LE((off > 1e-4).to(at::kDouble).mean().item<double>(), 0.05) << name;
  }

  fs::path folder_;
  nlohmann::json values_;
  std::shared_ptr<ImageModel> single_;
  std::shared_ptr<ImageModel> exact_;  // in float64
  at::Tensor input_;
};

TEST_P(Outside, IntegratedGradientsEqualCaptums) {
  const at::Tensor x = input_.to(at::kDouble);
  const auto map = [&](const std::string& rule) {
    return map_of(*exact_, x, "integrated_gradients", {{"steps", int64_t{32}}, {"rule", rule}});
  };
  expect_golden(map("midpoint"), "top1__ig_riemann_middle");
  expect_golden(map("gauss_legendre"), "top1__ig_gausslegendre");
}

// To 1 %, in float32; a residual network bends more often between input and baseline.
TEST_P(Outside, IntegratedGradientsAreComplete) {
  const int64_t steps = GetParam().first == "resnet20_cifar10" ? 256 : 64;
  const double gain = score(input_.to(at::kDouble)) - score(at::zeros_like(input_).to(at::kDouble));
  for (const std::string rule : {"midpoint", "gauss_legendre"}) {
    const at::Tensor map = map_of(*single_, input_, "integrated_gradients", {{"steps", steps}, {"rule", rule}});
    EXPECT_NEAR(map.sum().item<double>(), gain, 0.01 * std::abs(gain)) << rule;
  }
}

INSTANTIATE_TEST_SUITE_P(Models, Outside,
                         testing::Values(std::pair("squeezenet1_0_imagenet", "tabby"),
                                         std::pair("squeezenet1_0_imagenet", "golden_retriever"),
                                         std::pair("resnet20_cifar10", "cat_0000"),
                                         std::pair("resnet20_cifar10", "horse_0001")));

}  // namespace
}  // namespace attune
