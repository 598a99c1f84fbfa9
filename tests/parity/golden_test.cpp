// Maps of the plugins against numerical results of Captum and pytorch-grad-cam.

#include <fstream>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <torch/script.h>

#include <attune/catalogue.h>
#include <attune/maps.h>
#include <attune/model.h>

#include "image/npy.h"
#include "material.h"
#include "own_plugins.h"

namespace attune {
namespace {

namespace fs = std::filesystem;

at::Tensor map_of(ImageModel& model, const at::Tensor& input, const std::string& id,
                  const std::map<std::string, ParameterValue>& parameters, int64_t target, bool graph) {
  const std::vector<MapRequest> requests{{id, catalogue().make_method(id, parameters)}};
  const auto set = compute_maps(model, input, requests, {TargetChoice::parse(std::to_string(target), {})}, graph);
  return set.maps[0][0].values.detach();
}

void expect_close(const at::Tensor& map, const at::Tensor& golden, const std::string& what) {
  const at::Tensor expected = golden.reshape_as(map);
  const double range = (expected.max() - expected.min()).item<double>();
  const double worst = (map - expected).abs().max().item<double>();
  EXPECT_LE(worst, 1e-4 * range) << what << ": off by " << worst / range << " of the range";
}

struct Case {
  fs::path folder;
  std::string model;
  std::vector<std::string> layers;
};

class Golden : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    folder_ = test::shared() / "golden" / GetParam().folder;
    ATTUNE_NEED(folder_);
    model_ = open_model(test::shared() / "models" / GetParam().model);
    input_ = read_npy(folder_ / "input.npy");
    std::ifstream(folder_ / "values.json") >> values_;
  }

  static std::shared_ptr<ImageModel> in_float64() {
    return open_model(test::shared() / "models" / GetParam().model)->copy(at::kDouble);
  }

  // Compares with NAME.npy, or with NAME__s7.npy, every seventh position of the last two axes.
  bool compare(const at::Tensor& map, const std::string& name) {
    if (fs::exists(folder_ / (name + ".npy"))) {
      expect_close(map, read_npy(folder_ / (name + ".npy")), name);
      return true;
    }
    if (!fs::exists(folder_ / (name + "__s7.npy"))) return false;
    expect_close(map.slice(2, 0, {}, 7).slice(3, 0, {}, 7), read_npy(folder_ / (name + "__s7.npy")), name);
    return true;
  }

  int64_t target(const std::string& name) const { return values_.at(name + "__class").get<int64_t>(); }

  fs::path folder_;
  std::shared_ptr<ImageModel> model_;
  at::Tensor input_;
  nlohmann::json values_;
};

TEST_P(Golden, Logits) {
  expect_close(model_->forward(input_, {}, false)->output(), read_npy(folder_ / "logits.npy"), "logits");
}

TEST_P(Golden, GradCam) {
  for (const bool graph : {false, true}) {
    for (const std::string name : {"top1", "fixed"}) {
      for (const auto& layer : GetParam().layers) {
        const auto map = [&](bool relu) {
          return map_of(*model_, input_, "gradcam", {{"layer", layer}, {"relu", relu}}, target(name), graph);
        };
        EXPECT_TRUE(compare(map(false), name + "__" + layer + "__gradcam"));
        EXPECT_TRUE(compare(map(true), name + "__" + layer + "__gradcam_relu"));
      }
    }
  }
}

// Each by its name there and by its id here.
const std::vector<std::pair<std::string, std::string>> cams{{"hirescam", "hirescam"},
                                                            {"xgradcam", "xgradcam"},
                                                            {"layercam", "layercam"},
                                                            {"gradcamelementwise", "gradcam_elementwise"}};

TEST_P(Golden, MapsOfALayer) {
  for (const std::string name : {"top1", "fixed"}) {
    for (const auto& layer : GetParam().layers) {
      for (const auto& [golden, id] : cams) {
        if (name == "fixed" && golden != "hirescam") continue;
        const at::Tensor map = map_of(*model_, input_, id, {{"layer", layer}}, target(name), false);
        EXPECT_TRUE(compare(map, name + "__" + layer + "__" + golden));
      }
    }
  }
}

