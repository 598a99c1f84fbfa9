// What a loss is: values, passes, reports.
#include <gtest/gtest.h>

#include "unit/maps/support.h"
#include "memory.h"
#include "support.h"

namespace attune::test {
namespace {

std::shared_ptr<TorchScriptModel> smooth_model() { return std::make_shared<TorchScriptModel>(normed_model(2)); }

LossResult run(const std::shared_ptr<Model>& model, const std::string& text, const at::Tensor& x) {
  return loss_of(model, text)(x);
}

TEST(ConsistencyLoss, IsMinusTheWeightedSumOfTermsReduced) {
  const auto model = smooth_model();
  const std::string terms =
      term(both, mask, ", \"weight\": 2") + ", " + term(both, "\"upsample\"", ", \"name\": \"up\", \"weight\": -0.5");
  const at::Tensor x = input_of(2, 3);
  const LossResult mean = run(model, spec_text(terms), x),
                   sum = run(model, spec_text(terms, "", ", \"reduction\": \"sum\""), x);
  ASSERT_EQ(mean.terms.size(), 2U);
  EXPECT_EQ(mean.terms[0].name, "term0");
  EXPECT_EQ(mean.terms[1].name, "up");
  EXPECT_EQ(mean.terms[0].values.sizes(), (std::vector<int64_t>{1, 3}));
  const at::Tensor expected = -2 * mean.terms[0].values.mean() + 0.5 * mean.terms[1].values.mean();
  EXPECT_TRUE(at::allclose(mean.loss, expected));
  EXPECT_TRUE(at::allclose(sum.loss, expected * 3));
}

TEST(ConsistencyLoss, ValueIsTheSameWithAndWithoutGraph) {
  const auto loss = loss_of(smooth_model(), spec_text(term(both, mask)));
  const at::Tensor x = input_of(2, 2);
  const at::Tensor with = loss(x).loss;
  EXPECT_TRUE(with.requires_grad());
  EXPECT_NEAR(value_of(loss, x), with.item<double>(), 1e-10);
}

TEST(ConsistencyLoss, ABatchEqualsItsSamplesInAnyOrder) {
  const auto loss =
      loss_of(smooth_model(), spec_text(term(both, mask) + ", " + term("[\"cam\", \"gb\", \"sal\"]", "\"upsample\"")));
  const at::Tensor x = input_of(2, 4);
  const LossResult batch = loss(x), reversed = loss(x.flip({0}));
  for (size_t t = 0; t < 2; ++t) {
    EXPECT_TRUE(at::allclose(reversed.terms[t].values.flip({1}), batch.terms[t].values));
    for (int64_t i = 0; i < 4; ++i) {
      EXPECT_NEAR(loss(x.narrow(0, i, 1)).terms[t].values.item<double>(), batch.terms[t].values[0][i].item<double>(),
                  1e-9);
    }
  }
  EXPECT_TRUE(at::allclose(batch.loss, reversed.loss));
}

TEST(ConsistencyLoss, OrderOfMapsAndTermsDoesNotMatter) {
  const auto model = smooth_model();
  const at::Tensor x = input_of(2, 2);
  const std::string a = term(both, mask), b = term("[\"sal\", \"gb\"]", "\"identity\"", ", \"weight\": 3");
  const double expected = value_of(loss_of(model, spec_text(a + ", " + b)), x);
  EXPECT_NEAR(value_of(loss_of(model, spec_text(b + ", " + a)), x), expected, 1e-10);
  const std::string other =
      term("[\"gb\", \"cam\"]", mask) + ", " + term("[\"gb\", \"sal\"]", "\"identity\"", ", \"weight\": 3");
  EXPECT_NEAR(value_of(loss_of(model, spec_text(other)), x), expected, 1e-10);
}

TEST(ConsistencyLoss, SeveralTargetsAreRowsOfTheReport) {
  const auto model = smooth_model();
  const at::Tensor x = input_of(2, 2);
  const LossResult two = run(model, spec_text(term(both, mask), "", ", \"target\": [\"top1\", 3]"), x);
  ASSERT_EQ(two.terms[0].values.sizes(), (std::vector<int64_t>{2, 2}));
  const LossResult fixed = run(model, spec_text(term(both, mask), "", ", \"target\": 3"), x);
  EXPECT_TRUE(at::allclose(two.terms[0].values[1], fixed.terms[0].values[0]));
  EXPECT_TRUE(at::allclose(two.loss, -two.terms[0].values.mean()));
  EXPECT_EQ(run(model, spec_text(term(both, mask), "", ", \"target\": \"top5\""), x).targets.size(), 4U);
}

TEST(ConsistencyLoss, RunsNoPassTwice) {
  const auto model = std::make_shared<CountingModel>(normed_model(2));
  const at::Tensor x = input_of(2, 2);
  const auto forwards = [&](const std::string& terms) {
    model->forwards = 0;
    run(model, spec_text(terms), x);
    return model->forwards;
  };
  EXPECT_EQ(forwards(term("[\"cam\", \"gb\", \"sal\"]", "\"upsample\"")), 1);
  EXPECT_EQ(forwards(term(both, mask)), 2);
  EXPECT_FALSE(model->asked.input_gradient) << "only the Grad-CAM is computed again";
  EXPECT_EQ(forwards(term(both, mask) + ", " + term(both, mask, ", \"normalise\": \"minmax\"")), 2);
  EXPECT_EQ(forwards(term("[\"cam\", \"gb\", \"sal\"]", mask)), 2) << "two maps on one masked input";
  EXPECT_EQ(forwards(term(both, mask) + ", " + term(both, "{\"use\": \"mask\", \"source\": \"cam\"}")), 3);
}

// A model without biases: of an input of zeros a Grad-CAM is zero.
TEST(ConsistencyLoss, ConstantMapsCountAsZeroAndHaveNoGradient) {
  const auto module = small_model("torch.tanh(x)");
  const auto model = std::make_shared<TorchScriptModel>(module);
  const auto loss = loss_of(model, spec_text(term("[\"cam\", \"sal\"]", "\"upsample\"")));
  const at::Tensor good = seeded({1, 3, 8, 8}, 4);
  const LossResult alone = loss(good), with = loss(at::cat({good, at::zeros_like(good)}));
  EXPECT_TRUE(at::equal(with.terms[0].degenerate, at::tensor({0, 1}).to(at::kBool).unsqueeze(0)));
  EXPECT_EQ(with.terms[0].values[0][1].item<double>(), 0);
  EXPECT_TRUE(at::allclose(with.loss, alone.loss / 2));
  const auto of = parameters_of(module);
  const auto expected = gradients_of(alone.loss, of), found = gradients_of(with.loss, of);
  for (size_t i = 0; i < of.size(); ++i) EXPECT_TRUE(at::allclose(found[i], expected[i] / 2, 1e-7, 1e-12));
  const LossResult none = loss(at::zeros_like(good));
  for (const auto& gradient : gradients_of(none.loss, of)) EXPECT_EQ(gradient.abs().max().item<double>(), 0);
}

// A mask that is one half everywhere says nothing of the places. Of a class that everything speaks against, the guided
// gradient is zero and Grad-CAM is not.
TEST(ConsistencyLoss, AMaskMadeOfAConstantMapCountsAsZero) {
  const auto module = small_model("torch.relu(x)");
  {
    const at::NoGradGuard no_grad;
    module.attr("fc").toTensor()[0].abs_().neg_();
  }
  const auto model = std::make_shared<TorchScriptModel>(module);
  for (const std::string scale : {"\"std\"", "\"variance\"", "0.5"}) {
    const auto loss =
        loss_of(model, spec_text(term(both, "{\"use\": \"mask\", \"source\": \"gb\", \"scale\": " + scale + "}"), "",
                                 ", \"target\": \"0\""));
    LossTrace trace;
    const LossResult result = loss(seeded({2, 3, 8, 8}, 4), &trace);
    EXPECT_GT(trace.items[0].values.abs().max().item<double>(), 0) << trace.items[0].name;
    EXPECT_TRUE(result.terms[0].degenerate.all().item<bool>()) << scale;
    EXPECT_EQ(result.loss.item<double>(), 0) << scale;
    for (const auto& gradient : gradients_of(result.loss, parameters_of(module))) {
      EXPECT_EQ(gradient.defined() ? gradient.abs().max().item<double>() : 0, 0) << scale;
    }
  }
}

TEST(ConsistencyLoss, SaturatedMasksKeepTheGradientOfBothMaps) {
  const auto module = normed_model(2);
  {
    const at::NoGradGuard no_grad;
    module.attr("fc").toTensor().mul_(1e-6);  // gradients, and so their variance, are tiny
  }
  const auto loss = loss_of(std::make_shared<TorchScriptModel>(module),
                            spec_text(term(both, "{\"use\": \"mask\", \"source\": \"gb\"}")));
  const LossResult result = loss(input_of(2, 2));
  EXPECT_TRUE(result.terms[0].saturated.all().item<bool>());
  EXPECT_TRUE(at::isfinite(result.loss).item<bool>());
  const auto gradient = gradients_of(result.loss, parameters_of(module))[0];
  EXPECT_TRUE(at::isfinite(gradient).all().item<bool>());
  EXPECT_GT(gradient.abs().max().item<double>(), 1e-6);
}

TEST(ConsistencyLoss, PlansThePassesItRuns) {
  const auto model = std::make_shared<CountingModel>(normed_model(2));
  const auto loss =
      loss_of(model, spec_text(term(both, mask) + ", " + term("[\"cam\", \"gb\", \"sal\"]", "\"upsample\"")));
  const auto count = [&](PassPlan::Kind kind, bool gradient) {
    double passes = 0;
    for (const PassPlan& step : loss.plan(gradient)) passes += step.kind == kind ? step.passes : 0;
    return passes;
  };
  const auto plan = loss.plan(true);
  EXPECT_EQ(model->forwards, 0);
  EXPECT_EQ(plan.front().gives, "scores, cam, gb, sal");
  EXPECT_EQ(count(PassPlan::Kind::backward, true), 4);
  EXPECT_EQ(count(PassPlan::Kind::loss_backward, false), 0);
  EXPECT_EQ(plan.back().kind, PassPlan::Kind::loss_backward);
  loss(input_of(2, 2));
  EXPECT_EQ(count(PassPlan::Kind::forward, true), model->forwards);
}

// Counts inputs that are run and rows that gradients are taken of, also in the passes that methods make.
class RowCounter final : public Model {
 public:
  explicit RowCounter(const torch::jit::Module& module) : model_(module) {}

