#include "model/run/training_model.h"

#include <fstream>
#include <gtest/gtest.h>
#include <torch/csrc/jit/serialization/import.h>

#include <attune/sdk/error.h>

#include "image/output_file.h"
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

TEST(TrainingModel, FreezesByPattern) {
  TrainingModel training_model(torchscript_source(dropping_model()));
  EXPECT_EQ(training_model.freeze({"conv*", "norm.*"}).size(), 2u);
  EXPECT_EQ(taking_gradients(training_model.source().parameters), (std::vector<std::string>{"fc.weight", "fc.bias"}));
  EXPECT_EQ(training_model.freeze({}).size(), 6u);
}

TEST(TrainingModel, LeavesFrozenWhatTheFileHasFrozen) {
  const TemporaryFolder folder;
  torch::jit::Module model = dropping_model();
  for (const char* layer : {"conv1", "norm"}) freeze_layer(model, layer);
  model.save((folder / "model.pt").string());
  TrainingModel training_model(read_model(folder / "model.pt", at::kCPU));
  EXPECT_EQ(training_model.frozen(), 3);
  EXPECT_EQ(training_model.parameters(), 6);
  const std::vector<std::string> last = {"conv2.weight", "fc.weight", "fc.bias"};
  EXPECT_EQ(training_model.freeze({}).size(), 3u);
  EXPECT_EQ(taking_gradients(training_model.source().parameters), last);
  training_model.freeze({}, {"norm.*"});
  EXPECT_EQ(taking_gradients(training_model.source().parameters).size(), 5u);
  training_model.freeze({"*.bias"}, {"*"});  // of two patterns that match, "freeze" holds
  EXPECT_EQ(taking_gradients(training_model.source().parameters),
            (std::vector<std::string>{"conv1.weight", "norm.weight", "conv2.weight", "fc.weight"}));
  training_model.freeze({});
  EXPECT_EQ(taking_gradients(training_model.source().parameters), last) << "a stage does not unfreeze for the next";
  write_file(folder / "saved.pt", training_model.saved());
  EXPECT_EQ(taking_gradients(torch::jit::load((folder / "saved.pt").string())), last);
}

// One tensor under two names, as tied weights are.
TEST(TrainingModel, TakesASharedParameterOnce) {
  torch::jit::Module model = dropping_model();
  const at::Tensor weight = model.attr("fc").toModule().attr("weight").toTensor();
  model.register_parameter("tied", weight, false);
  const TemporaryFolder folder;
  model.save((folder / "model.pt").string());
  for (const torch::jit::Module& some : {model, torch::jit::load((folder / "model.pt").string())}) {
    TrainingModel training_model(torchscript_source(some));
    EXPECT_EQ(training_model.freeze({}).size(), 6u);
    EXPECT_EQ(training_model.freeze({"tied"}).size(), 5u);
    EXPECT_FALSE(training_model.source().parameters.attr("fc").toModule().attr("weight").toTensor().requires_grad());
  }
}

TEST(TrainingModel, RefusesAPatternOfNothing) {
  TrainingModel training_model(torchscript_source(dropping_model()));
  EXPECT_EQ(message_of(Fault::spec, [&] { training_model.freeze({"conv3.weight"}); }),
            "\"freeze\": no parameter matches 'conv3.weight' (did you mean \"conv1.weight\"?)");
  EXPECT_EQ(message_of(Fault::spec, [&] { training_model.freeze({}, {"conv3.weight"}); }),
            "\"unfreeze\": no parameter matches 'conv3.weight' (did you mean \"conv1.weight\"?)");
  EXPECT_EQ(message_of(Fault::spec, [&] { training_model.freeze({"*"}); }),
            "the model has no parameter that is not frozen");
  torch::jit::Module frozen = dropping_model();
  for (const at::Tensor& parameter : frozen.parameters()) parameter.set_requires_grad(false);
  EXPECT_EQ(message_of(Fault::spec, [&] { TrainingModel(torchscript_source(frozen)).freeze({}); }),
            "the model has no parameter that is not frozen; it was saved so: \"unfreeze\": [\"*\"] in the stage trains "
            "all");
}

TEST(TrainingModel, TrainsWithOrWithoutStatistics) {
  TrainingModel training_model(torchscript_source(dropping_model()));
  const auto mean = [&] { return training_model.state().at("norm.running_mean").clone(); };
  const at::Tensor before = mean(), input = seeded({4, 3, 8, 8}, 5);
  training_model.train(false);
  const at::Tensor quiet = training_model.forward(input, "auto");
  EXPECT_TRUE(at::equal(mean(), before));
  EXPECT_FALSE(at::equal(training_model.forward(input, "auto"), quiet)) << "dropout draws nothing";
  training_model.train(true);
  training_model.forward(input, "auto");
  EXPECT_FALSE(at::equal(mean(), before));
}

TEST(TrainingModel, SaysWhereTheDiskIsFull) {
  TrainingModel training_model(torchscript_source(dropping_model()));
  std::ofstream full("/dev/full", std::ios::binary);
  EXPECT_EQ(test::message_of(Fault::output, [&] { training_model.save(full); }),
            "the model cannot be written: No space left on device");
}

TEST(TrainingModel, SavesWithTheFlagsOfTheFirst) {
  const TemporaryFolder folder;
  TrainingModel training_model(torchscript_source(dropping_model()));
  training_model.freeze({"conv*"});
  training_model.train(true);
  write_file(folder / "model.pt", training_model.saved());
  const auto saved = torch::jit::load((folder / "model.pt").string());
  EXPECT_EQ(taking_gradients(saved).size(), 6u);
  EXPECT_FALSE(saved.attr("norm").toModule().attr("training").toBool());
  EXPECT_TRUE(training_model.source().parameters.attr("norm").toModule().attr("training").toBool())
      << "saving ends the training";
  EXPECT_EQ(taking_gradients(training_model.source().parameters).size(), 4u);
  EXPECT_EQ(folder.entries(), 1u);
}

TEST(TrainingModel, TakesAState) {
  TrainingModel one(torchscript_source(dropping_model())), other(torchscript_source(dropping_model()));
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