// A component has no sign of its own; theirs is whatever the decomposition gave.
TEST_P(Golden, ComponentsButForTheirSign) {
  for (const auto& layer : GetParam().layers) {
    for (const auto& [golden, id] : {std::pair("eigencam", "eigencam"), std::pair("eigengradcam", "eigen_gradcam")}) {
      const std::string name = "top1__" + layer + "__" + golden;
      const at::Tensor map = map_of(*model_, input_, id, {{"layer", layer}}, target("top1"), false);
      const at::Tensor theirs = read_npy(folder_ / (name + ".npy")).reshape_as(map);
      EXPECT_TRUE(compare((map * theirs).sum().item<double>() < 0 ? -map : map, name));
    }
  }
}

// pytorch-grad-cam adds 1e-6 to a denominator of about g^2, which is not small in a layer of many cells. With it the
// few lines below give its map, without it ours.
TEST_P(Golden, GradCamPlusPlusWithoutTheirConstant) {
  for (const std::string name : {"top1", "fixed"}) {
    for (const auto& layer : GetParam().layers) {
      Needs needs;
      needs.captures = {{layer}};
      needs.gradients = true;
      const auto pass = model_->forward(input_, needs, false);
      const at::AutoGradMode mode(true);
      const at::Tensor a = pass->activation(layer);
      const Target classes{at::full({1}, target(name), at::kLong)};
      const at::Tensor g = pass->gradients(pass->score(classes), {a})[0].detach().to(at::kDouble);
      const auto map = [&](double constant) {
        const at::Tensor features = a.detach().to(at::kDouble), total = features.sum({2, 3}, true);
        const at::Tensor share = g.square() / (2 * g.square() + total * g.pow(3) + constant);
        const at::Tensor weights = at::where(g > 0, share * g, at::zeros_like(g)).sum({2, 3}, true);
        return (weights * features).sum(1, true).to(at::kFloat);
      };
      const std::string golden = name + "__" + layer + "__gradcampp";
      EXPECT_TRUE(compare(map(1e-6), golden));
      expect_close(map_of(*model_, input_, "gradcam_plus_plus", {{"layer", layer}}, target(name), false), map(0),
                   golden);
    }
  }
}

// Parity is judged in float64. In float32 rounding turns a rectifier or a pooling winner here and there, and with it
// single pixels, of any implementation: golden maps in float32 are off by up to 4e-3 of the range themselves. There a
// map must stay near the one in float64 in the mean.
TEST_P(Golden, GuidedBackpropagationAndSaliency) {
  const auto exact = in_float64();
  const at::Tensor input = input_.to(at::kDouble);
  const auto check = [&](const std::string& id, const std::string& target_name, const std::string& golden, bool graph) {
    const at::Tensor map = map_of(*exact, input, id, {}, target(target_name), graph);
    EXPECT_TRUE(compare(map, golden));
    const at::Tensor rounded = map_of(*model_, input_, id, {}, target(target_name), graph);
    const double range = (map.max() - map.min()).item<double>();
    EXPECT_LE((rounded - map).abs().mean().item<double>(), 1e-5 * range) << golden << " in float32";
  };
  for (const bool graph : {false, true}) {
    for (const std::string name : {"top1", "fixed"}) check("guided_backprop", name, name + "__gb", graph);
    check("saliency", "top1", "top1__saliency", graph);
  }
}

// Captum enlarges by the nearest cell.
TEST_P(Golden, GuidedGradCam) {
  const auto exact = in_float64();
  for (const auto& layer : GetParam().layers) {
    const at::Tensor map = map_of(*exact, input_.to(at::kDouble), "guided_gradcam",
                                  {{"layer", layer}, {"enlarge", std::string("nearest")}}, target("top1"), false);
    EXPECT_TRUE(compare(map, "top1__guidedgradcam__" + layer));
  }
}

