// What a model's output means, and what is said of a model that would surprise.

#include <gtest/gtest.h>
#include <torch/script.h>

#include <attune/sdk/error.h>

#include "models.h"

namespace attune {
namespace {

using test::module;
using test::seeded;

// Scores of three classes are the means of the colours; `result` says what becomes of them.
torch::jit::Module ends_in(const std::string& result) {
  return module("Ends",
                "def forward(self, x):\n    y = torch.mean(torch.relu(x), [2, 3])\n    return " + result + "\n");
}

at::Tensor colours(const at::Tensor& x) { return at::relu(x).mean({2, 3}); }

TEST(Output, ScoresBecomeProbabilitiesByTheirNumberAndTheTask) {
  const at::Tensor x = seeded({2, 3, 4, 4}, 70), scores = colours(x);
  TorchScriptModel model(ends_in("y"));
  EXPECT_EQ(model.output_kind(), OutputKind::scores);
  EXPECT_TRUE(model.remarks().empty());
  EXPECT_TRUE(at::equal(model.probabilities(scores), at::softmax(scores, 1)));
  EXPECT_TRUE(at::equal(model.logits(scores), scores));
  ModelOptions options;
  options.multi_label = true;
  EXPECT_TRUE(at::equal(TorchScriptModel(ends_in("y"), options).probabilities(scores), at::sigmoid(scores)));
  const at::Tensor one = scores.narrow(1, 0, 1);
  EXPECT_TRUE(at::equal(TorchScriptModel(ends_in("y[:, :1]")).probabilities(one), at::sigmoid(one)));
}

TEST(Output, ProbabilitiesAreShownAsTheyAre) {
  const at::Tensor x = seeded({2, 3, 4, 4}, 71), scores = colours(x);
  const at::Tensor shares = at::softmax(scores, 1);
  const std::vector<std::tuple<std::string, OutputKind, at::Tensor>> cases = {
      {"torch.softmax(y, 1)", OutputKind::softmax, shares},
      {"torch.softmax(y, 1).view([-1, 3, 1]).squeeze(2)", OutputKind::softmax, shares},
      {"torch.log_softmax(y, 1)", OutputKind::log_softmax, shares},
      {"torch.sigmoid(y)", OutputKind::sigmoid, at::sigmoid(scores)},
      {"torch.sigmoid(y)[:, 0]", OutputKind::sigmoid, at::sigmoid(scores).narrow(1, 0, 1)},
      {"{\"x\": x, \"logits\": torch.softmax(y, 1)}", OutputKind::softmax, shares},
      {"(torch.sigmoid(y), x)", OutputKind::sigmoid, at::sigmoid(scores)}};
  for (const auto& [code, kind, expected] : cases) {
    TorchScriptModel model(ends_in(code));
    EXPECT_EQ(model.output_kind(), kind) << code;
    const at::Tensor output = model.forward(x, {}, false)->output();
    ASSERT_EQ(output.sizes(), expected.sizes()) << code;
    EXPECT_TRUE(at::allclose(model.probabilities(output), expected)) << code;
    ASSERT_EQ(model.remarks().size(), 1U) << code;
    EXPECT_NE(model.remarks()[0].find(kind == OutputKind::sigmoid ? "sigmoid" : "softmax"), std::string::npos);
    // Of the logits, the rule for scores gives the same probabilities.
    const at::Tensor logits = model.logits(output);
    EXPECT_TRUE(at::allclose(kind == OutputKind::sigmoid ? at::sigmoid(logits) : at::softmax(logits, 1), expected))
        << code;
  }
  for (const char* code : {"torch.softmax(y, 1) * 2.0", "torch.relu(y)", "torch.sigmoid(y) + y"}) {
    EXPECT_EQ(TorchScriptModel(ends_in(code)).output_kind(), OutputKind::scores) << code;
  }
}

TEST(Output, CertaintyHasFiniteLogits) {
  const at::Tensor certain = at::tensor(std::vector<double>{1.0, 0.0}, at::kDouble).unsqueeze(0);
  for (const char* code : {"torch.softmax(y, 1)", "torch.sigmoid(y)"}) {
    EXPECT_TRUE(TorchScriptModel(ends_in(code)).logits(certain).isfinite().all().item<bool>()) << code;
  }
}

TEST(Output, RowsOfScoresInOtherShapes) {
  const at::Tensor x = seeded({2, 3, 4, 4}, 72);
  for (const char* code : {"y[:, 0]", "y[:, :1]"}) {
    EXPECT_TRUE(at::equal(TorchScriptModel(ends_in(code)).forward(x, {}, true)->output(), colours(x).narrow(1, 0, 1)));
  }
  TorchScriptModel positions(ends_in("torch.mean(torch.relu(x), [2, 3], True)"));  // a fully convolutional classifier
  EXPECT_TRUE(at::equal(positions.forward(x, {}, true)->output(), colours(x)));
}

TEST(Output, WhatIsNoOutputIsNamed) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"torch.argmax(y, 1)", "Long"},
      {"y.sum()", "[]"},
      {"[{\"scores\": y}]", "a list without a tensor"},
      {"{\"logits\": {\"a\": y}}", "a dict without a tensor"}};
  for (const auto& [code, words] : cases) {
    TorchScriptModel model(ends_in(code));
    try {
      model.forward(seeded({2, 3, 4, 4}, 73), {}, false);
      FAIL() << code;
    } catch (const Error& error) {
      EXPECT_NE(std::string(error.what()).find(words), std::string::npos) << error.what();
    }
  }
}

std::string remark_on(const std::string& code, const std::vector<at::Tensor>& weights = {}) {
  const auto m =
      module("Remarked", "def forward(self, x):\n    x = " + code + "\n    return torch.mean(x, [2, 3])\n", weights);
  const TorchScriptModel model(m);
  return model.remarks().empty() ? "" : model.remarks()[0];
}

TEST(Output, LayersInTrainingModeAreSaid) {
  const std::vector<at::Tensor> norm(4, at::ones({3}, at::kDouble));
  const std::string statistics = "torch.batch_norm(x, self.w0, self.w1, self.w2, self.w3, ";
  EXPECT_NE(remark_on("torch.dropout(torch.dropout(x, 0.5, True), 0.1, True)").find("2 dropout layers"),
            std::string::npos);
  EXPECT_NE(remark_on(statistics + "True, 0.1, 1e-5, False)", norm).find("1 batch norm layer "), std::string::npos);
  EXPECT_NE(remark_on("x + torch.rand_like(x)").find("random"), std::string::npos);
  EXPECT_EQ(remark_on("torch.dropout(x, 0.5, False)"), "");
  EXPECT_EQ(remark_on("torch.dropout(x, 0.5, self.training)"), "");  // a script, which is run in evaluation mode
  EXPECT_EQ(remark_on("torch.dropout(x, 0.0, True)"), "");
  EXPECT_EQ(remark_on(statistics + "False, 0.1, 1e-5, False)", norm), "");
  EXPECT_EQ(remark_on("torch.batch_norm(x, None, None, None, None, True, 0.1, 1e-5, False)"), "");
}

}  // namespace
}  // namespace attune
