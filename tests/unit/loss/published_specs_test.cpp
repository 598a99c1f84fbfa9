// The published losses that ship as specs, value and gradient, each against a few lines of eager LibTorch in float64.
#include <gtest/gtest.h>
#include <regex>

#include "base/random.h"
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

constexpr uint64_t drawn = 7;  // the seed of what losses draw at random

class PublishedSpec : public testing::Test {
 protected:
  // The layers of ResNets are the two activations here.
  ConsistencyLoss loss(const std::string& name) const {
    std::string text = shipped_text(name);
    replace_all(text, "\"layer3\"", "\"act1\"");
    replace_all(text, "\"layer4\"", "\"act2\"");
    replace_all(text, "\"layer\": \"auto\"", "\"layer\": \"act2\"");
    replace_all(text, "\"linear\": \"epsilon\"", "\"linear\": \"epsilon\", \"epsilon\": 1e-9");  // nearly none
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
      EXPECT_TRUE(at::allclose(first, second, relative, absolute)) << name << ", parameter " << i << first << second;
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

  double relative = 1e-6, absolute = 1e-10;  // how far gradients may differ
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

// What the matcher of a term made of the input, with the random draws of that seed.
at::Tensor moved_input(const ConsistencyLoss& made, const at::Tensor& x) {
  LossTrace trace;
  made.seed(drawn);
  made(x, &trace);
  for (const LossTrace::Item& item : trace.items) {
    if (item.name == "moved input") return item.values;
  }
  ADD_FAILURE() << "no input was moved";
  return x;
}

// The part of a map that begins at such a share of its height and width, enlarged to the whole.
at::Tensor part_of(const at::Tensor& map, double top, double left, double share) {
  const auto places = [&](int64_t count, double begin) {
    return 2 * (begin + share * (at::arange(count, at::kDouble) + 0.5) / static_cast<double>(count)) - 1;
  };
  const auto grid = at::meshgrid({places(map.size(2), top), places(map.size(3), left)}, "ij");
  const at::Tensor where = at::stack({grid[1], grid[0]}, 2).unsqueeze(0).expand({map.size(0), -1, -1, -1});
  return at::grid_sampler(map, where, /*bilinear=*/0, /*border=*/1, false);
}

TEST_F(PublishedSpec, ContrastiveGradCamConsistencyWithoutContrast) {
  const ConsistencyLoss made = loss("cgc");
  const at::Tensor moved = moved_input(made, x);
  at::Generator generator =
      at::detail::createCPUGenerator(derive_seed({drawn, number_of("match"), number_of("agreement")}));
  const at::Tensor place = at::rand({2}, generator, at::kDouble) * 0.3;
  made.seed(drawn);
  expect(made, "cgc", [&] {
    const at::Tensor c = network.best(x);
    const at::Tensor part = part_of(network.cam(x, c).flip({3}), place[0].item<double>(), place[1].item<double>(), 0.7);
    return -(unit(part) * unit(network.cam(moved, c))).sum({1, 2, 3}).mean();
  });
}

// Of the shares that a map's magnitudes are of their sum; 1 when all are alike.
at::Tensor entropy(const at::Tensor& map) {
  const at::Tensor share = map.abs() / map.abs().sum({1, 2, 3}, true);
  return -(share * share.log()).sum({1, 2, 3}) / std::log(double(map[0].numel()));
}

TEST_F(PublishedSpec, AttentionConsistencyOnVisualCorruptions) {
  const ConsistencyLoss made = loss("acvc");
  const at::Tensor moved = moved_input(made, x);
  EXPECT_GT((moved - x).abs().mean().item<double>(), 0.05);
  made.seed(drawn);
  expect(made, "acvc", [&] {
    const at::Tensor c = network.best(x);
    const at::Tensor p = network.cam(x, c, false, false).flatten(1).softmax(1);
    const at::Tensor q = network.cam(moved, c, false, false).flatten(1).softmax(1), middle = (p + q) / 2;
    const at::Tensor divergence = ((p * (p / middle).log() + q * (q / middle).log()).sum(1) / 2).mean();
    at::Tensor rivals = at::zeros({}, at::kDouble);
    for (const int64_t rank : {1, 2, 3}) {
      rivals = rivals + entropy(network.cam(x, network.best(x, rank), false, false)).mean() / 3;
    }
    return divergence - rivals;
  });
}

TEST_F(PublishedSpec, Cast) {
  expect("cast", [&] {
    const Network::Activations a = network(x);
    const at::Tensor score = at::log_softmax(a.scores, 1).gather(1, network.best(x).unsqueeze(1)).sum();
    const at::Tensor gradient = torch::autograd::grad({score}, {a.last}, {}, true, true)[0];
    const at::Tensor cam = at::relu((gradient.mean({2, 3}, true) * a.last).sum(1, true));
    return -(unit(cam) * unit(boxes)).sum({1, 2, 3}).mean();
  });
}

// With an epsilon that goes to 0, and where only linear layers have a rule, relevance is the input times the gradient.
// Its own gradient still feels an epsilon where a layer's output is near zero.
TEST_F(PublishedSpec, BackgroundRelevance) {
  relative = 1e-3;
  absolute = 2e-6;
  expect("isnet", [&] {
    const at::Tensor input = x.clone().requires_grad_();
    const at::Tensor score = network(input).scores.gather(1, network.best(x).unsqueeze(1)).sum();
    const at::Tensor relevance =
        (input * torch::autograd::grad({score}, {input}, {}, true, true)[0]).abs().sum(1, true);
    return -((relevance * boxes).sum({1, 2, 3}) / relevance.sum({1, 2, 3})).mean();
  });
}

TEST_F(PublishedSpec, AttributionPriors) {
  const ConsistencyLoss made = loss("attribution_priors");
  made.seed(drawn);
  expect(made, "attribution_priors", [&] {
    at::Generator generator = at::detail::createCPUGenerator(derive_seed({drawn, number_of("attribution")}));
    const at::Tensor within = at::rand({4}, generator, at::kDouble);
    const at::Tensor noise = at::randn({4, 3, 12, 16}, generator, at::kFloat).to(at::kDouble), c = network.best(x);
    at::Tensor map = at::zeros({2, 1, 12, 16}, at::kDouble);
    for (int64_t k = 0; k < 4; ++k) {
      const at::Tensor point = (noise[k] + (k + within[k]) / 4 * (x - noise[k])).requires_grad_();
      const at::Tensor score = network(point).scores.gather(1, c.unsqueeze(1)).sum();
      const at::Tensor gradient = torch::autograd::grad({score}, {point}, {}, true, true)[0];
      map = map + ((x - noise[k]) * gradient).sum(1, true) / 4;
    }
    const at::Tensor rows = map.diff(1, 2).abs().flatten(1), columns = map.diff(1, 3).abs().flatten(1);
    const at::Tensor variation = at::cat({rows, columns}, 1).mean(1);
    const at::Tensor sizes = std::get<0>(map.abs().flatten(1).sort(1));
    const at::Tensor ranks = 2 * at::arange(1, 193, at::kDouble) - 193;
    return (variation - (sizes * ranks).sum(1) / (192 * sizes.sum(1))).mean();
  });
}

TEST_F(PublishedSpec, SaliencyGuidedTraining) {
  expect("sgt", [&] {
    const at::Tensor c = network.best(x), input = x.clone().requires_grad_();
    const at::Tensor score = network(input).scores.gather(1, c.unsqueeze(1)).sum();
    const at::Tensor size = torch::autograd::grad({score}, {input})[0].abs().sum(1, true);
    const at::Tensor middle = std::get<0>(size.flatten(1).kthvalue(96, 1)).view({2, 1, 1, 1});  // of 192
    const at::Tensor clean = at::log_softmax(network(x).scores, 1).detach();
    const at::Tensor left = at::log_softmax(network(x * (size > middle)).scores, 1);
    return (clean.exp() * (clean - left)).sum(1).mean();
  });
}

// Of every pair of cells, whether the map puts the first one clearly above the second.
at::Tensor order(const at::Tensor& map) {
  const at::Tensor cells = map.flatten(1);
  const at::Tensor z = (cells - cells.mean(1, true)) / cells.std(1, /*unbiased=*/false, true);
  const at::Tensor pairs = (5 * (z.unsqueeze(2) - z.unsqueeze(1))).tanh().flatten(1);
  return pairs / pairs.square().sum(1, true).sqrt();
}

TEST_F(PublishedSpec, HumanImportanceNetwork) {
  expect("hint", [&] { return -(order(network.cam(x, network.best(x), false, false)) * order(boxes)).sum(1).mean(); });
}

TEST_F(PublishedSpec, AttentionBranchWithHumanKnowledge) {
  expect("abn_human", [&] { return (minmax(network(x).last.abs().mean(1, true)) - boxes).square().mean(); });
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
  EXPECT_EQ(rows, 21);
}

}  // namespace
}  // namespace attune::test::published