// Rectifiers, convolutions and batch norm need no rule.
TEST_P(Golden, RelevanceIsInputTimesGradient) {
  const auto exact = in_float64();
  for (const bool graph : {false, true}) {
    const at::Tensor map =
        map_of(*exact, input_.to(at::kDouble), "attn_lrp", {{"channels", "keep"}}, target("top1"), graph);
    EXPECT_TRUE(compare(map, "top1__inputxgrad"));
  }
}

TEST_P(Golden, DeconvnetAndInputTimesGradient) {
  const auto exact = in_float64();
  const at::Tensor input = input_.to(at::kDouble);
  for (const bool graph : {false, true}) {
    EXPECT_TRUE(compare(map_of(*exact, input, "deconvnet", {}, target("top1"), graph), "top1__deconv"));
    const at::Tensor product = map_of(*exact, input, "input_x_gradient", {{"channels", "keep"}}, target("top1"), graph);
    EXPECT_TRUE(compare(product, "top1__inputxgrad"));
  }
}

// Those maps are made in float32, where rounding flips a rectifier or a maximum at one point or other of the line, and
// with it a few pixels.
TEST_P(Golden, IntegratedGradients) {
  const auto exact = in_float64();
  for (const auto& [rule, name] :
       {std::pair{"midpoint", "riemann_middle"}, std::pair{"gauss_legendre", "gausslegendre"}}) {
    const at::Tensor map =
        map_of(*exact, input_.to(at::kDouble), "integrated_gradients",
               {{"steps", int64_t{32}}, {"rule", rule}, {"channels", "keep"}}, target("top1"), false);
    const std::string file = std::string("top1__ig_") + name;
    const bool whole = fs::exists(folder_ / (file + ".npy"));
    const at::Tensor golden = read_npy(folder_ / (file + (whole ? ".npy" : "__s7.npy")));
    const at::Tensor found = whole ? map : map.slice(2, 0, {}, 7).slice(3, 0, {}, 7);
    const at::Tensor off = (found - golden.reshape_as(found)).abs() / (golden.max() - golden.min());
    EXPECT_LE(off.mean().item<double>(), 2e-5) << file;
    EXPECT_LE(off.max().item<double>(), 1e-3) << file;
    EXPECT_LE((off > 1e-4).to(at::kDouble).mean().item<double>(), 0.05) << file;
  }
}

// To 1 %; a residual network bends more often between input and baseline.
TEST_P(Golden, IntegratedGradientsAreComplete) {
  const int64_t steps = GetParam().model.rfind("resnet20", 0) == 0 ? 256 : 64, top = target("top1");
  const auto score = [&](const at::Tensor& x) { return model_->module_output(x, false)[0][top].item<double>(); };
  const double gain = score(input_) - score(at::zeros_like(input_));
  for (const std::string rule : {"midpoint", "gauss_legendre"}) {
    const at::Tensor map =
        map_of(*model_, input_, "integrated_gradients", {{"steps", steps}, {"rule", rule}}, top, false);
    EXPECT_NEAR(map.sum().item<double>(), gain, 0.01 * std::abs(gain)) << rule;
  }
}

// What every rectifier and pooling winner differs in, up to rounding.
TEST_P(Golden, DeepLiftIsComplete) {
  const auto exact = in_float64();
  const at::Tensor input = input_.to(at::kDouble);
  const int64_t top = target("top1");
  const auto score = [&](const at::Tensor& x) { return exact->module_output(x, false)[0][top].item<double>(); };
  const double sum = map_of(*exact, input, "deep_lift", {}, top, false).sum().item<double>();
  EXPECT_NEAR(sum, score(input) - score(at::zeros_like(input)), 1e-6 * std::abs(sum));
}

TEST_P(Golden, Occlusion) {
  const double side = input_.size(2) == 224 ? 32 : 8;
  const at::Tensor map =
      map_of(*model_, input_, "occlusion",
             {{"window", std::vector<double>{side}}, {"stride", std::vector<double>{side / 2}}}, target("top1"), false);
  EXPECT_TRUE(compare(map.expand({-1, 3, -1, -1}), "top1__occlusion"));
}

