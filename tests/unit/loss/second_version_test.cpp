// What version 2 of specs adds: its terms and maps, each against a few lines that do the same.
#include <gtest/gtest.h>

#include "support.h"
#include "unit/maps/support.h"

namespace attune::test::second_version {
namespace {

const std::string cam = R"({"use": "gradcam", "layer": "act1")";

std::string second(const std::string& maps, const std::string& terms, const std::string& more = "") {
  return "{\"version\": 2, \"maps\": {" + maps + "}, \"terms\": [" + terms + "]" + more + "}";
}

struct Fixture {
  torch::jit::Module module = normed_model(2);
  std::shared_ptr<TorchScriptModel> model = std::make_shared<TorchScriptModel>(module);
  at::Tensor x = input_of(2, 3);

  // The Grad-CAM of a target, with its graph.
  at::Tensor cam_of(const std::string& target, const at::Tensor& input) const {
    const std::vector<MapRequest> requests{
        {"cam", own_plugins().make_method("gradcam", {{"layer", std::string("act1")}})}};
    return compute_maps(*model, input, requests, {TargetChoice::parse(target, {})}, true).maps[0].back().values;
  }

  at::Tensor scores(const at::Tensor& input) const {
    torch::jit::Module same = module;
    return same.forward({input}).toTensor();
  }

