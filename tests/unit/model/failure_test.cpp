// What a model or a request that does not fit is told.

#include <gtest/gtest.h>
#include <torch/script.h>

#include <attune/sdk/error.h>
#include <attune/torchscript_model.h>

#include "models.h"

namespace attune {
namespace {

std::string sentence(const std::function<void()>& action, Fault fault = Fault::input) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(error.fault(), fault) << error.what();
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << "more than one line: " << error.what();
    return error.what();
  }
  return "no error";
}

void expect_words(const std::string& text, const std::vector<std::string>& words) {
  for (const auto& word : words) EXPECT_NE(text.find(word), std::string::npos) << '"' << word << "\" is not in: " << text;
}

TEST(Failure, WrongChannelsNameTheLayerAndTheShape) {
  TorchScriptModel model(test::small_model());
  for (const bool graph : {false, true}) {
    expect_words(sentence([&] { model.forward(test::seeded({2, 1, 8, 8}, 1), {}, graph); }),
                 {"[2, 1, 8, 8]", "at layer 'conv1'", "[N, 3, 224, 224]"});
  }
}

TEST(Failure, TheLastLayerReachedIsSaid) {
  torch::jit::Module m("__torch__.Fails");
  m.register_module("conv1", test::conv(3, 5, 1));
  m.register_module("conv2", test::conv(4, 5, 1));
  m.define("def forward(self, x):\n    return torch.sum(self.conv2.forward(torch.relu(self.conv1.forward(x))), [2, 3])\n");
  TorchScriptModel model(m);
  expect_words(sentence([&] { model.forward(test::seeded({2, 3, 8, 8}, 1), {}, false); }),
               {"at layer 'conv2'", "reached 'conv1': [2, 5, 8, 8]"});
}

TEST(Failure, UnknownLayersGetTheNearestName) {
  TorchScriptModel model(test::small_model());
  Needs needs;
  needs.layers = {"cnov2"};
  expect_words(sentence([&] { model.forward(test::seeded({2, 3, 8, 8}, 1), needs, false); }), {"cnov2", "conv2"});
  ModelOptions options;
  options.layer = "conv3";
  expect_words(sentence([&] { TorchScriptModel(test::small_model(), options); }), {"conv3"});
}

TEST(Failure, OutputsThatAreNoScores) {
  TorchScriptModel maps(test::module("Maps", "def forward(self, x):\n    return torch.relu(x)\n"));
  expect_words(sentence([&] { maps.forward(test::seeded({2, 3, 8, 8}, 1), {}, false); }), {"[2, 3, 8, 8]", "[N,K]"});
}

TEST(Failure, LayersWithoutExtent) {
  torch::jit::Module m("__torch__.Flat");
  m.register_module("pool", test::module("Pool", "def forward(self, x):\n    return torch.mean(x, [2, 3])\n"));
  m.define("def forward(self, x):\n    return torch.relu(self.pool.forward(x))\n");
  TorchScriptModel model(m);
  Needs needs;
  needs.layers = {"pool"};
  expect_words(sentence([&] { model.forward(test::seeded({2, 3, 8, 8}, 1), needs, false); }),
               {"'pool'", "[2, 3]", "no spatial extent"});
  needs.layers = {"auto"};
  expect_words(sentence([&] { model.forward(test::seeded({2, 3, 8, 8}, 1), needs, false); }), {"--layer"});
}

TEST(Failure, ModelsWithoutLayersSayWhy) {
  TorchScriptModel model(test::module("Bare", "def forward(self, x):\n    return torch.sum(torch.relu(x), [2, 3])\n"));
  Needs needs;
  needs.layers = {"auto"};
  expect_words(sentence([&] { model.forward(test::seeded({2, 3, 8, 8}, 1), needs, false); }), {"no named layers"});
}

TEST(Failure, UnknownParametersGetTheNearestName) {
  const TorchScriptModel model(test::small_model());
  EXPECT_EQ(model.parameter("conv1.w0").dim(), 4);
  expect_words(sentence([&] { model.parameter("conv1.w"); }, Fault::run), {"conv1.w0"});
}

}  // namespace
}  // namespace attune
