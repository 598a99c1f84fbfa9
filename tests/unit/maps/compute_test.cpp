// One forward pass serves all maps and targets; methods that give no map are refused by name.
#include <gtest/gtest.h>
#include <limits>
#include <torch/csrc/autograd/autograd.h>

#include <attune/interruption.h>

#include "errors.h"
#include "support.h"

namespace attune::test {
namespace {

// A map for every sample, or what a careless method takes for one.
MapRequest gives(const at::Tensor& values) {
  return request("careless", {}, [values](Pass&, const Target&) { return AttentionMap{values, true}; });
}

// The gradient of class `index` by the module itself, [N,C,H,W].
at::Tensor module_gradient(torch::jit::Module module, const at::Tensor& input, int64_t index) {
  const at::AutoGradMode mode(true);
  const at::Tensor x = input.detach().clone().requires_grad_();
  const at::Tensor scores = module.forward({x}).toTensor();
  return torch::autograd::grad({scores.select(1, index).sum()}, {x})[0];
}

TEST(ComputeMaps, RunsTheModelOnce) {
  CountingModel model(small_model());
  const MapSet set =
      compute_maps(model, two_inputs(), {input_gradient(), activation_of("conv1"), activation_of("act2")},
                   choices({"top1", "2", "top3"}));
  EXPECT_EQ(model.forwards, 1);
  EXPECT_EQ(set.targets.size(), 5u);
  ASSERT_EQ(set.maps.size(), 3u);
  for (const auto& maps : set.maps) EXPECT_EQ(maps.size(), 5u);
}

TEST(ComputeMaps, MayBeEndedBeforeEachPass) {
  static int passes = 0;
  passes = 0;
  set_before_each_pass([] {
    if (++passes == 3) throw Error(Fault::run, "enough");
  });
  TorchScriptModel model(small_model());
  const MapRequest three = request("three", {}, [](Pass& pass, const Target&) {
    for (int i = 0; i < 5; ++i) pass.model().outputs(1, [&](int64_t, int64_t) { return pass.input(); });
    return AttentionMap{pass.input(), true};
  });
  const std::string ended = message_of(Fault::run, [&] { compute_maps(model, two_inputs(), {three}, choices({"0"})); });
  set_before_each_pass(nullptr);
  EXPECT_TRUE(contains(ended, "enough")) << ended;
  EXPECT_EQ(passes, 3);
}

TEST(ComputeMaps, AsksForTheUnionOfNeeds) {
  const auto nothing = [](Pass& pass, const Target&) { return AttentionMap{pass.input(), true}; };
  const auto asked = [&](const std::vector<Needs>& needs) {
    CountingModel model(small_model());
    std::vector<MapRequest> requests;
    for (const Needs& one : needs) requests.push_back(request("one", one, nothing));
    compute_maps(model, two_inputs(), requests, choices({"0"}));
    return model.asked;
  };
  const Needs layers = asked({layer_needs({"conv2"}), layer_needs({}), layer_needs({"conv1", "conv2"})});
  EXPECT_EQ(layers.captures, (std::vector<Capture>{{"conv2"}, {"conv1"}}));
  EXPECT_FALSE(layers.gradients);
  EXPECT_FALSE(layers.input_gradient);
  const Needs all = asked({input_needs(), layer_needs({"act1"}, true), layer_needs({"act1"})});
  EXPECT_EQ(all.captures, std::vector<Capture>{{"act1"}});
  EXPECT_TRUE(all.gradients);
  EXPECT_TRUE(all.input_gradient);
  EXPECT_TRUE(asked({}).captures.empty());
}

TEST(ComputeMaps, MapsStandByRequestAndTarget) {
  TorchScriptModel model(small_model());
  const at::Tensor x = two_inputs();
  const MapSet set = compute_maps(model, x, {activation_of("conv2"), input_gradient()}, choices({"3", "0"}));
  ASSERT_EQ(set.targets.size(), 2u);
  EXPECT_TRUE(at::equal(*set.targets[0].classes(), at::full({2}, 3, at::kLong)));
  EXPECT_TRUE(at::equal(*set.targets[1].classes(), at::zeros({2}, at::kLong)));
  const int64_t classes[] = {3, 0};
  for (size_t t = 0; t < 2; ++t) {
    EXPECT_EQ(set.maps[0][t].values.sizes(), (at::IntArrayRef{2, 5, 4, 4}));
    EXPECT_FALSE(set.maps[0][t].at_input_resolution);
    EXPECT_TRUE(at::allclose(set.maps[1][t].values, module_gradient(small_model(), x, classes[t])));
    EXPECT_TRUE(set.maps[1][t].at_input_resolution);
  }
  EXPECT_TRUE(at::equal(set.maps[0][0].values, set.maps[0][1].values));
  EXPECT_FALSE(at::allclose(set.maps[1][0].values, set.maps[1][1].values));
}

TEST(ComputeMaps, EverySampleHasItsOwnTopClass) {
  torch::jit::Module module = small_model("torch.tanh(x)");
  TorchScriptModel model(module);
  const at::Tensor x = seeded({6, 3, 8, 8}, 41);
  const MapSet set = compute_maps(model, x, {input_gradient()}, choices({"top1"}));
  EXPECT_TRUE(at::allclose(set.scores, module.forward({x}).toTensor()));
  ASSERT_EQ(set.targets.size(), 1u);
  EXPECT_TRUE(at::equal(*set.targets[0].classes(), set.scores.argmax(1)));
  ASSERT_NE(set.targets[0].classes()->min().item<int64_t>(), set.targets[0].classes()->max().item<int64_t>());
  for (int64_t n = 0; n < 6; ++n) {
    const at::Tensor alone = module_gradient(module, x.narrow(0, n, 1), (*set.targets[0].classes())[n].item<int64_t>());
    EXPECT_TRUE(at::allclose(set.maps[0][0].values.narrow(0, n, 1), alone));
  }
}

TEST(ComputeMaps, GivesScoresWithoutRequestsOrTargets) {
  CountingModel model(small_model());
  const MapSet no_requests = compute_maps(model, two_inputs(), {}, choices({"top2"}));
  EXPECT_EQ(no_requests.targets.size(), 2u);
  EXPECT_TRUE(no_requests.maps.empty());
  EXPECT_EQ(no_requests.scores.sizes(), (at::IntArrayRef{2, 4}));
  const MapSet no_targets = compute_maps(model, two_inputs(), {input_gradient()}, {});
  ASSERT_EQ(no_targets.maps.size(), 1u);
  EXPECT_TRUE(no_targets.maps[0].empty());
}

TEST(ComputeMaps, RefusesWhatIsNoMapOfItsBatch) {
  TorchScriptModel model(small_model());
  for (const at::Tensor& values :
       {at::Tensor(), at::ones({}), at::ones({2, 1}), at::ones({1, 1, 8, 8}), at::ones({3, 8, 8}), at::ones({8, 8, 2}),
        at::ones({2, 1, 2, 2, 2, 2}), at::ones({2, 0, 8, 8})}) {
    const std::string message = message_of(Fault::run, [&] {
      compute_maps(model, two_inputs(), {input_gradient(), gives(values)}, choices({"0"}));
    });
    EXPECT_EQ(message, "the method of map 'careless' gave no map [N,C,S..] for its batch");
  }
  for (const at::Tensor& values : {at::ones({2, 1, 5}), at::ones({2, 3, 8, 8}), at::ones({2, 1, 2, 3, 4})}) {
    EXPECT_NO_THROW(compute_maps(model, two_inputs(), {gives(values)}, choices({"0"})));
  }
}

TEST(ComputeMaps, RefusesMapsThatAreNotFinite) {
  TorchScriptModel model(small_model());
  const double infinity = std::numeric_limits<double>::infinity();
  for (const double bad : {std::numeric_limits<double>::quiet_NaN(), infinity, -infinity}) {
    at::Tensor values = at::zeros({2, 1, 4, 4}, at::kDouble);
    values[1][0][3][2] = bad;
    for (const bool graph : {false, true}) {
      const std::string message =
          message_of(Fault::run, [&] { compute_maps(model, two_inputs(), {gives(values)}, choices({"0"}), graph); });
      EXPECT_EQ(message, "map 'careless' is not finite (NaN or infinity)");
    }
  }
}

TEST(ComputeMaps, RefusesScoresThatAreNotFinite) {
  TorchScriptModel model(small_model());
  at::Tensor x = two_inputs();
  x[1][0][3][3] = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(message_of(Fault::run, [&] { compute_maps(model, x, {input_gradient()}, choices({"top1"})); }),
            "the model's scores are not finite (NaN or infinity)");
}

TEST(ComputeMaps, RefusesTargetsBeforeAnyMethodIsAsked) {
  CountingModel model(small_model());
  int asked = 0;
  const MapRequest counting = request("counting", {}, [&](Pass& pass, const Target&) {
    ++asked;
    return AttentionMap{pass.input(), true};
  });
  EXPECT_EQ(message_of(Fault::usage,
                       [&] {
                         compute_maps(model, two_inputs(), {counting}, choices({"0", "4"}));
                       }),
            "target 4 is out of range: the model has 4 classes, 0 to 3");
  EXPECT_EQ(asked, 0);
}

// Its draws, one for every sample.
MapRequest draws(const std::string& name) {
  return request(name, {}, [](Pass& pass, const Target&) {
    const at::Tensor& x = pass.input();
    return AttentionMap{at::rand({1, 8, 8}, pass.generator(), x.options()).expand({x.size(0), 1, 8, 8}), true};
  });
}

TEST(ComputeMaps, EveryMapDrawsNumbersOfItsOwn) {
  TorchScriptModel model(small_model());
  const auto maps = [&](const std::vector<MapRequest>& requests, uint64_t seed) {
    std::vector<at::Tensor> values;
    for (const auto& of_request : compute_maps(model, two_inputs(), requests, choices({"0"}), false, seed).maps) {
      values.push_back(of_request[0].values);
    }
    return values;
  };
  const auto both = maps({draws("a"), draws("b")}, 1), other = maps({input_gradient(), draws("b")}, 1);
  EXPECT_FALSE(at::allclose(both[0], both[1]));
  EXPECT_LT((both[0] - 0.5).mul(both[1] - 0.5).mean().abs().item<double>(), 0.05) << "they are correlated";
  EXPECT_TRUE(at::equal(both[1], other[1])) << "what stands beside a map changes it";
  EXPECT_FALSE(at::allclose(maps({draws("a")}, 2)[0], both[0]));
}

// As RISE does it: what masked inputs score holds every class.
TEST(ComputeMaps, AllTargetsOfAMethodMayShareItsPasses) {
  CountingModel model(small_model());
  const at::Tensor x = two_inputs();
  const auto masked = [&](Pass& pass, const std::vector<Target>& targets) {
    const at::Tensor scores = model.forward(pass.input().flip(3), {}, false, {})->output();
    std::vector<AttentionMap> maps;
    for (const Target& target : targets) {
      maps.push_back({scores.gather(1, target.classes()->unsqueeze(1)).view({2, 1, 1, 1}), false});
    }
    return maps;
  };
  const MapSet set = compute_maps(model, x, {{"masked", std::make_shared<AllAtOnce>(masked)}}, choices({"top4", "2"}));
  EXPECT_EQ(model.forwards, 2) << "one of the input, one of the masked input";
  ASSERT_EQ(set.maps[0].size(), 5u);
  const at::Tensor scores = small_model().forward({x.flip(3)}).toTensor();
  EXPECT_TRUE(at::allclose(set.maps[0][4].values.flatten(), scores.select(1, 2)));
}

TEST(ComputeMaps, RefusesAnotherNumberOfMapsThanOfTargets) {
  TorchScriptModel model(small_model());
  const auto one = [](Pass& pass, const std::vector<Target>&) {
    return std::vector<AttentionMap>{{pass.input(), true}};
  };
  EXPECT_EQ(
      message_of(Fault::run,
                 [&] {
                   compute_maps(model, two_inputs(), {{"one", std::make_shared<AllAtOnce>(one)}}, choices({"top3"}));
                 }),
      "the method of map 'one' gave 1 maps for 3 targets");
}

TEST(ComputeMaps, AMapKnowsTheLayersThatItCameFrom) {
  TorchScriptModel model(small_model());
  const MapSet set = compute_maps(model, two_inputs(),
                                  {activation_of("auto"), activation_of("conv1"), input_gradient()}, choices({"0"}));
  EXPECT_EQ(set.maps[0][0].layers, std::vector<std::string>{"act2"});
  EXPECT_EQ(set.maps[1][0].layers, std::vector<std::string>{"conv1"});
  EXPECT_TRUE(set.maps[2][0].layers.empty());
}

TEST(ComputeMaps, AnExtensionThatIsNotKnownIsNone) {
  TorchScriptModel model(small_model());
  int asked = 0;
  const MapRequest asking = request("asking", {}, [&](Pass& pass, const Target&) {
    asked += pass.extension("attune.nothing/1") == nullptr;
    return AttentionMap{pass.input(), true};
  });
  compute_maps(model, two_inputs(), {asking}, choices({"0"}));
  EXPECT_EQ(asked, 1);
}

TEST(ComputeMaps, EveryTargetOfAMapHasTheSameDraws) {
  TorchScriptModel model(small_model());
  const MapSet set = compute_maps(model, two_inputs(), {draws("a")}, choices({"top3"}));
  EXPECT_TRUE(at::equal(set.maps[0][0].values, set.maps[0][2].values));
}

}  // namespace
}  // namespace attune::test