  // Value and gradient of the spec's loss and of `expected`.
  void expect_loss(const std::string& spec, const std::function<at::Tensor()>& expected) const {
    const at::Tensor found = loss_of(model, spec)(x).loss, wanted = expected();
    EXPECT_NEAR(found.item<double>(), wanted.item<double>(), 1e-9);
    const auto of = parameters_of(module);
    const auto a = gradients_of(found, of), b = gradients_of(wanted, of);
    double largest = 0;
    for (size_t i = 0; i < of.size(); ++i) {
      const at::Tensor zero = at::zeros_like(of[i]);
      const at::Tensor& first = a[i].defined() ? a[i] : zero;
      EXPECT_TRUE(at::allclose(first, b[i].defined() ? b[i] : zero, 1e-7, 1e-10)) << "parameter " << i;
      largest = std::max(largest, first.abs().max().item<double>());
    }
    EXPECT_GT(largest, 1e-6);
  }
};

at::Tensor pearson(const at::Tensor& a, const at::Tensor& b) {
  return own_plugins().make_correlation("pearson")->correlate({a, false}, {b, false});
}

TEST(SecondVersion, AMapMayExplainAnotherTarget) {
  const Fixture f;
  const std::string maps = "\"cam\": " + cam + "}, \"rival\": " + cam + ", \"target\": \"top2\"}";
  f.expect_loss(second(maps, term("[\"cam\", \"rival\"]", "\"identity\"")),
                [&] { return -pearson(f.cam_of("top1", f.x), f.cam_of("top2", f.x)).mean(); });
}

// The map with a target of its own is one map, which stands beside those of all targets.
TEST(SecondVersion, AMapOfItsOwnTargetServesAllTargets) {
  const Fixture f;
  const std::string maps =
      "\"cam\": " + cam + "}, \"rival\": " + cam + ", \"target\": {\"class\": \"top1\", \"minus\": \"top2\"}}";
  f.expect_loss(second(maps, term("[\"cam\", \"rival\"]", "\"identity\""), ", \"target\": [\"top1\", 3]"), [&] {
    const at::Tensor rival = f.cam_of("top1:minus=top2", f.x);
    return -(pearson(f.cam_of("top1", f.x), rival) + pearson(f.cam_of("3", f.x), rival)).mean() / 2;
  });
}

// Under a mask it is computed again for its own target.
TEST(SecondVersion, AMapIsComputedAgainForItsOwnTarget) {
  const Fixture f;
  const std::string maps =
      "\"gb\": {\"use\": \"guided_backprop\", \"channels\": \"sum\"}, \"rival\": " + cam + ", \"target\": \"top2\"}";
  const ConsistencyLoss loss = loss_of(f.model, second(maps, term("[\"rival\", \"gb\"]", mask)));
  LossTrace trace;
  const LossResult result = loss(f.x, &trace);
  at::Tensor masked;
  for (const auto& item : trace.items) {
    if (item.name == "masked input") masked = item.values;
  }
  const at::Tensor classes = std::get<1>(f.scores(f.x).topk(2, 1)).select(1, 1);
  for (int64_t i = 0; i < 3; ++i) {
    const std::string target = std::to_string(classes[i].item<int64_t>());
    const at::Tensor again = f.cam_of(target, masked.narrow(0, i, 1)), first = f.cam_of(target, f.x.narrow(0, i, 1));
    EXPECT_NEAR(result.terms[0].values[0][i].item<double>(), pearson(first, again).item<double>(), 1e-9);
  }
}

const std::string of_itself = R"({"use": "mask", "source": "cam", "scale": "std")";

// The input under the soft mask of its Grad-CAM.
at::Tensor masked_by(const at::Tensor& cam, const at::Tensor& x, bool invert) {
  const at::Tensor map = at::upsample_bilinear2d(cam, x.sizes().slice(2), false).flatten(1);
  const at::Tensor mask = at::sigmoid((map - map.mean(1, true)) / map.std(1, true, true)).view({-1, 1, 6, 5});
  return x * (invert ? 1 - mask : mask);
}

TEST(SecondVersion, ScoresTheAnswerOnAMaskedInput) {
  const Fixture f;
  const at::Tensor best = f.scores(f.x).argmax(1, true);
  const auto log_p = [&](const at::Tensor& x) { return at::log_softmax(f.scores(x), 1); };
  const auto masked = [&](bool invert) { return masked_by(f.cam_of("top1", f.x), f.x, invert); };
  const auto term_of = [](const std::string& score, const std::string& more = "") {
    return "{\"maps\": [\"cam\"], \"match\": " + of_itself + more + "}, \"score\": " + score + "}";
  };
  const std::string maps = "\"cam\": " + cam + "}";
  f.expect_loss(second(maps, term_of("\"cross_entropy\"")),
                [&] { return -log_p(masked(false)).gather(1, best).mean(); });
  f.expect_loss(second(maps, term_of("{\"use\": \"probability\"}", ", \"invert\": true")),
                [&] { return -log_p(masked(true)).gather(1, best).exp().mean(); });
  f.expect_loss(second(maps, term_of("\"logit\"")), [&] { return -f.scores(masked(false)).gather(1, best).mean(); });
  f.expect_loss(second(maps, term_of("\"kl\"")), [&] {
    const at::Tensor before = log_p(f.x).detach();
    return (before.exp() * (before - log_p(masked(false)))).sum(1).mean();
  });
  f.expect_loss(second(maps, term_of("\"logit\""), ", \"target\": \"top1:minus=top2\""), [&] {
    const at::Tensor other = std::get<1>(f.scores(f.x).topk(2, 1)).narrow(1, 1, 1);
    const at::Tensor scores = f.scores(masked_by(f.cam_of("top1:minus=top2", f.x), f.x, false));
    return -(scores.gather(1, best) - scores.gather(1, other)).mean();
  });
}

// No gradient through the mask: the answer is differentiated with respect to the parameters alone.
TEST(SecondVersion, AStoppedMatchScoresAConstantInput) {
  const Fixture f;
  const at::Tensor best = f.scores(f.x).argmax(1, true);
  const std::string hard =
      R"({"use": "mask", "source": "cam", "shape": "hard", "invert": true, "stop_gradient": true})";
  f.expect_loss(
      second("\"cam\": " + cam + "}", "{\"maps\": [\"cam\"], \"match\": " + hard + ", \"score\": \"cross_entropy\"}"),
      [&] {
        const at::Tensor map = at::upsample_bilinear2d(f.cam_of("top1", f.x).detach(), {6, 5}, false);
        const at::Tensor kept = map.le(map.mean({1, 2, 3}, true)).to(at::kDouble);
        return -at::log_softmax(f.scores(f.x * kept), 1).gather(1, best).mean();
      });
}

TEST(SecondVersion, MeasuresMaps) {
  const Fixture f;
  const std::string maps = "\"cam\": " + cam + "}";
  const auto measure_of = [](const std::string& measure, const std::string& more = "") {
    return "{\"maps\": [\"cam\"], \"measure\": \"" + measure + "\", \"weight\": -2" + more + "}";
  };
  const auto rows = [&] { return f.cam_of("top1", f.x).flatten(1); };
  f.expect_loss(second(maps, measure_of("total_variation")), [&] {
    const at::Tensor map = f.cam_of("top1", f.x).squeeze(1);  // [3,6,5]
    at::Tensor sum = at::zeros({}, at::kDouble);
    for (int64_t i = 0; i < 6; ++i) {
      for (int64_t j = 0; j < 5; ++j) {
        if (i > 0) sum = sum + (map.select(1, i) - map.select(1, i - 1)).select(1, j).abs().mean();
        if (j > 0) sum = sum + (map.select(2, j) - map.select(2, j - 1)).select(1, i).abs().mean();
      }
    }
    return 2 * sum / (5 * 5 + 6 * 4);
  });
  f.expect_loss(second(maps, measure_of("entropy")), [&] {
    const at::Tensor p = rows().abs() / rows().abs().sum(1, true);
    return -2 * (p * p.log()).sum(1).mean() / std::log(30);
  });
  f.expect_loss(second(maps, measure_of("gini")), [&] {
    const at::Tensor a = rows().abs();
    const at::Tensor apart = (a.unsqueeze(1) - a.unsqueeze(2)).abs().sum({1, 2});
    return 2 * (apart / (2 * 30 * a.sum(1))).mean();
  });
  f.expect_loss(second(maps, measure_of("area", ", \"normalise\": \"minmax\"")), [&] {
    const at::Tensor low = rows().amin(1, true);
    return 2 * ((rows() - low) / (rows().amax(1, true) - low)).mean();
  });
}

TEST(SecondVersion, ScoresThatDoNotSuitTheTarget) {
  const Fixture f;
  const std::string maps = "\"cam\": " + cam + "}";
  const std::string term = "{\"maps\": [\"cam\"], \"match\": " + of_itself + "}, \"score\": \"probability\"}";
  const ConsistencyLoss loss = loss_of(f.model, second(maps, term, ", \"target\": \"top1:minus=top2\""));
  EXPECT_EQ(message_of(Fault::usage, [&] { loss(f.x); }),
            "the target is no class of its own: of it only \"logit\" and \"kl\" can be a score");
}

TEST(SecondVersion, PlansThePassesOfScores) {
  const Fixture f;
  const std::string maps = "\"cam\": " + cam + "}";
  const std::string term = "{\"maps\": [\"cam\"], \"match\": " + of_itself + "}, \"score\": \"logit\"}";
  const auto plan = loss_of(f.model, second(maps, term)).plan(true);
  ASSERT_EQ(plan.size(), 4U);
  EXPECT_EQ(plan[2].on, "input made by mask (term0)");
  EXPECT_EQ(plan[2].gives, "scores");
  EXPECT_TRUE(plan[2].recorded);
}

// One box a sample; of class 1 and of class 2 where there is a channel for each class.
at::Tensor boxes_of_classes() {
  const at::Tensor boxes = at::zeros({3, 4, 6, 5}, at::kBool);
  for (int64_t i = 0; i < 3; ++i) {
    boxes[i][1].slice(0, i, i + 3).slice(1, 1, 4).fill_(true);
    boxes[i][2].slice(0, 0, 2).fill_(true);
  }
  return boxes;
}

at::Tensor inside(const at::Tensor& cam, const at::Tensor& box) {
  const at::Tensor energy = at::relu(at::upsample_bilinear2d(cam, {6, 5}, false));
  return (energy * box).sum({1, 2, 3}) / energy.sum({1, 2, 3});
}

const std::string box_term = R"({"maps": ["cam", "box"], "match": "upsample", "compare": "energy_inside"})";

TEST(SecondVersion, AnAnnotationIsAMap) {
  const Fixture f;
  const at::Tensor boxes = boxes_of_classes();
  const auto loss_with = [&](const std::string& box, const std::string& target) {
    return loss_of(f.model, second("\"cam\": " + cam + "}, \"box\": " + box, box_term, ", \"target\": " + target));
  };
  const auto values = [&](const std::string& box, const std::string& target, const at::Tensor& annotation) {
    return loss_with(box, target)(f.x, nullptr, annotation).terms[0].values;
  };
  const at::Tensor first = inside(f.cam_of("1", f.x), boxes.narrow(1, 1, 1)),
                   second_class = inside(f.cam_of("2", f.x), boxes.narrow(1, 2, 1)),
                   any = inside(f.cam_of("1", f.x), boxes.any(1, true));
  EXPECT_TRUE(at::allclose(values("\"annotation\"", "[1, 2]", boxes), at::stack({first, second_class})));
  EXPECT_TRUE(at::allclose(values(R"({"use": "annotation", "of": "all"})", "1", boxes)[0], any));
  EXPECT_TRUE(at::allclose(values("\"annotation\"", "1", boxes.any(1, true))[0], any));
  const LossResult without = loss_with("\"annotation\"", "3")(f.x, nullptr, boxes);
  EXPECT_TRUE(without.terms[0].degenerate.all().item<bool>()) << "no object of class 3";
  EXPECT_EQ(without.loss.item<double>(), 0);
}

TEST(SecondVersion, AnnotationsThatDoNotFit) {
  const Fixture f;
  const ConsistencyLoss loss = loss_of(f.model, second("\"cam\": " + cam + "}, \"box\": \"annotation\"", box_term));
  EXPECT_TRUE(loss.needs_annotation());
  EXPECT_EQ(message_of(Fault::usage, [&] { loss(f.x); }),
            "map 'box' is an annotation, and the samples have none; boxes or masks come from `--boxes DIR` or a data "
            "set that has boxes");
  EXPECT_EQ(message_of(Fault::run,
                       [&] {
                         loss(f.x, nullptr, at::ones({3, 1, 4, 4}));
                       }),
            "map 'box' is an annotation of [3, 1, 4, 4] for an input [3, 3, 6, 5]");
  const std::string turned = R"({"maps": ["cam", "box"], "match": "transform", "compare": "l2"})";
  EXPECT_EQ(message_of(Fault::spec,
                       [&] { loss_of(f.model, second("\"cam\": " + cam + "}, \"box\": \"annotation\"", turned)); }),
            "matcher 'transform' would compute the map 'box' again, but an annotation does not depend on the input");
}

// What is annotated masks the input.
TEST(SecondVersion, AnAnnotationMayBeTheSourceOfAMask) {
  const Fixture f;
  const at::Tensor box = boxes_of_classes().narrow(1, 1, 1);
  const std::string masked =
      R"({"maps": ["cam", "box"], "match": {"use": "mask", "source": "box", "shape": "linear"}, "compare": "pearson"})";
  const ConsistencyLoss loss =
      loss_of(f.model, second("\"cam\": " + cam + "}, \"box\": \"annotation\"", masked, ", \"target\": 1"));
  const at::Tensor expected = pearson(f.cam_of("1", f.x), f.cam_of("1", f.x * box));
  EXPECT_TRUE(at::allclose(loss(f.x, nullptr, box).terms[0].values[0], expected));
  EXPECT_EQ(loss.plan(false).front().gives, "scores, cam");
}

torch::jit::Module teacher_module() {
  const torch::jit::Module teacher = normed_model(2);
  const at::NoGradGuard no_grad;
  uint64_t seed = 60;
  for (const at::Tensor& parameter : parameters_of(teacher)) {
    at::Tensor(parameter).add_(seeded(parameter.sizes(), ++seed, 0.5));
  }
  return teacher;
}

// Of the teacher, for its own best class or for that of the student.
TEST(SecondVersion, MapsOfAnotherModel) {
  const Fixture f;
  Fixture t;
  t.module = teacher_module();
  t.model = std::make_shared<TorchScriptModel>(t.module);
  const at::Tensor best = t.scores(f.x).argmax(1), own = f.scores(f.x).argmax(1);
  ASSERT_FALSE(at::equal(best, own)) << "the test needs models that differ";
  const auto cam_for = [&](const Fixture& of, const at::Tensor& classes) {
    std::vector<at::Tensor> rows;
    for (int64_t i = 0; i < 3; ++i) {
      rows.push_back(of.cam_of(std::to_string(classes[i].item<int64_t>()), f.x.narrow(0, i, 1)));
    }
    return at::cat(rows);
  };
  for (const bool chosen : {false, true}) {
    const std::string by = chosen ? ", \"chosen_by\": \"teacher\"" : "";
    const std::string maps = "\"cam\": " + cam + by + "}, \"theirs\": " + cam + by + ", \"model\": \"teacher\"}";
    const Spec spec =
        spec_of(second(maps, term("[\"cam\", \"theirs\"]", "\"identity\""), R"(, "models": {"teacher": "t.pt"})"));
    const ConsistencyLoss loss(f.model, spec, own_plugins(), {}, {{"teacher", t.model}});
    const at::Tensor classes = chosen ? best : own;
    const at::Tensor expected = -pearson(cam_for(f, classes), cam_for(t, classes).detach()).mean();
    const at::Tensor found = loss(f.x).loss;
    EXPECT_NEAR(found.item<double>(), expected.item<double>(), 1e-9) << chosen;
    const auto a = gradients_of(found, parameters_of(f.module)), b = gradients_of(expected, parameters_of(f.module));
    for (size_t i = 0; i < a.size(); ++i) {
      ASSERT_EQ(a[i].defined(), b[i].defined());
      if (!a[i].defined()) continue;
      EXPECT_TRUE(at::allclose(a[i], b[i], 1e-7, 1e-10)) << i;
    }
    for (const auto& gradient : gradients_of(found, parameters_of(t.module))) EXPECT_FALSE(gradient.defined());
    const auto plan = loss.plan(true);
    EXPECT_EQ(plan[1].gives, chosen ? "scores, theirs of teacher" : "theirs of teacher");
    EXPECT_FALSE(plan[1].recorded);
  }
}

// Under a mask of the student's map the teacher's is computed again by the teacher.
TEST(SecondVersion, MapsOfAnotherModelAreComputedAgainByIt) {
  const Fixture f;
  const torch::jit::Module module = teacher_module();
  const auto teacher = std::make_shared<CountingModel>(module);
  const std::string maps = "\"cam\": " + cam + "}, \"theirs\": " + cam + ", \"model\": \"teacher\"}";
  const std::string term = "{\"maps\": [\"cam\", \"theirs\"], \"match\": " + of_itself + "}, \"compare\": \"pearson\"}";
  const ConsistencyLoss loss(f.model, spec_of(second(maps, term, R"(, "models": {"teacher": "t.pt"})")), own_plugins(),
                             {}, {{"teacher", teacher}});
  loss(f.x);
  EXPECT_EQ(teacher->forwards, 2);
}

TEST(SecondVersion, NoiseIsTheMeanOverNoisyCopies) {
  const Fixture f;
  const std::string noisy = "\"cam\": " + cam + "}, \"noisy\": " + cam + ", \"noise\": 0.1}";
  const Spec spec = spec_of(second(noisy, term("[\"cam\", \"noisy\"]", "\"identity\"")));
  const ComponentSpec inner{"gradcam", {{"layer", std::string("act1")}}};
  EXPECT_EQ(spec.maps[1].method, (ComponentSpec{"smooth", {{"of", inner}, {"noise", 0.1}, {"samples", int64_t{8}}}}));
}

TEST(SecondVersion, RefusesARankThatTheModelLacks) {
  const Fixture f;
  const std::string maps = "\"cam\": " + cam + "}, \"rival\": " + cam + ", \"target\": \"top9\"}";
  const ConsistencyLoss loss = loss_of(f.model, second(maps, term("[\"cam\", \"rival\"]", "\"identity\"")));
  EXPECT_EQ(message_of(Fault::usage, [&] { loss(f.x); }),
            "map 'rival' explains the class of rank 9, but the model has 4 classes");
}

// A map's own target has one backward pass, however many targets the spec has.
TEST(SecondVersion, PlansThePassesOfOwnTargets) {
  const Fixture f;
  const std::string maps = "\"cam\": " + cam + "}, \"rival\": " + cam + ", \"target\": \"top2\"}";
  const auto plan = loss_of(f.model, second(maps, term("[\"cam\", \"rival\"]", "\"identity\""))).plan(true);
  ASSERT_EQ(plan.size(), 4U);
  EXPECT_TRUE(plan[1].per_target);
  EXPECT_FALSE(plan[2].per_target);
}

}  // namespace
}  // namespace attune::test::second_version