TEST_P(Golden, AblationCam) {
  const std::string layer = GetParam().layers[0];
  const at::Tensor map = map_of(*model_, input_, "ablationcam", {{"layer", layer}}, target("top1"), false);
  EXPECT_TRUE(compare(map, "top1__" + layer + "__ablationcam"));
}

// pytorch-grad-cam brings every channel to 0..1 and adds 1e-7 to its range, which is not small beside a gradient times
// a bias: at SqueezeNet it moves the map by an eighth of its range. With it the few lines below give its map, without
// it ours.
TEST_P(Golden, FullGradWithoutTheirConstant) {
  const auto exact = in_float64();
  const at::Tensor input = input_.to(at::kDouble);
  Needs needs;
  needs.gradients = needs.input_gradient = true;
  for (const LayerInfo& layer : exact->layers()) {
    if (layer.affine) needs.captures.push_back({layer.name, Capture::raw});
  }
  const auto pass = exact->forward(input, needs, false);
  const at::AutoGradMode mode(true);
  std::vector<at::Tensor> of{pass->input()};
  for (const Capture& capture : needs.captures) of.push_back(pass->captured(capture));
  const auto gradients = pass->gradients(pass->score(Target(at::full({1}, target("top1"), at::kLong))), of);
  const auto whole = [](const at::Tensor& map) { return (map - map.min()) / (map.max() - map.min()); };
  const auto map = [&](double constant) {
    const auto part = [&](const at::Tensor& product) {
      const at::Tensor above = product.abs() - product.abs().amin({2, 3}, true), range = above.amax({2, 3}, true);
      const at::Tensor scaled = above / (range + constant + (range == 0));
      return at::upsample_bilinear2d(scaled, input.sizes().slice(2), false).sum(1, true);
    };
    at::Tensor sum = part(gradients[0] * input);
    for (size_t i = 0; i < needs.captures.size(); ++i) {
      if (of[i + 1].dim() == 4) sum = sum + part(gradients[i + 1] * pass->bias(needs.captures[i]));
    }
    return whole(sum.detach());
  };
  EXPECT_TRUE(compare(map(1e-7), "top1__fullgrad"));
  const at::Tensor ours = map_of(*exact, input, "full_grad", {{"each", std::string("channel")}}, target("top1"), false);
  expect_close(whole(ours), map(0), "full_grad");
}

// pytorch-grad-cam enlarges features corner to corner. With that the few lines below give its map, without it ours.
TEST_P(Golden, ScoreCamBetweenCentres) {
  const std::string layer = GetParam().layers[0];
  Needs needs;
  needs.captures = {{layer}};
  const at::Tensor features = model_->forward(input_, needs, false)->activation(layer);
  const auto map = [&](bool corners) {
    at::Tensor masks = at::upsample_bilinear2d(features, input_.sizes().slice(2), corners)[0].unsqueeze(1);
    masks = masks - masks.amin({1, 2, 3}, true);
    masks = masks / (masks.amax({1, 2, 3}, true) + 1e-8);
    const at::Tensor outputs =
        model_->outputs(masks.size(0), [&](int64_t begin, int64_t end) { return input_ * masks.slice(0, begin, end); });
    const at::Tensor weights = at::softmax(outputs.select(1, target("top1")), 0);
    return (weights.view({1, -1, 1, 1}) * features).sum(1, true);
  };
  EXPECT_TRUE(compare(map(true), "top1__" + layer + "__scorecam"));
  expect_close(map_of(*model_, input_, "scorecam", {{"layer", layer}}, target("top1"), false), map(false), "scorecam");
}

INSTANTIATE_TEST_SUITE_P(
    Models, Golden,
    testing::Values(
        Case{"squeezenet1_0_imagenet/tabby", "squeezenet1_0_imagenet.pt", {"features.12", "classifier.1"}},
        Case{"squeezenet1_0_imagenet/golden_retriever", "squeezenet1_0_imagenet.pt", {"features.12", "classifier.1"}},
        Case{"resnet20_cifar10/cat_0000", "resnet20_cifar10.pt", {"layer3"}},
        Case{"resnet20_cifar10/horse_0001", "resnet20_cifar10.pt", {"layer3"}}));

}  // namespace
}  // namespace attune
