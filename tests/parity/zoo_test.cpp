// torchvision's architectures, scripted and traced, by name only.

#include <gtest/gtest.h>
#include <torch/script.h>

#include <attune/catalogue.h>
#include <attune/maps.h>
#include <attune/model.h>
#include <attune/sdk/error.h>

#include "material.h"
#include "own_plugins.h"

namespace attune {
namespace {

namespace fs = std::filesystem;

struct Architecture {
  std::string name;
  std::vector<int64_t> input;
  std::string layer;  // what "auto" stands for
};

std::ostream& operator<<(std::ostream& out, const Architecture& a) { return out << a.name; }

at::Tensor noise(const std::vector<int64_t>& shape) {
  at::manual_seed(5);
  return at::randn(shape);
}

MapRequest request(const std::string& id) { return {id, catalogue().make_method(id)}; }

at::Tensor map_of(ImageModel& model, const at::Tensor& x, const std::string& id) {
  return compute_maps(model, x, {request(id)}, {TargetChoice::parse("top1", {})}).maps[0][0].values;
}

class Zoo : public testing::TestWithParam<Architecture> {
 protected:
  void SetUp() override {
    const auto file = test::zoo() / (GetParam().name + ".pt");
    ATTUNE_NEED(file);
    model_ = open_model(file);
    input_ = noise(GetParam().input);
  }

  std::shared_ptr<ImageModel> model_;
  at::Tensor input_;
};

TEST_P(Zoo, OutputIsBitIdenticalToTheModules) {
  EXPECT_TRUE(at::equal(model_->forward(input_, {}, true)->output(), model_->module_output(input_, true)));
}

TEST_P(Zoo, NoLayerIsLostInABranch) {
  for (const auto& report : model_->inspect(input_)) EXPECT_FALSE(report.in_branch) << report.name;
}

TEST_P(Zoo, AutomaticLayerAndMapsThatAreNotConstant) {
  EXPECT_EQ(model_->auto_layer(input_), GetParam().layer);
  for (const char* id : {"gradcam", "guided_backprop", "saliency"}) {
    const at::Tensor map = map_of(*model_, input_, id);
    EXPECT_GT(map.std().item<double>(), 0) << id;
  }
}

INSTANTIATE_TEST_SUITE_P(Torchvision, Zoo,
                         testing::Values(Architecture{"resnet18", {2, 3, 224, 224}, "layer4"},
                                         Architecture{"resnet18_traced", {2, 3, 224, 224}, "layer4"},
                                         Architecture{"resnet50", {2, 3, 224, 224}, "layer4"},
                                         Architecture{"inception_v3", {2, 3, 299, 299}, "Mixed_7c"},
                                         Architecture{"densenet121", {2, 3, 224, 224}, "features.norm5"},
                                         Architecture{"mobilenet_v2", {2, 3, 224, 224}, "features.18"},
                                         Architecture{"efficientnet_b0", {2, 3, 224, 224}, "features.8"},
                                         Architecture{"vgg11_bn", {1, 3, 224, 224}, "features.27"},
                                         Architecture{"convnext_tiny", {1, 3, 224, 224}, "features.7"},
                                         Architecture{"swin_t", {1, 3, 224, 224}, "norm"},
                                         Architecture{
                                             "vit_b_16", {1, 3, 224, 224}, "encoder.layers.encoder_layer_11.ln_1"},
                                         Architecture{"r3d_18", {1, 3, 8, 112, 112}, "layer4"}),
                         [](const auto& info) { return info.param.name; });

TEST(ZooPairs, TracedAndScriptedGiveTheSameNamesAndMaps) {
  ATTUNE_NEED(test::zoo() / "resnet18_traced.pt");
  const auto scripted = open_model(test::zoo() / "resnet18.pt");
  const auto traced = open_model(test::zoo() / "resnet18_traced.pt");
  ASSERT_EQ(scripted->layers().size(), traced->layers().size());
  for (size_t i = 0; i < scripted->layers().size(); ++i) {
    EXPECT_EQ(scripted->layers()[i].name, traced->layers()[i].name);
    EXPECT_EQ(scripted->layers()[i].type, traced->layers()[i].type);
  }
  const at::Tensor x = noise({2, 3, 224, 224});
  for (const char* id : {"gradcam", "guided_backprop"}) {
    EXPECT_TRUE(at::equal(map_of(*scripted, x, id), map_of(*traced, x, id))) << id;
  }
}

class Resume : public testing::TestWithParam<Architecture> {};

TEST_P(Resume, WithTheUnchangedActivationIsTheOutput) {
  const auto file = test::zoo() / (GetParam().name + ".pt");
  ATTUNE_NEED(file);
  const auto model = open_model(file);
  const at::Tensor x = noise(GetParam().input);
  const at::NoGradGuard guard;
  const at::Tensor expected = model->module_output(x, false);
  for (const auto& report : model->inspect(x)) {
    if (report.spatial == 0) continue;
    Needs needs;
    needs.captures = {{report.name}};
    const auto pass = model->forward(x, needs, false);
    const at::Tensor resumed = pass->resume({report.name}, pass->activation(report.name));
    EXPECT_TRUE(at::allclose(resumed, expected, 1e-4, 1e-4)) << report.name;
    EXPECT_TRUE(at::allclose(resumed, pass->output(), 1e-5, 1e-5)) << report.name;
  }
}

INSTANTIATE_TEST_SUITE_P(Torchvision, Resume,
                         testing::Values(Architecture{"resnet18", {1, 3, 64, 64}, ""},
                                         Architecture{"densenet121", {1, 3, 64, 64}, ""},
                                         Architecture{"inception_v3", {1, 3, 107, 107}, ""}),
                         [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace attune
