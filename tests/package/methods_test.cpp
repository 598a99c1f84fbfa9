// The method of docs/examples/plugins, built outside of the tree by methods.cmake, on trained models: against Captum's
// maps, and against what defines it.

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
    exact_ = open_model(file)->copy(at::kDouble);
    input_ = read_npy(folder_ / "input.npy");
  }

  int64_t target() const { return values_.at("top1__class").get<int64_t>(); }

  at::Tensor map_of(ImageModel& model, const at::Tensor& input, const std::string& name, const Given& given) const {
    const std::vector<MapRequest> requests{{name, plugin(name).make_method("examples." + name, given)}};
    return compute_maps(model, input, requests, {TargetChoice::parse(std::to_string(target()), {})}).maps[0][0].values;
  }

  // Of NAME.npy, or NAME__s7.npy, every seventh position of the last two axes.
  void expect_golden(const at::Tensor& map, const std::string& name) {
    const bool whole = fs::exists(folder_ / (name + ".npy"));
    const at::Tensor golden = read_npy(folder_ / (name + (whole ? ".npy" : "__s7.npy")));
    const at::Tensor found = whole ? map : map.slice(2, 0, {}, 7).slice(3, 0, {}, 7);
    const double off = (found - golden.reshape_as(found)).abs().max().item<double>();
    EXPECT_LE(off, 1e-4 * (golden.max() - golden.min()).item<double>()) << name;
  }

  fs::path folder_;
  nlohmann::json values_;
  std::shared_ptr<ImageModel> exact_;  // in float64
  at::Tensor input_;
};

TEST_P(Outside, OfAllFrequenciesItIsTheGradientOfCaptum) {
  expect_golden(map_of(*exact_, input_.to(at::kDouble), "low_pass", {{"cutoff", 1.0}}).abs(), "top1__saliency");
}

// What is left is a projection of the gradient, with its mean.
TEST_P(Outside, KeepsTheMeanAndLowersTheRest) {
  const auto map = [&](double cutoff) {
    return map_of(*exact_, input_.to(at::kDouble), "low_pass", {{"cutoff", cutoff}});
  };
  const at::Tensor whole = map(1);
  double before = whole.square().sum().item<double>();
  for (const double cutoff : {0.5, 0.2, 0.0}) {
    EXPECT_TRUE(at::allclose(map(cutoff).mean({2, 3}), whole.mean({2, 3}), 1e-6, 1e-12)) << cutoff;
    const double left = map(cutoff).square().sum().item<double>();
    EXPECT_LT(left, before) << cutoff;
    EXPECT_NEAR((map(cutoff) * whole).sum().item<double>(), left, 1e-9 * before) << "a projection, " << cutoff;
    before = left;
  }
}

INSTANTIATE_TEST_SUITE_P(Models, Outside,
                         testing::Values(std::pair("squeezenet1_0_imagenet", "tabby"),
                                         std::pair("squeezenet1_0_imagenet", "golden_retriever"),
                                         std::pair("resnet20_cifar10", "cat_0000"),
                                         std::pair("resnet20_cifar10", "horse_0001")));

}  // namespace
}  // namespace attune