  const std::vector<LayerInfo>& layers() const override { return model_.layers(); }
  at::Tensor parameter(const std::string& name) const override { return model_.parameter(name); }
  std::unique_ptr<Pass> forward(const at::Tensor& input, const Needs& needs, bool graph,
                                const at::Generator& generator) override {
    forwards += input.size(0);
    return std::make_unique<Counted>(model_.forward(input, needs, graph, generator), *this);
  }
  at::Tensor outputs(int64_t rows, const std::function<at::Tensor(int64_t, int64_t)>& make) override {
    forwards += rows;
    return model_.outputs(rows, make);
  }

  int64_t forwards = 0, backwards = 0;

 private:
  class Counted final : public Pass {
   public:
    Counted(std::unique_ptr<Pass> pass, RowCounter& counter) : pass_(std::move(pass)), counter_(counter) {}

    const at::Tensor& input() const override { return pass_->input(); }
    const at::Tensor& output() const override { return pass_->output(); }
    at::Tensor captured(const Capture& capture) override { return pass_->captured(capture); }
    std::string layer(const std::string& name) override { return pass_->layer(name); }
    at::Tensor bias(const Capture& capture) override { return pass_->bias(capture); }
    bool wants_graph() const override { return pass_->wants_graph(); }
    std::vector<at::Tensor> gradients(const at::Tensor& score, const std::vector<at::Tensor>& of,
                                      Rectifier rectifier) override {
      counter_.backwards += score.size(0);
      return pass_->gradients(score, of, rectifier);
    }
    at::Tensor resume(const Capture& capture, const at::Tensor& activation) override {
      return pass_->resume(capture, activation);
    }
    Model& model() override { return counter_; }
    at::Generator generator() override { return pass_->generator(); }

