// Targets with keys: what an output of any shape is looked at for, by hand and by finite differences.
#include <ATen/ATen.h>
#include <gtest/gtest.h>

#include "errors.h"
#include "support.h"

namespace attune::test {
namespace {

at::Tensor score_of(const std::string& text, const at::Tensor& output, const Model* model = nullptr) {
  return TargetChoice::parse(text, Labels()).resolve(output, model).at(0).score(output);
}

// The score by two ways: by the target, and by hand; its gradient by finite differences; rows alone; repeated rows.
void expect_score(const std::string& text, const at::Tensor& output, const at::Tensor& expected) {
  SCOPED_TRACE(text);
  const at::Tensor x = output.clone().requires_grad_();
  const Target target = TargetChoice::parse(text, Labels()).resolve(x).at(0);
  const at::Tensor score = target.score(x);
  ASSERT_EQ(score.sizes(), expected.sizes());
  EXPECT_TRUE(at::allclose(score, expected, 1e-12, 1e-12)) << score << expected;
  const at::Tensor gradient = torch::autograd::grad({score.sum()}, {x})[0];
  const at::Tensor step = seeded(x.sizes(), 99) * 1e-6;
  const at::Tensor difference = target.score(output + step).sum() - target.score(output - step).sum();
  EXPECT_NEAR(difference.item<double>(), 2 * (gradient * step).sum().item<double>(), 1e-13);
  EXPECT_TRUE(at::allclose(target.repeat(2).score(output.repeat_interleave(2, 0)), expected.repeat_interleave(2)));
  const at::Tensor last = at::tensor({output.size(0) - 1}, at::kLong);
  EXPECT_TRUE(at::allclose(target.select(last).score(output.index_select(0, last)), expected.index_select(0, last)));
  EXPECT_TRUE(at::allclose(score_of(text, output.narrow(0, 0, 1)), expected.narrow(0, 0, 1))) << "a row alone";
}

std::string refusal_on(const std::string& text, const at::Tensor& output, Fault fault = Fault::usage) {
  return message_of(fault, [&] { score_of(text, output); });
}

// Best classes 2, 0, 1, 3 and 3, 1, 2, 0.
at::Tensor classes() { return at::tensor({5.0, 3.0, 9.0, -1.0, -4.0, 2.0, 1.0, 2.5}, at::kDouble).view({2, 4}); }

TEST(TargetKeys, MinusTakesOffAnotherClass) {
  expect_score("top1:minus=0", classes(), at::tensor({9.0 - 5.0, 2.5 + 4.0}, at::kDouble));
  expect_score("1:minus=top2", classes(), at::tensor({3.0 - 5.0, 2.0 - 2.0}, at::kDouble));
  const double a = std::exp(5.0), b = std::exp(3.0), c = std::exp(2.0), d = std::exp(1.0);
  expect_score("top1:minus=similar2", classes(),
               at::tensor({9 - (a * 5 + b * 3) / (a + b), 2.5 - (c * 2 + d) / (c + d)}, at::kDouble));
}

TEST(TargetKeys, ProbabilitiesAreThoseOfTheModel) {
  const at::Tensor y = classes(), shares = at::softmax(y, 1), one = y.narrow(1, 0, 1).contiguous();
  expect_score("2:of=probability", y, shares.select(1, 2));
  expect_score("2:of=log_probability", y, shares.select(1, 2).log());
  expect_score("top1:of=probability", one, at::sigmoid(one).squeeze(1));
  expect_score("all:of=log_probability", y, at::log_softmax(y, 1).sum(1));
  const TorchScriptModel multi(small_model(), [] {
    ModelOptions options;
    options.multi_label = true;
    return options;
  }());
  EXPECT_TRUE(at::allclose(score_of("1:of=probability", y, &multi), at::sigmoid(y.select(1, 1))));
}

TEST(TargetKeys, RegionsOfASegmentation) {
  const at::Tensor y = seeded({2, 3, 4, 5}, 7), answer = y.argmax(1);
  expect_score("1:region=all", y, y.select(1, 1).sum({1, 2}));
  expect_score("1:region=2,1,5,3", y, y.select(1, 1).narrow(1, 1, 2).narrow(2, 2, 3).sum({1, 2}));
  expect_score("1:region=predicted", y,
               at::where(answer.eq(1), y.select(1, 1), at::zeros({}, y.options())).sum({1, 2}));
  expect_score("1:region=2,1,5,3,pick=mean", y, y.select(1, 1).narrow(1, 1, 2).narrow(2, 2, 3).mean({1, 2}));
  expect_score("1:pick=top3", y, std::get<0>(y.select(1, 1).flatten(1).topk(3, 1)).mean(1));
  expect_score("2:region=all,axis=3", y.permute({0, 2, 3, 1}).contiguous(), y.select(1, 2).sum({1, 2}));
  expect_score("1:minus=0,region=all,of=probability", y,
               (at::softmax(y, 1).select(1, 1) - at::softmax(y, 1).select(1, 0)).sum({1, 2}));
}

// The positions that count stay those of the input, whatever a method makes of it.
TEST(TargetKeys, ThePredictedRegionIsKept) {
  const at::Tensor y = seeded({2, 3, 4, 4}, 8), other = seeded({4, 3, 4, 4}, 9);
  const Target target = TargetChoice::parse("top1:region=predicted", Labels()).resolve(y).at(0);
  const at::Tensor counts = at::one_hot(y.argmax(1).flatten(1), 3).sum(1), best = counts.argmax(1);
  std::vector<at::Tensor> expected;
  for (int64_t row = 0; row < 4; ++row) {
    const at::Tensor mask = y[row / 2].argmax(0).eq(best[row / 2]);
    expected.push_back(other[row].index_select(0, best[row / 2].view({1})).squeeze(0).masked_select(mask).sum());
  }
  EXPECT_TRUE(at::allclose(target.repeat(2).score(other), at::stack(expected)));
}

TEST(TargetKeys, AnchorsOfBothLayouts) {
  const at::Tensor y = seeded({2, 7, 120}, 10);
  const at::Tensor best = std::get<0>(y.select(1, 5).max(1));
  expect_score("1:pick=max", y, best);
  expect_score("1:pick=max", y.transpose(1, 2).contiguous(), best);
  expect_score("1:pick=max,boxes=5", y, std::get<0>(y.select(1, 6).max(1)));
  expect_score("1:pick=max,boxes=0,axis=2", y, std::get<0>(y.select(2, 1).max(1)));
  const at::Tensor strongest = std::get<0>(std::get<0>(y.narrow(1, 4, 3).max(2)).max(1));
  expect_score("top1:pick=max", y, strongest);
}

// Tokens by classes look like anchors the other way round.
TEST(TargetKeys, AxesThatCouldBeEitherAreAskedFor) {
  EXPECT_EQ(
      refusal_on("1:pick=max", seeded({2, 7, 20}, 10)),
      "target '1:pick=max' does not say where the classes are, but the model's output has shape [2, 7, 20]; add axis=1 "
      "or axis=2");
}

TEST(TargetKeys, ValuesOfARegression) {
  const at::Tensor y = seeded({2, 3}, 11);
  expect_score("value=2", y, y.select(1, 2));
  expect_score("value", y.narrow(1, 1, 1).contiguous(), y.select(1, 1));
  expect_score("value,region=all,pick=mean", seeded({2, 1, 3, 3}, 12), seeded({2, 1, 3, 3}, 12).mean({1, 2, 3}));
  EXPECT_EQ(refusal_on("value", y),
            "target 'value' does not say which value, but the model's output has shape [2, 3]; value=0 to value=2");
}

TEST(TargetKeys, SimilarityToAVector) {
  const at::Tensor vector = seeded({1, 5}, 13), y = seeded({2, 5}, 14);
  std::string asked;
  read_target_files([&](const std::string& path) {
    asked = path;
    return path == "short.npy" ? vector.narrow(1, 0, 4) : vector;
  });
  expect_score("similar_to=a,b.npy", y, at::cosine_similarity(y, vector));
  EXPECT_EQ(asked, "a,b.npy");
  EXPECT_EQ(refusal_on("similar_to=short.npy", y),
            "target 'similar_to=short.npy' has a vector of 4 numbers, but the model's output has shape [2, 5]; "
            "expected 5");
}

TEST(TargetKeys, AMaskFromAFile) {
  at::Tensor mask = at::zeros({4, 5, 3}, at::kByte);
  mask[1][2].fill_(255);
  mask[3][4][1] = 1;
  read_target_files([&](const std::string&) { return mask; });
  const at::Tensor y = seeded({2, 3, 4, 5}, 15);
  expect_score("0:region=mask.png", y,
               y.select(1, 0).select(1, 1).select(1, 2) + y.select(1, 0).select(1, 3).select(1, 4));
  EXPECT_EQ(refusal_on("0:region=mask.png", seeded({2, 3, 4, 4}, 15)),
            "target '0:region=mask.png' has a region of [4, 5] cells, but the model's output has shape [2, 3, 4, 4]; "
            "the file must have its [4, 4]");
}

TEST(TargetKeys, SaysWhatTheOutputDoesNotHave) {
  const at::Tensor map = seeded({2, 3, 4, 5}, 16);
  EXPECT_EQ(refusal_on("top1", map, Fault::input),
            "target 'top1' does not say which positions count, but the model's output has shape [2, 3, 4, 5]; add "
            "region=predicted or region=all for [N,K,H,W], pick=max for anchors, or name another output");
  EXPECT_EQ(refusal_on("top1:region=all", classes()),
            "target 'top1:region=all' chooses among positions, but the model's output has shape [2, 4]; leave region "
            "and pick out for [N,K]");
  EXPECT_EQ(refusal_on("1:region=all,axis=4", map),
            "target '1:region=all,axis=4' has its classes at axis 4, but the model's output has shape [2, 3, 4, 5]; "
            "expected 1 to 3");
  EXPECT_EQ(refusal_on("1:region=0,0,6,4", map),
            "target '1:region=0,0,6,4' has a region that is no part of it, but the model's output has shape "
            "[2, 3, 4, 5]; X0,Y0,X1,Y1 go from 0,0 to 5,4, and X0 < X1, Y0 < Y1");
  EXPECT_EQ(refusal_on("top1:minus=similar4", classes()),
            "target 'top1:minus=similar4' takes off similar4, but the model has 4 classes; expected at most 3");
  EXPECT_EQ(refusal_on("top1:minus=4", classes()), "target 4 is out of range: the model has 4 classes, 0 to 3");
}

TEST(TargetKeys, AreCheckedBeforeTheModelIsRun) {
  const std::string keys = "; its keys are minus, of, output, axis, boxes, region, pick, similar_to, value";
  const std::vector<std::pair<std::string, std::string>> wrong = {
      {"top1:mimus=3", "has no key 'mimus' (did you mean \"minus\"?)" + keys},
      {"top1:of=logit", "gives of 'logit'; expected score, probability or log_probability"},
      {"top1:axis=0", "gives axis '0'; expected INDEX"},
      {"top1:pick=top0", "gives pick 'top0'; expected sum, mean, max or topN"},
      {"top1:minus=1,minus=2", "says minus twice"},
      {"top1:minus", "says 'minus' behind its class; expected key=value"},
      {"top1:similar_to=a.npy,of=probability", "has both similar_to and of, of which it takes one"},
      {"value=1,minus=2", "has both value and minus, of which it takes one"},
      {"all:minus=2", "has no class that minus could take from"},
  };
  for (const auto& [text, why] : wrong) {
    EXPECT_EQ(message_of(Fault::usage, [&, text = text] { TargetChoice::parse(text, Labels()); }),
              "target '" + text + "' " + why);
  }
}

TEST(TargetKeys, ALabelMayHaveAColon) {
  const Labels labels({"n01: tench", "a:minus=b", "cat"});
  EXPECT_EQ(TargetChoice::parse("n01: tench", labels).explain(classes())[0].classes[0].item<int64_t>(), 0);
  EXPECT_EQ(TargetChoice::parse("a:minus=b", labels).explain(classes())[0].measure, "");
  EXPECT_EQ(TargetChoice::parse("n01: tench:minus=cat", labels).explain(classes())[0].measure, "minus=cat");
}

// A picture to a map of 3 classes and to 4 scores, as a tuple and as a dict.
torch::jit::Module two_outputs(const std::string& result) {
  torch::jit::Module m("__torch__.Two");
  m.register_attribute("training", c10::BoolType::get(), false);
  m.register_module("conv1", conv(3, 5, 1));
  m.register_module("act1", activation("torch.relu(x)"));
  m.register_module("conv2", conv(5, 3, 2));
  m.register_parameter("fc", seeded({4, 5}, 3).requires_grad_(), false);
  m.define(
      "def forward(self, x):\n"
      "    x = self.act1.forward(self.conv1.forward(x))\n"
      "    y = self.conv2.forward(x)\n"
      "    z = torch.matmul(torch.mean(x, [2, 3]), torch.t(self.fc))\n"
      "    return " +
      result + "\n");
  return m;
}

TEST(TargetKeys, OneOfSeveralOutputs) {
  const at::Tensor x = two_inputs();
  for (const auto& [result, scores, maps] : std::vector<std::tuple<std::string, std::string, std::string>>{
           {"(y, z)", "1", "0"}, {"{'out': y, 'aux': z}", "aux", "out"}}) {
    const auto model = std::make_shared<TorchScriptModel>(two_outputs(result));
    for (const std::string& text : {"2:output=" + scores, "2:region=all,output=" + maps}) {
      const auto targets = choices({text});
      const std::shared_ptr<Model> view = model_for(model, targets);
      const MapSet set = compute_maps(*view, x, {input_gradient(), activation_of("act1")}, targets);
      const at::Tensor leaf = x.clone().requires_grad_();
      const c10::IValue both = model->module.forward({leaf});
      const bool second = text.find("region") == std::string::npos;
      const at::Tensor output = both.isTuple() ? both.toTuple()->elements()[second ? 1 : 0].toTensor()
                                               : both.toGenericDict().at(second ? "aux" : "out").toTensor();
      const at::Tensor score = second ? output.select(1, 2) : output.select(1, 2).sum({1, 2});
      const at::Tensor expected = torch::autograd::grad({score.sum()}, {leaf})[0];
      EXPECT_TRUE(at::allclose(set.maps[0][0].values, expected)) << result << text;
    }
    EXPECT_EQ(message_of(Fault::usage,
                         [&] {
                           model_for(model, choices({"1:output=0", "1:output=1"}));
                         }),
              "the targets look at different outputs ('0' and '1'), but one pass serves all; run attune once for each");
  }
  const auto model = std::make_shared<TorchScriptModel>(two_outputs("{'out': y, 'aux': z}"));
  const auto shapes = model->output_shapes(x);
  ASSERT_EQ(shapes.size(), 2u);
  EXPECT_EQ(shapes[1].name, "aux");
  EXPECT_EQ(shapes[1].shape, (std::vector<int64_t>{2, 4}));
  EXPECT_EQ(message_of(Fault::input, [&] { model->with_output("axu")->module_output(x, false); }),
            "the model returns a dict with the tensors out [2, 3, 8, 8], aux [2, 4], but no output 'axu' (did you mean "
            "\"aux\"?)");
}

// A map with a graph reaches the parameters that its score depends on, and no others.
TEST(TargetKeys, GradientsReachWhatTheTargetLooksAt) {
  const auto model = std::make_shared<TorchScriptModel>(two_outputs("(y, z)"));
  const auto targets = choices({"top1:output=1,minus=similar2"});
  const MapSet set = compute_maps(*model_for(model, targets), two_inputs(), {input_gradient()}, targets, true);
  set.maps[0][0].values.square().sum().backward();
  const auto gradient = [&](const std::string& name) { return model->parameter(name).grad(); };
  EXPECT_TRUE(gradient("fc").defined() && gradient("fc").abs().max().item<double>() > 0);
  EXPECT_FALSE(gradient("conv2.w0").defined() && gradient("conv2.w0").any().item<bool>());
}

}  // namespace
}  // namespace attune::test
