// What a model or a request that does not fit is told.

#include "model/failure.h"

#include <gtest/gtest.h>
#include <torch/script.h>

#include <attune/sdk/error.h>

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
  for (const auto& word : words)
    EXPECT_NE(text.find(word), std::string::npos) << '"' << word << "\" is not in: " << text;
}

TEST(Failure, WrongChannelsNameTheLayerAndTheShape) {
  TorchScriptModel model(test::small_model());
  for (const bool graph : {false, true}) {
    expect_words(sentence([&] {
                   model.forward(test::seeded({2, 1, 8, 8}, 1), {}, graph);
                 }),
                 {"[2, 1, 8, 8]", "at layer 'conv1'", "[N, 3, 224, 224]"});
  }
}

TEST(Failure, TheLastLayerReachedIsSaid) {
  torch::jit::Module m("__torch__.Fails");
  m.register_module("conv1", test::conv(3, 5, 1));
  m.register_module("conv2", test::conv(4, 5, 1));
  m.define(
      "def forward(self, x):\n    return torch.sum(self.conv2.forward(torch.relu(self.conv1.forward(x))), [2, 3])\n");
  TorchScriptModel model(m);
  expect_words(sentence([&] {
                 model.forward(test::seeded({2, 3, 8, 8}, 1), {}, false);
               }),
               {"at layer 'conv2'", "reached 'conv1': [2, 5, 8, 8]"});
}

TEST(Failure, UnknownLayersGetTheNearestName) {
  TorchScriptModel model(test::small_model());
  Needs needs;
  needs.captures = {{"cnov2"}};
  expect_words(sentence([&] { model.forward(test::seeded({2, 3, 8, 8}, 1), needs, false); }), {"cnov2", "conv2"});
  ModelOptions options;
  options.layer = "conv3";
  expect_words(sentence([&] { TorchScriptModel(test::small_model(), options); }), {"conv3"});
}

TEST(Failure, LayersWithoutExtent) {
  torch::jit::Module m("__torch__.Flat");
  m.register_module("pool", test::module("Pool", "def forward(self, x):\n    return torch.mean(x, [2, 3])\n"));
  m.define("def forward(self, x):\n    return torch.relu(self.pool.forward(x))\n");
  TorchScriptModel model(m);
  Needs needs;
  needs.captures = {{"pool"}};
  expect_words(sentence([&] {
                 model.forward(test::seeded({2, 3, 8, 8}, 1), needs, false);
               }),
               {"'pool'", "[2, 3]", "no spatial extent"});
  needs.captures = {{"auto"}};
  expect_words(sentence([&] { model.forward(test::seeded({2, 3, 8, 8}, 1), needs, false); }), {"--layer"});
}

TEST(Failure, ModelsWithoutLayersSayWhy) {
  TorchScriptModel model(test::module("Bare", "def forward(self, x):\n    return torch.sum(torch.relu(x), [2, 3])\n"));
  Needs needs;
  needs.captures = {{"auto"}};
  expect_words(sentence([&] { model.forward(test::seeded({2, 3, 8, 8}, 1), needs, false); }), {"no named layers"});
}

TEST(Failure, TheHintOfTheShapeIsForWhatDiffers) {
  torch::jit::Module m("__torch__.Picky");
  m.register_module("conv1", test::conv(3, 4, 1));
  m.define(
      "def forward(self, x):\n"
      "    assert x.size(2) == 48, \"expected 48 pixels\"\n"
      "    return torch.sum(torch.relu(self.conv1.forward(x)), [2, 3])\n");
  TorchScriptModel model(m);
  const std::string text = sentence([&] { model.forward(test::seeded({2, 3, 8, 8}, 1), {}, false); });
  expect_words(text, {"expected 48 pixels"});
  EXPECT_EQ(text.find("probably"), std::string::npos) << text;
  EXPECT_EQ(text.find("AssertionError"), std::string::npos) << text;
  expect_words(sentence([&] { model.forward(test::seeded({2, 3, 8}, 1), {}, false); }), {"[N, 3, 224, 224]"});
}

