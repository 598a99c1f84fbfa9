// The published losses that ship as specs, value and gradient, each against a few lines of eager LibTorch in float64.
#include <gtest/gtest.h>
#include <regex>

#include "folder.h"
#include "support.h"

namespace attune::test::published {
namespace {

std::string shipped_text(const std::string& name) {
  return read_bytes(std::filesystem::path(ATTUNE_SOURCE_DIR) / "docs" / "specs" / (name + ".json"));
}

void replace_all(std::string& text, const std::string& from, const std::string& to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
}

// What normed_model() computes, written again with its parameters.
struct Network {
  torch::jit::Module module;

  struct Activations {
    at::Tensor inner, last, scores;
  };

  at::Tensor of(const std::string& layer, const std::string& name) const {
    return module.attr(layer).toModule().attr(name).toTensor();
  }

  Activations operator()(const at::Tensor& x) const {
    const at::Tensor normed =
        (at::conv2d(x, of("conv1", "w0"), {}, 1, 1) - of("norm", "running_mean").view({1, -1, 1, 1})) /
        (of("norm", "running_var") + 1e-5).sqrt().view({1, -1, 1, 1});
    const at::Tensor inner =
        at::softplus(normed * of("norm", "weight").view({1, -1, 1, 1}) + of("norm", "bias").view({1, -1, 1, 1}));
    const at::Tensor last = at::softplus(at::conv2d(inner, of("conv2", "w0"), {}, 1, 1));
    return {inner, last, at::matmul(last.mean({2, 3}).square(), module.attr("fc").toTensor().t())};
  }

  // Grad-CAM with ReLU, of one class a sample.
  at::Tensor cam(const at::Tensor& x, const at::Tensor& classes, bool of_inner = false, bool relu = true) const {
    const Activations a = (*this)(x);
    const at::Tensor& layer = of_inner ? a.inner : a.last;
    const at::Tensor score = a.scores.gather(1, classes.unsqueeze(1)).sum();
    const at::Tensor gradient = torch::autograd::grad({score}, {layer}, {}, true, true)[0];
    const at::Tensor map = (gradient.mean({2, 3}, true) * layer).sum(1, true);
    return relu ? at::relu(map) : map;
  }

  at::Tensor best(const at::Tensor& x, int64_t rank = 0) const {
    return std::get<1>((*this)(x).scores.detach().topk(rank + 1, 1)).select(1, rank);
  }
};

at::Tensor minmax(const at::Tensor& map) {
  const at::Tensor low = map.amin({1, 2, 3}, true);
  return (map - low) / (map.amax({1, 2, 3}, true) - low);
}

at::Tensor unit(const at::Tensor& map) { return map / map.square().sum({1, 2, 3}, true).sqrt(); }

at::Tensor resized(const at::Tensor& map, int64_t height, int64_t width) {
  return at::upsample_bilinear2d(map, {height, width}, false);
}

class PublishedSpec : public testing::Test {
 protected:
  // The layers of ResNets are the two activations here.
  ConsistencyLoss loss(const std::string& name) const {
    std::string text = shipped_text(name);
    replace_all(text, "\"layer3\"", "\"act1\"");
    replace_all(text, "\"layer4\"", "\"act2\"");
    replace_all(text, "\"layer\": \"auto\"", "\"layer\": \"act2\"");
    const Spec spec = parse_spec(text, name, own_plugins());
    const OtherModels others{{"teacher", std::make_shared<TorchScriptModel>(teacher.module)}};
    return ConsistencyLoss(model, spec, own_plugins(), {}, others);
  }

  void expect(const std::string& name, const std::function<at::Tensor()>& reference) const {
    expect(loss(name), name, reference);
  }

  void expect(const ConsistencyLoss& made, const std::string& name,
              const std::function<at::Tensor()>& reference) const {
    const at::Tensor found = made(x, nullptr, boxes).loss, wanted = reference();
    EXPECT_NEAR(found.item<double>(), wanted.item<double>(), 1e-9 * std::max(1.0, std::abs(wanted.item<double>())));
    const auto of = parameters_of(network.module);
    const auto a = gradients_of(found, of), b = gradients_of(wanted, of);
    double largest = 0;
    for (size_t i = 0; i < of.size(); ++i) {
      const at::Tensor none = at::zeros_like(of[i]);
      const at::Tensor &first = a[i].defined() ? a[i] : none, &second = b[i].defined() ? b[i] : none;
      EXPECT_TRUE(at::allclose(first, second, 1e-6, 1e-10)) << name << ", parameter " << i << first << second;
      largest = std::max(largest, second.abs().max().item<double>());
    }
    EXPECT_GT(largest, 1e-7) << name;
  }

