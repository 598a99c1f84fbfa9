// The specs that ship, on a real model and real photos: the published ATCON code's losses and gradients, and the
// paper's twelve combinations.

#include <cmath>
#include <fstream>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <torch/csrc/autograd/autograd.h>
#include <torch/script.h>

#include <attune/consistency_loss.h>
#include <attune/model.h>

#include "image/npy.h"
#include "material.h"
#include "own_plugins.h"

namespace attune {
namespace {

namespace fs = std::filesystem;

const char* const compares[] = {"pearson", "cross_correlation", "ssim"};

Spec shipped(const std::string& name) {
  return read_spec(fs::path(ATTUNE_SOURCE_DIR) / "docs" / "specs" / (name + ".json"), catalogue());
}

class Atcon : public testing::Test {
 protected:
  void SetUp() override {
    ATTUNE_NEED(test::shared() / "golden" / "atcon.json");
    std::ifstream(test::shared() / "golden" / "atcon.json") >> golden_;
    model_ = open_model(test::shared() / "models" / (golden_["model"].get<std::string>() + ".pt"));
    for (const auto& photo : golden_["photos"]) {
      inputs_.push_back(
          read_npy(test::shared() / "golden" / "squeezenet1_0_imagenet" / photo.get<std::string>() / "input.npy"));
    }
  }

  double gradient_norm(const at::Tensor& loss) const {
    std::vector<at::Tensor> parameters;
    for (const auto& [name, parameter] : model_->parameters()) parameters.push_back(parameter);
    double square = 0;
    for (const auto& gradient : torch::autograd::grad({loss}, parameters, {}, false, false, true)) {
      if (gradient.defined()) square += gradient.to(at::kDouble).square().sum().item<double>();
    }
    return std::sqrt(square);
  }

  nlohmann::json golden_;
  std::shared_ptr<ImageModel> model_;
  std::vector<at::Tensor> inputs_;
};

TEST_F(Atcon, NineCombinationsEqualThePublishedCode) {
  const std::map<std::string, std::string> matches = {
      {"upsample", "upsample"}, {"gb_mask", "gb_as_mask"}, {"gradcam_mask", "gradcam_as_mask"}};
  for (const auto& [ours, theirs] : matches) {
    for (const std::string compare : compares) {
      const ConsistencyLoss loss(model_, shipped("atcon_reference_" + ours + "_" + compare), catalogue());
      const auto& expected = golden_["results"][theirs + " / " + compare];
      for (size_t i = 0; i < inputs_.size(); ++i) {
        const at::Tensor value = loss(inputs_[i]).loss;
        const double golden = expected["loss_per_photo"][i].get<double>() - (compare == "ssim" ? 1 : 0);
        EXPECT_NEAR(value.item<double>(), golden, 1e-4 * std::max(1.0, std::abs(golden))) << ours << ' ' << compare;
        const double norm = expected["grad_norm_per_photo"][i].get<double>();
        EXPECT_NEAR(gradient_norm(value), norm, 0.01 * norm) << ours << ' ' << compare;
      }
    }
  }
}

TEST_F(Atcon, TwelveCombinationsAreFiniteAndInRange) {
  const at::NoGradGuard no_grad;
  for (const std::string match : {"upsample", "pool", "gb_mask", "gradcam_mask"}) {
    for (const std::string compare : compares) {
      const ConsistencyLoss loss(model_, shipped("atcon_" + match + "_" + compare), catalogue());
      for (const at::Tensor& input : inputs_) {
        const TermReport term = loss(input).terms[0];
        const double h = term.values.item<double>();
        EXPECT_TRUE(h >= -1 && h <= 1) << match << ' ' << compare << ' ' << h;
        EXPECT_NE(h, 0) << match << ' ' << compare;
        EXPECT_FALSE(term.degenerate.item<bool>()) << match << ' ' << compare;
      }
    }
  }
}

// A map agrees with itself, and disagrees with its negative.
TEST_F(Atcon, CorrelationsOfARealMapWithItself) {
  const ConsistencyLoss loss(model_, shipped("atcon"), catalogue());
  LossTrace trace;
  loss(inputs_[0], &trace);
  const at::Tensor map = trace.items[0].values;
  const auto h = [&](const std::string& id, const at::Tensor& other) {
    return catalogue().make_correlation(id)->correlate({map, false}, {other, false}).item<double>();
  };
  for (const std::string id : compares) EXPECT_NEAR(h(id, map), 1, 1e-5) << id;
  EXPECT_NEAR(h("pearson", -map), -1, 1e-5);
}

}  // namespace
}  // namespace attune