   private:
    std::unique_ptr<Pass> pass_;
    RowCounter& counter_;
  };

  TorchScriptModel model_;
};

// The windows of occlusion are those of an input of 224 x 224.
TEST(ConsistencyLoss, PlansWhatMethodsRunForSeveralTargets) {
  const std::string cam = R"({"use": "gradcam", "layer": "act1"})";
  const std::string maps = R"("cam": )" + cam + R"(, "fine": {"use": "smooth", "of": )" + cam + R"(, "samples": 3},
      "finer": {"use": "smooth", "of": {"use": "smooth", "of": )" + cam + R"(, "samples": 2}, "samples": 3},
      "hidden": {"use": "occlusion", "stop_gradient": true},
      "haze": {"use": "smooth", "of": "occlusion", "samples": 2, "stop_gradient": true})";
  const at::Tensor x = seeded({2, 3, 14, 14}, 3);
  for (const auto& [targets, count] : {std::pair{"\"top1\"", 1}, {"[\"top1\", 3, 0]", 3}}) {
    for (const std::string other : {"fine", "finer", "hidden", "haze"}) {
      for (const std::string match : {R"("upsample")", R"({"use": "mask", "source": "cam", "scale": "std"})"}) {
        const auto model = std::make_shared<RowCounter>(normed_model(2));
        const auto loss =
            loss_of(model, R"({"version": 1, "target": )" + std::string(targets) + R"(, "maps": {)" + maps +
                               R"(}, "terms": [)" + term(R"(["cam", ")" + other + R"("])", match) + "]}");
        double forwards = 0, backwards = 0;
        for (const PassPlan& step : loss.plan(false)) {
          (step.kind == PassPlan::Kind::forward ? forwards : backwards) += step.passes * (step.per_target ? count : 1);
        }
        value_of(loss, x);
        EXPECT_EQ(forwards, model->forwards / 2) << other << match << count;
        EXPECT_EQ(backwards, model->backwards / 2) << other << match << count;
      }
    }
  }
}

// Whether a parameter is given or has its default value.
TEST(ConsistencyLoss, TermsOfEqualMatchShareIt) {
  const auto model = std::make_shared<CountingModel>(normed_model(2));
  const std::string shorter = "{\"use\": \"mask\", \"source\": \"gb\"}",
                    longer = "{\"use\": \"mask\", \"source\": \"gb\", \"centre\": \"mean\"}";
  const auto loss = loss_of(model, spec_text(term(both, shorter) + ", " + term(both, longer)));
  loss(input_of(2, 2));
  EXPECT_EQ(model->forwards, 2);
}

// Draws one number for all rows and scales the input's gradient by it.
class Noisy final : public AttentionMethod {
 public:
  Needs needs(const Model&) const override {
    Needs needs;
    needs.input_gradient = true;
    return needs;
  }
  AttentionMap attend(Pass& pass, const Target& target) const override {
    const at::Tensor gradient = pass.gradients(pass.score(target), {pass.input()})[0];
    return {gradient + at::rand(gradient.sizes().slice(1), pass.generator(), gradient.options()), true};
  }
};

TEST(ConsistencyLoss, RandomDrawsChangeWithEveryCallAndWithTheSeedOnly) {
  TorchScriptModel model(normed_model(2));
  const at::Tensor x = input_of(2, 2);
  const auto map = [&](uint64_t seed, const at::Tensor& input) {
    const std::vector<MapRequest> noisy{{"noisy", std::make_shared<Noisy>()}};
    return compute_maps(model, input, noisy, {TargetChoice::parse("0", {})}, false, seed).maps[0][0].values;
  };
  EXPECT_TRUE(at::equal(map(1, x), map(1, x)));
  EXPECT_FALSE(at::allclose(map(1, x), map(2, x)));
  EXPECT_TRUE(at::allclose(map(1, x).slice(0, 1), map(1, x.slice(0, 1))));
}

TEST(ConsistencyLoss, OnlyMapsThatTermsUseAreComputed) {
  const auto loss = loss_of(smooth_model(), spec_text(term("[\"gb\", \"sal\"]", "\"identity\"")));
  ASSERT_EQ(loss.maps().size(), 2U);
  EXPECT_EQ(loss.maps()[0].name, "gb");
}

TEST(ConsistencyLoss, RefusesWhatIsNotFinite) {
  const auto loss = loss_of(smooth_model(), spec_text(term(both, mask)));
  at::Tensor x = input_of(2, 2);
  x[0][0][0][0] = std::nan("");
  EXPECT_EQ(message_of(Fault::run, [&] { loss(x); }), "the model's scores are not finite (NaN or infinity)");
  const std::string vast = ", \"weight\": 1e300";
  const auto model = std::make_shared<TorchScriptModel>(normed_model(2));
  const auto heavy =
      loss_of(model, spec_text(term(both, mask, vast) + ", " + term(both, mask, ", \"weight\": -1e300")));
  EXPECT_NO_THROW(heavy(input_of(2, 2)));
  const auto heavier = loss_of(model, spec_text(term(both, mask, ", \"weight\": 1.7e308") + ", " +
                                                term("[\"cam\", \"gb\"]", mask, ", \"weight\": 1.7e308")));
  EXPECT_EQ(message_of(Fault::run, [&] { heavier(input_of(2, 2)); }),
            "the loss is not finite: its terms' weights are too large");
}

TEST(ConsistencyLoss, RefusesInferenceMode) {
  const auto loss = loss_of(smooth_model(), spec_text(term(both, mask)));
  const at::Tensor x = input_of(2, 2);
  const c10::InferenceMode inference;
  EXPECT_TRUE(contains(message_of(Fault::run, [&] { loss(x); }), "use at::NoGradGuard"));
}

TEST(ConsistencyLoss, SpecsMadeByHandAreCheckedToo) {
  Spec spec = spec_of(spec_text(term(both, mask)));
  spec.terms[0].maps[0] = "came";
  message_of(Fault::spec, [&] { ConsistencyLoss(smooth_model(), spec, own_plugins()); });
  spec = spec_of(spec_text(term(both, mask), "", ", \"target\": \"cat\""));
  message_of(Fault::usage, [&] { ConsistencyLoss(smooth_model(), spec, own_plugins()); });
}

TEST(ConsistencyLoss, ThousandsOfCallsLeaveNothingBehind) {
  if (sanitized) GTEST_SKIP() << "a sanitizer keeps freed memory";
  const auto module = normed_model(2);
  const auto loss = loss_of(std::make_shared<TorchScriptModel>(module), spec_text(term(both, mask)));
  const at::Tensor x = input_of(2, 2);
  const auto run = [&](int times) {
    for (int i = 0; i < times; ++i) gradients_of(loss(x).loss, parameters_of(module));
  };
  run(200);
  const int64_t before = allocated();
  run(2000);
  EXPECT_LT(allocated() - before, 2000 * 1000);
}

}  // namespace
}  // namespace attune::test