  static Network other_network() {
    const Network other{normed_model(2)};
    const at::NoGradGuard no_grad;
    uint64_t seed = 70;
    for (const at::Tensor& parameter : parameters_of(other.module)) {
      at::Tensor(parameter).add_(seeded(parameter.sizes(), ++seed, 0.3));
    }
    return other;
  }

  Network network{normed_model(2)};
  Network teacher = other_network();
  std::shared_ptr<TorchScriptModel> model = std::make_shared<TorchScriptModel>(network.module);
  at::Tensor x = seeded({2, 3, 12, 16}, 5);
  at::Tensor boxes = box();

  static at::Tensor box() {
    const at::Tensor boxes = at::zeros({2, 1, 12, 16}, at::kDouble);
    boxes[0].slice(1, 2, 8).slice(2, 3, 12).fill_(1);
    boxes[1].slice(1, 5, 12).slice(2, 0, 7).fill_(1);
    return boxes;
  }
};

TEST_F(PublishedSpec, Vac) {
  expect("vac", [&] {
    const at::Tensor c = network.best(x), small = resized(x, 9, 12);
    const at::Tensor cam = network.cam(x, c, false, false);
    const at::Tensor flip = (cam.flip({3}) - network.cam(x.flip({3}), c, false, false)).square().mean();
    const at::Tensor scale = (resized(cam, 9, 12) - network.cam(small, c, false, false)).square().mean();
    return flip + scale;
  });
}

TEST_F(PublishedSpec, SeamEquivariance) {
  expect("seam_er", [&] {
    const at::Tensor c = network.best(x), small = resized(x, 4, 5);
    return (minmax(resized(network.cam(x, c), 4, 5)) - minmax(network.cam(small, c))).abs().mean();
  });
}

TEST_F(PublishedSpec, PuzzleCam) {
  expect("puzzle_cam", [&] {
    const at::Tensor c = network.best(x);
    std::vector<at::Tensor> rows;
    for (const at::Tensor& half : x.chunk(2, 2)) {
      const auto tiles = half.chunk(2, 3);
      rows.push_back(at::cat({network.cam(tiles[0], c), network.cam(tiles[1], c)}, 3));
    }
    return (minmax(network.cam(x, c)) - minmax(at::cat(rows, 2))).abs().mean();
  });
}

TEST_F(PublishedSpec, EnergyPointingGame) {
  expect("epg", [&] {
    const at::Tensor cam = network.cam(x, network.best(x));
    return -((cam * boxes).sum({1, 2, 3}) / cam.sum({1, 2, 3})).mean();
  });
}

TEST_F(PublishedSpec, RightForTheRightReasons) {
  expect("rrr", [&] {
    const at::Tensor input = x.clone().requires_grad_();
    const at::Tensor sum = at::log_softmax(network(input).scores, 1).sum();
    const at::Tensor gradient = torch::autograd::grad({sum}, {input}, {}, true, true)[0];
    return (gradient * (1 - boxes)).square().sum();
  });
}

at::Tensor hidden_by(const at::Tensor& cam, const at::Tensor& x) {
  return x * (1 - at::sigmoid((minmax(cam) - 0.5) / 0.1));
}

TEST_F(PublishedSpec, Gain) {
  expect("gain", [&] {
    const at::Tensor c = network.best(x);
    const at::Tensor hidden = hidden_by(network.cam(x, c), x);
    return at::softmax(network(hidden).scores, 1).gather(1, c.unsqueeze(1)).mean();
  });
}

TEST_F(PublishedSpec, GainWithAnnotations) {
  expect("gain_ext", [&] {
    const at::Tensor c = network.best(x), cam = network.cam(x, c);
    const at::Tensor mining = at::softmax(network(hidden_by(cam, x)).scores, 1).gather(1, c.unsqueeze(1)).mean();
    return mining + 10 * (minmax(cam) - boxes).square().mean();
  });
}

at::Tensor separation(const at::Tensor& cam, const at::Tensor& rival) {
  const at::Tensor a = minmax(cam), b = minmax(rival);
  const at::Tensor shared = (at::minimum(a, b) * at::sigmoid(100 * (a - 0.25))).sum({1, 2, 3});
  return (2 * shared / (a + b).sum({1, 2, 3})).mean();
}

TEST_F(PublishedSpec, Icasc) {
  expect("icasc", [&] {
    const at::Tensor first = network.best(x, 0), second = network.best(x, 1);
    const at::Tensor inner = network.cam(x, first, true), last = network.cam(x, first);
    const at::Tensor mask = at::sigmoid(100 * (last / last.amax({1, 2, 3}, true) - 0.55));
    const at::Tensor inside = ((inner * mask).sum({1, 2, 3}) / inner.sum({1, 2, 3})).mean();
    return separation(last, network.cam(x, second)) + separation(inner, network.cam(x, second, true)) - inside;
  });
}

TEST_F(PublishedSpec, AttentionTransfer) {
  expect("attention_transfer", [&] {
    const at::Tensor mine = network(x).last.square().mean(1, true);
    const at::Tensor theirs = teacher(x).last.square().mean(1, true).detach();
    return (unit(mine) - unit(theirs)).square().mean();
  });
}

TEST_F(PublishedSpec, ExplanationEnhancedDistillation) {
  expect("e2kd", [&] {
    const at::Tensor c = teacher.best(x);
    return -(unit(network.cam(x, c)) * unit(teacher.cam(x, c).detach())).sum({1, 2, 3}).mean();
  });
}

// The model is trained on after the loss was made; the copy stays what it was.
TEST_F(PublishedSpec, LearningWithoutMemorizing) {
  const ConsistencyLoss made = loss("lwm");
  const Network before{network.module.clone()};
  {
    const at::NoGradGuard no_grad;
    EXPECT_EQ(made(x).loss.item<double>(), 0);
    uint64_t seed = 90;
    for (const at::Tensor& parameter : parameters_of(network.module)) {
      at::Tensor(parameter).add_(seeded(parameter.sizes(), ++seed, 0.1));
    }
  }
  expect(made, "lwm", [&] {
    const at::Tensor c = network.best(x);
    return (unit(network.cam(x, c)) - unit(before.cam(x, c).detach())).abs().mean();
  });
}

TEST_F(PublishedSpec, MaskTune) {
  expect("masktune", [&] {
    const at::Tensor c = network.best(x), cam = network.cam(x, c).detach();
    std::vector<at::Tensor> kept;
    for (int64_t i = 0; i < 2; ++i) {
      const at::Tensor positive = cam[i].index({cam[i] > 0});
      kept.push_back(cam[i].le(positive.mean() + 2 * positive.std(/*unbiased=*/false)));
    }
    EXPECT_FALSE(at::stack(kept).all().item<bool>()) << "nothing is hidden in this test";
    return -at::log_softmax(network(x * at::stack(kept)).scores, 1).gather(1, c.unsqueeze(1)).mean();
  });
}

TEST_F(PublishedSpec, AdccCoherency) {
  expect("adcc_coherency", [&] {
    const at::Tensor c = network.best(x), cam = network.cam(x, c), again = network.cam(x * minmax(cam), c);
    const auto centred = [](const at::Tensor& map) { return unit(map - map.mean({1, 2, 3}, true)); };
    const at::Tensor coherency = (1 + (centred(cam) * centred(again)).sum({1, 2, 3})) / 2;
    return 0.5 - coherency.mean();
  });
}

// The passes that the page names, for one class.
TEST_F(PublishedSpec, TakeThePassesThatThePageSays) {
  const std::string page = read_bytes(std::filesystem::path(ATTUNE_SOURCE_DIR) / "docs" / "published-losses.md");
  const std::regex row("\\| `(\\w+)` \\|[^|]*\\| (\\d+) forward, (\\d+) backward \\|");
  int rows = 0;
  for (std::sregex_iterator found(page.begin(), page.end(), row), end; found != end; ++found, ++rows) {
    double forwards = 0, backwards = 0;
    for (const PassPlan& step : loss((*found)[1]).plan(false)) {
      (step.kind == PassPlan::Kind::forward ? forwards : backwards) += step.passes;
    }
    EXPECT_EQ(forwards, std::stoi((*found)[2])) << (*found)[1];
    EXPECT_EQ(backwards, std::stoi((*found)[3])) << (*found)[1];
  }
  EXPECT_EQ(rows, 13);
}

}  // namespace
}  // namespace attune::test::published
