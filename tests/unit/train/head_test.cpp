#include <gtest/gtest.h>

#include <attune/sdk/error.h>

#include "model/run/training_model.h"
#include "support.h"

namespace attune::test {
namespace {

at::Tensor parameter(const torch::jit::Module& module, const std::string& name) {
  for (const auto& known : module.named_parameters()) {
    if (known.name == name) return known.value;
  }
  ADD_FAILURE() << "no " << name;
  return {};
}

at::Tensor scores(torch::jit::Module& module) { return module.forward({seeded({2, 3, 8, 8}, 5)}).toTensor(); }

TEST(Head, HasOneOutputPerClass) {
  auto module = dropping_model();
  replace_head(torchscript_source(module), "fc", 7, 1);
  EXPECT_EQ(parameter(module, "fc.weight").sizes(), (std::vector<int64_t>{7, 6}));
  EXPECT_EQ(parameter(module, "fc.bias").sizes(), (std::vector<int64_t>{7}));
  EXPECT_EQ(scores(module).sizes(), (std::vector<int64_t>{2, 7}));
}

TEST(Head, KeepsTypeAndGradientOfTheOldOne) {
  auto module = dropping_model();
  replace_head(torchscript_source(module), "fc", 7, 1);
  EXPECT_EQ(parameter(module, "fc.weight").scalar_type(), at::kDouble);
  EXPECT_TRUE(parameter(module, "fc.weight").requires_grad());
  EXPECT_TRUE(parameter(module, "fc.bias").is_leaf());
}

TEST(Head, IsTrainedWhereTheOldOneWasFrozen) {
  auto module = dropping_model();
  freeze_layer(module, "fc");
  replace_head(torchscript_source(module), "fc", 7, 1);
  EXPECT_TRUE(parameter(module, "fc.weight").requires_grad());
  EXPECT_TRUE(parameter(module, "fc.bias").requires_grad());
}

TEST(Head, IsDrawnFromItsSeed) {
  auto a = dropping_model(), b = dropping_model(), c = dropping_model();
  replace_head(torchscript_source(a), "fc", 50, 1);
  replace_head(torchscript_source(b), "fc", 50, 1);
  replace_head(torchscript_source(c), "fc", 50, 2);
  EXPECT_TRUE(at::equal(parameter(a, "fc.weight"), parameter(b, "fc.weight")));
  EXPECT_FALSE(at::equal(parameter(a, "fc.weight"), parameter(c, "fc.weight")));
  const double bound = 1 / std::sqrt(6.0);
  EXPECT_LE(parameter(a, "fc.weight").abs().max().item<double>(), bound);
  EXPECT_GT(parameter(a, "fc.weight").abs().max().item<double>(), 0.95 * bound);
  EXPECT_LT(parameter(a, "fc.weight").mean().abs().item<double>(), 0.1 * bound);
}

TEST(Head, MayBeAConvolution) {
  torch::jit::Module module("__torch__.Full");
  module.register_module("last",
                         layer_of("Last", "torch.conv2d(x, self.weight)", {{"weight", seeded({4, 3, 1, 1}, 1)}}));
  module.define("def forward(self, x):\n    return torch.mean(self.last.forward(x), [2, 3])\n");
  replace_head(torchscript_source(module), "last", 5, 1);
  EXPECT_EQ(scores(module).size(1), 5);
}

TEST(Head, OfAnUnknownLayerNamesTheNearest) {
  auto module = dropping_model();
  EXPECT_EQ(message_of(Fault::spec, [&] { replace_head(torchscript_source(module), "fd", 7, 1); }),
            "head 'fd' is no linear layer or 1x1 convolution; they are 'fc' (did you mean \"fc\"?)");
  EXPECT_EQ(message_of(Fault::spec, [&] { replace_head(torchscript_source(module), "conv2", 7, 1); }),
            "head 'conv2' is no linear layer or 1x1 convolution; they are 'fc'");
}

TEST(Head, OfAFrozenModelIsRefused) {
  auto module = layer_of("Nothing", "torch.mean(x, [2, 3])");
  EXPECT_EQ(message_of(Fault::spec, [&] { replace_head(torchscript_source(module), "fc", 7, 1); }),
            "the model has no linear layer or 1x1 convolution to replace (was it frozen?)");
}

TEST(Head, ThatIsNotTheLastLayerIsRefused) {
  const auto module = dropping_model();
  EXPECT_NO_THROW(require_classes(4, 4, torchscript_source(module), "fc"));
  EXPECT_EQ(message_of(Fault::spec, [&] { require_classes(4, 3, torchscript_source(module), ""); }),
            "the model gives 4 scores for 3 classes; name its last layer as \"head\": they are 'fc'");
  EXPECT_EQ(message_of(Fault::spec, [&] { require_classes(4, 3, torchscript_source(module), "fc"); }),
            "the model gives 4 scores for 3 classes with the new head 'fc', so that this is not its last layer; of "
            "linear layers and 1x1 convolutions they are 'fc'");
}

}  // namespace
}  // namespace attune::test
