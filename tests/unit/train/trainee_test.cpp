#include "train/trainee.h"

#include <gtest/gtest.h>
#include <torch/csrc/jit/serialization/import.h>

#include <attune/sdk/error.h>

#include "support.h"

namespace attune::test {
namespace {

TEST(Pattern, StarsAndQuestionMarks) {
  EXPECT_TRUE(matches("features.0.weight", "features.0.*"));
  EXPECT_TRUE(matches("features.0.weight", "*weight"));
  EXPECT_TRUE(matches("features.0.weight", "f*0*t"));
  EXPECT_TRUE(matches("bn1", "bn?"));
  EXPECT_TRUE(matches("", "*"));
  EXPECT_FALSE(matches("features.10.weight", "features.1.*"));
  EXPECT_FALSE(matches("features.0.weight", "features"));
  EXPECT_FALSE(matches("bn", "bn?"));
}

std::vector<std::string> taking_gradients(const torch::jit::Module& module) {
  std::vector<std::string> names;
  for (const auto& parameter : module.named_parameters()) {
    if (parameter.value.requires_grad()) names.push_back(parameter.name);
  }
  return names;
}

TEST(Trainee, FreezesByPattern) {
  Trainee trainee(dropping_model());
  EXPECT_EQ(trainee.freeze({"conv*", "norm.*"}).size(), 2u);
  EXPECT_EQ(taking_gradients(trainee.module()), (std::vector<std::string>{"fc.weight", "fc.bias"}));
  EXPECT_EQ(trainee.freeze({}).size(), 6u);
}

TEST(Trainee, LeavesFrozenWhatTheFileHasFrozen) {
  const TemporaryFolder folder;
  torch::jit::Module model = dropping_model();
  for (const char* layer : {"conv1", "norm"}) freeze_layer(model, layer);
  model.save((folder / "model.pt").string());
  Trainee trainee(torch::jit::load((folder / "model.pt").string()));
  EXPECT_EQ(trainee.frozen(), 3);
  EXPECT_EQ(trainee.parameters(), 6);
  const std::vector<std::string> last = {"conv2.weight", "fc.weight", "fc.bias"};
  EXPECT_EQ(trainee.freeze({}).size(), 3u);
  EXPECT_EQ(taking_gradients(trainee.module()), last);
  trainee.freeze({}, {"norm.*"});
  EXPECT_EQ(taking_gradients(trainee.module()).size(), 5u);
  trainee.freeze({"*.bias"}, {"*"});  // of two patterns that match, "freeze" holds
  EXPECT_EQ(taking_gradients(trainee.module()),
            (std::vector<std::string>{"conv1.weight", "norm.weight", "conv2.weight", "fc.weight"}));
  trainee.freeze({});
  EXPECT_EQ(taking_gradients(trainee.module()), last) << "a stage does not unfreeze for the next";
  trainee.save(folder / "saved.pt");
  EXPECT_EQ(taking_gradients(torch::jit::load((folder / "saved.pt").string())), last);
}

// One tensor under two names, as tied weights are.
TEST(Trainee, TakesASharedParameterOnce) {
  torch::jit::Module model = dropping_model();
  const at::Tensor weight = model.attr("fc").toModule().attr("weight").toTensor();
  model.register_parameter("tied", weight, false);
  const TemporaryFolder folder;
  model.save((folder / "model.pt").string());
  for (const torch::jit::Module& some : {model, torch::jit::load((folder / "model.pt").string())}) {
    Trainee trainee(some);
    EXPECT_EQ(trainee.freeze({}).size(), 6u);
    EXPECT_EQ(trainee.freeze({"tied"}).size(), 5u);
    EXPECT_FALSE(trainee.module().attr("fc").toModule().attr("weight").toTensor().requires_grad());
  }
}

TEST(Trainee, RefusesAPatternOfNothing) {
  Trainee trainee(dropping_model());
  EXPECT_EQ(message_of(Fault::spec, [&] { trainee.freeze({"conv3.weight"}); }),
            "\"freeze\": no parameter matches 'conv3.weight' (did you mean \"conv1.weight\"?)");
  EXPECT_EQ(message_of(Fault::spec, [&] { trainee.freeze({}, {"conv3.weight"}); }),
            "\"unfreeze\": no parameter matches 'conv3.weight' (did you mean \"conv1.weight\"?)");
  EXPECT_EQ(message_of(Fault::spec, [&] { trainee.freeze({"*"}); }), "the model has no parameter that is not frozen");
  torch::jit::Module frozen = dropping_model();
  for (const at::Tensor& parameter : frozen.parameters()) parameter.set_requires_grad(false);
  EXPECT_EQ(message_of(Fault::spec, [&] { Trainee(frozen).freeze({}); }),
            "the model has no parameter that is not frozen; it was saved so: \"unfreeze\": [\"*\"] in the stage trains "
            "all");
}

TEST(Trainee, TrainsWithOrWithoutStatistics) {
  Trainee trainee(dropping_model());
  const auto mean = [&] { return trainee.state().at("norm.running_mean").clone(); };
  const at::Tensor before = mean(), input = seeded({4, 3, 8, 8}, 5);
  trainee.train(false);
  const at::Tensor quiet = trainee.forward(input, "auto");
  EXPECT_TRUE(at::equal(mean(), before));
  EXPECT_FALSE(at::equal(trainee.forward(input, "auto"), quiet)) << "dropout draws nothing";
  trainee.train(true);
  trainee.forward(input, "auto");
  EXPECT_FALSE(at::equal(mean(), before));
}

TEST(Trainee, SavesWithTheFlagsOfTheFirst) {
  const TemporaryFolder folder;
  Trainee trainee(dropping_model());
  trainee.freeze({"conv*"});
  trainee.train(true);
  trainee.save(folder / "model.pt");
  const auto saved = torch::jit::load((folder / "model.pt").string());
  EXPECT_EQ(taking_gradients(saved).size(), 6u);
  EXPECT_FALSE(saved.attr("norm").toModule().attr("training").toBool());
  EXPECT_TRUE(trainee.module().attr("norm").toModule().attr("training").toBool()) << "saving ends the training";
  EXPECT_EQ(taking_gradients(trainee.module()).size(), 4u);
  EXPECT_EQ(folder.entries(), 1u);
}

TEST(Trainee, TakesAState) {
  Trainee one(dropping_model()), other(dropping_model());
  NamedTensors state;
  for (const auto& [name, tensor] : one.state()) state[name] = tensor + 1;
  other.set_state(state);
  for (const auto& [name, tensor] : other.state()) EXPECT_TRUE(at::equal(tensor, state.at(name))) << name;
  state["fc.bias"] = at::zeros({5});
  EXPECT_EQ(message_of(Fault::input, [&] { other.set_state(state); }),
            "the saved state is of another model: 'fc.bias' differs");
}

}  // namespace
}  // namespace attune::test
