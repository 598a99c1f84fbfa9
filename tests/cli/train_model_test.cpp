// attune train: the models that it writes are the ones that it was given, with other parameters.

#include <caffe2/serialize/inline_container.h>
#include <cstdlib>
#include <sstream>
#include <torch/csrc/jit/serialization/import.h>

#include "data/preprocess.h"
#include "image/npy.h"
#include "train_support.h"

namespace attune::test {
namespace {

const std::string last_model = "run/stages/2_finetune/model.pt";

// A run that keeps the model's own four scores; no picture has the last class.
class TrainedModel : public Train {
 protected:
  TrainedModel() {
    Json config = Json::parse(training_config(supervised_stage + "," + finetune_stage));
    config.erase("head");
    config["data"]["classes"] = {"across", "down", "plain", "none"};
    write("config.json", config.dump());
    expect_trained();
  }

  struct Scores {
    at::Tensor inputs;  // of the validation part
    at::Tensor scores;  // that `attune evaluate` gives
    double loss = 0;    // likewise
  };

  Scores evaluated() const {
    const Json report = document(
        {"evaluate", "config.json", "--split", "validate", "--csv", "samples.csv", "--threads", "1", "--json"});
    Preprocess how = Preprocess::imagenet();
    how.size = {16, 16};
    std::istringstream lines(read("samples.csv"));
    std::string line, field;
    std::getline(lines, line);
    expect_parts(line, {"id,file,labels,predicted,score across,score down,score plain,score none,"});
    std::vector<at::Tensor> inputs, scores;
    while (std::getline(lines, line)) {
      std::istringstream fields(line);
      std::vector<float> row;
      for (int i = 0; std::getline(fields, field, ','); ++i) {
        if (i == 1) inputs.push_back(preprocess(read_image(field), how));
        if (i >= 4 && i < 8) row.push_back(std::stof(field));
      }
      scores.push_back(at::tensor(row));
    }
    return {at::stack(inputs), at::stack(scores), report["metrics"]["loss"]["value"].get<double>()};
  }
};

// The code that an archive holds.
std::map<std::string, std::string> code_of(const fs::path& file) {
  caffe2::serialize::PyTorchStreamReader reader(file.string());
  std::map<std::string, std::string> code;
  for (const std::string& name : reader.getAllRecords()) {
    if (fs::path(name).extension() != ".py") continue;
    const auto [bytes, size] = reader.getRecord(name);
    code[name].assign(static_cast<const char*>(bytes.get()), size);
  }
  return code;
}

// All attributes: tensors without their values, others with.
std::vector<std::string> attributes_of(const fs::path& file) {
  std::vector<std::string> all;
  for (const auto& [name, value] : torch::jit::load(file.string()).named_attributes()) {
    std::ostringstream text;
    text << name << ": ";
    if (value.isTensor()) {
      const at::Tensor tensor = value.toTensor();
      text << tensor.toString() << tensor.sizes() << tensor.strides() << tensor.requires_grad();
    } else if (value.isModule()) {
      text << value.type()->annotation_str();
    } else {
      text << value;
    }
    all.push_back(text.str());
  }
  return all;
}

TEST_F(TrainedModel, DiffersInValuesOnly) {
  const auto code = code_of(folder_ / "model.pt");
  EXPECT_FALSE(code.empty());
  EXPECT_EQ(code_of(folder_ / last_model), code);
  const auto attributes = attributes_of(folder_ / "model.pt");
  EXPECT_GT(attributes.size(), 8U) << "of two convolutions, batch norm and a linear layer";
  EXPECT_EQ(attributes_of(folder_ / last_model), attributes);
  for (const auto& [name, values] : tensors_of(folder_ / "model.pt")) {
    EXPECT_FALSE(at::equal(state_of("2_finetune").at(name), values)) << name << " has not been trained";
  }
}

TEST_F(TrainedModel, GivesTheScoresThatWereJudged) {
  const Scores evaluated = this->evaluated();
  torch::jit::Module module = torch::jit::load((folder_ / last_model).string());
  const at::Tensor scores = module.forward({evaluated.inputs}).toTensor().detach();
  EXPECT_TRUE(at::allclose(scores, evaluated.scores, 1e-4, 1e-5)) << scores << evaluated.scores;

  const at::Tensor labels = at::arange(9, at::kLong).floor_divide(3);  // three of each class
  const at::Tensor loss = at::cross_entropy_loss(evaluated.scores, labels);
  const Json results = parsed(read("run/results.json"));
  const double judged = results["stages"][1]["splits"]["validate"]["metrics"]["loss"]["value"];
  EXPECT_NEAR(judged, loss.item<double>(), 1e-5);
  EXPECT_NEAR(judged, evaluated.loss, 1e-6);
}

TEST_F(TrainedModel, GivesPythonTheSameScores) {
  if (std::system("/usr/bin/python3 -c 'import numpy, torch' >/dev/null 2>&1") != 0) {
    GTEST_SKIP() << "needs the Debian packages python3-numpy and python3-torch";
  }
  const Scores evaluated = this->evaluated();
  write_npy(folder_ / "inputs.npy", evaluated.inputs);
  const fs::path script = write("scores.py",
                                "import sys, numpy, torch\n"
                                "model = torch.jit.load(sys.argv[1])\n"
                                "scores = model(torch.from_numpy(numpy.load(sys.argv[2])))\n"
                                "numpy.save(sys.argv[3], scores.detach().numpy())\n");
  std::string command = "/usr/bin/python3";
  for (const fs::path& word : {script, folder_ / last_model, folder_ / "inputs.npy", folder_ / "scores.npy"}) {
    command += " '" + word.string() + "'";
  }
  ASSERT_EQ(std::system(command.c_str()), 0);
  const at::Tensor scores = read_npy(folder_ / "scores.npy");
  EXPECT_TRUE(at::allclose(scores, evaluated.scores, 1e-4, 1e-5)) << scores << evaluated.scores;
}

}  // namespace
}  // namespace attune::test
