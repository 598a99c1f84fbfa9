// torchvision's architectures, scripted and traced, by name only.

#include <cmath>
#include <gtest/gtest.h>
#include <map>
#include <torch/csrc/autograd/autograd.h>
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

// AttnLRP of torchvision's vision transformer, written out in float64 with what its rules take for constants detached.
class VitByHand {
 public:
  VitByHand(const ImageModel& model, bool cp) : cp_(cp) {
    for (const auto& [name, tensor] : model.parameters()) weights_[name] = tensor.detach().to(at::kDouble);
  }

  // The relevance of the pixels of `input` [1,3,H,W] to its best class.
  at::Tensor relevance(const at::Tensor& input) const {
    const at::AutoGradMode mode(true);
    const at::Tensor x = input.to(at::kDouble).requires_grad_();
    const at::Tensor patches = at::conv2d(x, w("conv_proj.weight"), w("conv_proj.bias"), w("conv_proj.weight").size(2));
    at::Tensor y = at::cat({w("class_token"), patches.flatten(2).transpose(1, 2)}, 1) + w("encoder.pos_embedding");
    for (int64_t i = 0; weights_.count(layer(i) + "ln_1.weight") != 0; ++i) y = block(y, layer(i));
    y = linear(norm(y, "encoder.ln").select(1, 0), "heads.head.");
    return (x * torch::autograd::grad({y.max()}, {x})[0]).sum(1, true).detach();
  }

 private:
  static std::string layer(int64_t i) { return "encoder.layers.encoder_layer_" + std::to_string(i) + "."; }
  static at::Tensor half(const at::Tensor& product) { return product / 2 + product.detach() / 2; }

  const at::Tensor& w(const std::string& name) const { return weights_.at(name); }
  at::Tensor linear(const at::Tensor& x, const std::string& name) const {
    return at::linear(x, w(name + "weight"), w(name + "bias"));
  }
  at::Tensor norm(const at::Tensor& x, const std::string& name) const {
    const at::Tensor centred = x - x.mean(-1, true);
    const at::Tensor deviation = (centred.square().mean(-1, true) + 1e-6).sqrt().detach();
    return centred / deviation * w(name + ".weight") + w(name + ".bias");
  }
  at::Tensor attention(const at::Tensor& x, const std::string& name) const {
    const at::Tensor in = at::linear(x, w(name + "in_proj_weight"), w(name + "in_proj_bias"));
    const auto qkv = in.view({1, x.size(1), 3, 12, -1}).permute({2, 0, 3, 1, 4}).unbind(0);
    const double root = std::sqrt(static_cast<double>(qkv[0].size(3)));
    const at::Tensor shares = (half(at::matmul(qkv[0], qkv[1].transpose(-2, -1))) / root).softmax(-1);
    const at::Tensor mixed = cp_ ? at::matmul(shares.detach(), qkv[2]) : half(at::matmul(shares, qkv[2]));
    return linear(mixed.transpose(1, 2).flatten(2), name + "out_proj.");
  }
  at::Tensor block(at::Tensor x, const std::string& name) const {
    const bool numbered = weights_.count(name + "mlp.0.weight") != 0;  // since torchvision 0.13
    x = x + attention(norm(x, name + "ln_1"), name + "self_attention.");
    const at::Tensor inner = linear(norm(x, name + "ln_2"), name + (numbered ? "mlp.0." : "mlp.linear_1."));
    return x + linear(inner * (at::gelu(inner) / inner).detach(), name + (numbered ? "mlp.3." : "mlp.linear_2."));
  }

  bool cp_;
  std::map<std::string, at::Tensor> weights_;
};

TEST(ZooRelevance, OfAVisionTransformerIsThatOfTheRulesByHand) {
  ATTUNE_NEED(test::zoo() / "vit_b_16.pt");
  const auto model = open_model(test::zoo() / "vit_b_16.pt");
  const at::Tensor x = noise({1, 3, 224, 224});
  for (const std::string variant : {"attn", "cp"}) {
    const MapRequest attn_lrp{variant, catalogue().make_method("attn_lrp", {{"variant", variant}})};
    const at::Tensor map = compute_maps(*model, x, {attn_lrp}, {TargetChoice::parse("top1", {})}).maps[0][0].values;
    const at::Tensor expected = VitByHand(*model, variant == "cp").relevance(x);
    EXPECT_LE((map - expected).abs().max().item<double>(), 1e-4 * expected.abs().max().item<double>()) << variant;
    EXPECT_GT(expected.abs().max().item<double>(), 0) << variant;
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