TEST(Failure, InputsThatAreNoTensorAreNamedBeforeAnythingRuns) {
  const auto number =
      test::module("Number", "def forward(self, x, size: int):\n    return torch.sum(torch.relu(x), [2, 3]) * size\n");
  expect_words(sentence([&] { TorchScriptModel{number}; }), {"'size' as int", "expected a Tensor", "wrapper"});
}

TEST(Failure, ADeviceThatTheModelNamesIsLeftForTheOneItRunsOn) {
  const auto m = test::module("Traced",
                              "def forward(self, x):\n"
                              "    z = torch.zeros([1], dtype=x.dtype, device=torch.device(\"cuda:0\"))\n"
                              "    return torch.sum(torch.relu(x.to(torch.device(\"cuda:0\"))), [2, 3]) + z\n");
  TorchScriptModel model(m);
  const at::Tensor x = test::seeded({2, 3, 4, 4}, 1);
  for (const bool graph : {false, true}) {
    EXPECT_TRUE(at::allclose(model.forward(x, {}, graph)->output(), at::relu(x).sum({2, 3})));
  }
  // Its own forward is not rewritten.
  const std::string text = sentence([&] { model.module_output(x, false); });
  EXPECT_LT(text.size(), 400U) << text;
  expect_words(text, {"CUDA"});
}

TEST(Failure, TypesThatAreNotComputedAreNamed) {
  torch::jit::Module m("__torch__.Half");
  m.register_module("conv1", test::conv(3, 4, 1));
  m.define("def forward(self, x):\n    return torch.sum(torch.relu(self.conv1.forward(x)), [2, 3])\n");
  m.to(at::kHalf);
  TorchScriptModel model(m);
  const at::Tensor x = test::seeded({2, 3, 8, 8}, 1).to(at::kHalf);
  try {
    EXPECT_EQ(model.forward(x, {}, false)->output().scalar_type(), at::kHalf);  // newer LibTorch does
  } catch (const Error& error) {
    expect_words(error.what(), {"float16", "model.float()"});
    EXPECT_EQ(std::string(error.what()).find("probably"), std::string::npos) << error.what();
  }
}

TEST(Failure, ReasonsAreShort) {
  const auto reason = [](const std::string& text) { return reason_of(std::runtime_error(text)); };
  EXPECT_EQ(reason("isList() INTERNAL ASSERT FAILED at \"ivalue_inl.h\":1925, please report a bug to PyTorch. Expected "
                   "GenericList but got Tensor\nException raised from x"),
            "Expected GenericList but got Tensor");
  EXPECT_EQ(
      reason("Could not run 'aten::empty.memory_format' with arguments from the 'CUDA' backend. This could be " +
             std::string(1000, 'x')),
      "the operator aten::empty.memory_format cannot run on CUDA here; export the model with all of its tensors on "
      "the processor (`model.cpu()`)");
  EXPECT_EQ(
      reason("The following operation failed in the TorchScript interpreter.\nTraceback of TorchScript (most recent "
             "call last):\n  File \"x.py\", line 3, in forward\n    ~~~~ <--- HERE\nRuntimeError: bad size\n"),
      "bad size");
  EXPECT_LE(reason(std::string(5000, 'y')).size(), 320U);
}

TEST(Failure, WordsOfModelsDoNothingToATerminal) {
  EXPECT_EQ(printable("a \x1b[31mred\xff word\n"), "a \\x1b[31mred\\xff word\\x0a");
  EXPECT_EQ(printable("Gr\u00f6\u00dfe \u732b \U0001f600"), "Gr\u00f6\u00dfe \u732b \U0001f600");
  EXPECT_EQ(printable("\xc0\xaf\xed\xa0\x80\xc2\x9b\xe7\x8c"), "\\xc0\\xaf\\xed\\xa0\\x80\\xc2\\x9b\\xe7\\x8c");
}

TEST(Failure, UnknownParametersGetTheNearestName) {
  const TorchScriptModel model(test::small_model());
  EXPECT_EQ(model.parameter("conv1.w0").dim(), 4);
  expect_words(sentence([&] { model.parameter("conv1.w"); }, Fault::run), {"conv1.w0"});
}

}  // namespace
}  // namespace attune
