// attune convert and attune train: models go home in the kind of file that they came in.

#include "exported.h"
#include "models.h"
#include "onnx.h"
#include "train_support.h"

namespace attune::test {
namespace {

// conv - relu - mean - fc: pictures [N,3,H,W] to 3 scores.
void save_program(const fs::path& file) {
  ExportedProgram p({3, 16, 16});
  const std::string kernel = p.parameter("conv.weight", seeded({5, 3, 3, 3}, 1, 0.4).to(at::kFloat)),
                    weight = p.parameter("fc.weight", seeded({3, 5}, 2).to(at::kFloat));
  std::string v = p.node("torch.ops.aten.conv2d.default", {{"input", tensor("x")}, {"weight", tensor(kernel)}},
                         {{"conv", "conv.Conv2d"}});
  v = p.node("torch.ops.aten.relu.default", {{"self", tensor(v)}}, {{"relu", "activation.ReLU"}});
  v = p.node("torch.ops.aten.mean.dim", {{"self", tensor(v)}, {"dim", {{"as_ints", {2, 3}}}}});
  v = p.node("torch.ops.aten.linear.default", {{"input", tensor(v)}, {"weight", tensor(weight)}},
             {{"fc", "linear.Linear"}});
  write_archive(file, p.records(p.program({v})));
}

class Converted : public CommandLine {
 protected:
  void convert(const std::string& from, const std::string& to) const {
    const Outcome outcome = run({"convert", from, to});
    EXPECT_EQ(outcome.code, 0) << outcome.err;
    EXPECT_EQ(outcome.out, to + " written\n");
  }
};

TEST_F(Converted, ProgramsOfTorchExport) {
  save_program(folder_ / "model.pt2");
  convert("model.pt2", "model.pt");
  convert("model.pt2", "copy.pt2");
  convert("model.pt2", "model.safetensors");
  EXPECT_EQ(read("copy.pt2"), read("model.pt2"));
  Json before = document({"layers", "model.pt2", "--input", "3,16,16", "--json"}),
       after = document({"layers", "model.pt", "--input", "3,16,16", "--json"});
  EXPECT_EQ(before["source"], "exported");
  EXPECT_EQ(after["source"], "torchscript");
  EXPECT_EQ(before["layers"], after["layers"]);
  EXPECT_EQ(tensors_of(folder_ / "model.pt").size(), 2U);
}

TEST_F(Converted, OnlyToWhatThereIs) {
  save_classifier(folder_ / "model.pt");
  convert("model.pt", "same.pt");
  convert("model.pt", "model.safetensors");
  EXPECT_EQ(refusal(2, {"convert", "model.pt", "model.pt2"}),
            "model.pt2: the ending tells what to write, and of 'model.pt' that is .pt or .safetensors");
  save_program(folder_ / "model.pt2");
  EXPECT_EQ(refusal(2, {"convert", "model.pt2", "model"}),
            "model: the ending tells what to write, and of 'model.pt2' that is .pt, .safetensors or .pt2");
  expect_parts(refusal(7, {"convert", "model.pt", "none/out.safetensors"}),
               {"none/out.safetensors: cannot be written"});
  std::string flipped = read("model.pt");
  flipped[flipped.find("/data/0") + 100] ^= 1;
  write("flipped.pt", flipped);
  expect_parts(refusal(5, {"convert", "flipped.pt", "out.pt"}), {"are not those that were written"});
}

TEST_F(Converted, WithoutTheSoftmaxThatItEndsIn) {
  OnnxProgram p({0, 3, 8, 8});
  p.node("Softmax", {p.node("Flatten", {p.node("GlobalAveragePool", {"x"})})});
  write("model.onnx", p.bytes());
  const Outcome outcome = run({"convert", "model.onnx", "model.pt"});
  EXPECT_EQ(outcome.code, 0);
  EXPECT_EQ(outcome.err,
            "attune: note: the model ends in a softmax, which is left out: scores and gradients are those before it, "
            "probabilities those behind it\n");
  EXPECT_EQ(run({"convert", "model.onnx", "copy.onnx"}).err, "");
}

class TrainedProgram : public Train {
 protected:
  TrainedProgram() { save_program(folder_ / "model.pt2"); }

  void configure(bool new_head) const {
    Json config = Json::parse(training_config(supervised_stage));
    config["model"] = "model.pt2";
    if (!new_head) config.erase("head");
    if (new_head) config["data"]["classes"] = {"across", "down", "plain", "none"};
    write("config.json", config.dump());
  }
};

TEST_F(TrainedProgram, GoesHome) {
  configure(false);
  expect_trained();
  const std::string folder = "run/stages/1_supervised/";
  EXPECT_EQ(files("run/stages/1_supervised"),
            (std::set<std::string>{"model.pt", "model.pt2", "model.safetensors", "model.json", "results.json"}));
  EXPECT_EQ(read(folder + "model.pt2").size(), read("model.pt2").size());
  EXPECT_NE(read(folder + "model.pt2"), read("model.pt2"));
  const Outcome outcome = run({"convert", folder + "model.pt2", "again.pt"});
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  EXPECT_TRUE(are_same(tensors_of(folder_ / "again.pt"), state_of("1_supervised")));
}

TEST_F(TrainedProgram, OfOtherClassesHasNoOwnFile) {
  configure(true);
  const Outcome outcome = train();
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  expect_parts(outcome.err,
               {"note: what is trained is written as model.pt and model.safetensors, but not as model.pt2, "
                "as the new head has another number of classes"});
  EXPECT_EQ(files("run/stages/1_supervised"),
            (std::set<std::string>{"model.pt", "model.safetensors", "model.json", "results.json"}));
}

}  // namespace
}  // namespace attune::test
