// Models and files that made trouble, written by scripts of the shared material: the program gives the module's own
// maps or says one sentence, whatever it is given.

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <torch/csrc/autograd/autograd.h>
#include <torch/script.h>
#include <torch/version.h>

#include "image/npy.h"
#include "material.h"
#include "support.h"

namespace attune::test {
namespace {

std::string output_of(const std::string& command) {
  std::string text;
  std::array<char, 256> buffer{};
  FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return "";
  while (fgets(buffer.data(), buffer.size(), pipe) != nullptr) text += buffer.data();
  return pclose(pipe) == 0 ? text : "";
}

std::string python() {
  const char* named = std::getenv("ATTUNE_PYTHON");
  return named != nullptr ? named : "python3";
}

// The scripts write models of the PyTorch that runs them, which an older LibTorch need not read.
bool has_python() {
  static const std::string version =
      output_of(python() + " -c 'import numpy, PIL, torch; print(torch.__version__)' 2>/dev/null");
  const std::string wanted = std::to_string(TORCH_VERSION_MAJOR) + "." + std::to_string(TORCH_VERSION_MINOR) + ".";
  return version.compare(0, wanted.size(), wanted) == 0;
}

class Cases : public CommandLine {
 protected:
  // Runs a script in the test's folder. False, and the test skipped, without the script or a Python for it.
  bool prepare(const std::string& script) {
    const fs::path file = fs::absolute(shared()) / "cases" / script;
    if (!fs::exists(file)) return skip("needs " + file.string());
    if (!has_python()) {
      return skip("needs a Python with numpy, Pillow and PyTorch " + std::to_string(TORCH_VERSION_MAJOR) + "." +
                  std::to_string(TORCH_VERSION_MINOR) + " (ATTUNE_PYTHON)");
    }
    const std::string command = "cd '" + folder_.string() + "' && ATTUNE_SHARED='" + fs::absolute(shared()).string() +
                                "' " + python() + " '" + file.string() + "' >script.log 2>&1 && echo done";
    EXPECT_EQ(output_of(command), "done\n") << read("script.log");
    return true;
  }

  std::vector<std::string> models() const {
    std::vector<std::string> names;
    for (const auto& entry : fs::directory_iterator(folder_)) {
      if (entry.path().extension() == ".pt") names.push_back(entry.path().filename().string());
    }
    std::sort(names.begin(), names.end());
    EXPECT_FALSE(names.empty());
    return names;
  }

  // Whether a run succeeded; if not, it must have said one sentence for a person and nothing else.
  bool succeeded(const std::vector<std::string>& arguments) {
    outcome_ = run(arguments);
    const std::string& said = outcome_.err;
    EXPECT_FALSE(outcome_.signalled) << arguments[1] << ": " << said;
    for (const char* raw : {"INTERNAL ASSERT", "Exception raised from", "Traceback of TorchScript", "frame #"}) {
      EXPECT_EQ(said.find(raw), std::string::npos) << arguments[1] << ": " << said;
    }
    if (outcome_.code == 0) return true;
    EXPECT_TRUE(outcome_.code == 5 || outcome_.code == 6) << arguments[1] << ": " << outcome_.code << ' ' << said;
    EXPECT_EQ(said.compare(0, 8, "attune: "), 0) << arguments[1] << ": " << said;
    EXPECT_LT(said.size(), 900U) << arguments[1] << ": " << said;
    return false;
  }

  // The map of the first row as it was written.
  at::Tensor map_of(const std::string& model, const std::string& input, std::vector<std::string> more) {
    std::vector<std::string> arguments{"heatmap", model, input, "--raw", "--json", "--output", "out"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    if (!succeeded(arguments)) return {};
    return read_npy(folder_ / "out" / parsed(outcome_.out)["items"][0]["maps"][0]["raw"].get<std::string>());
  }

  // Saliency of the module itself for its best class; undefined where it has none of its own.
  at::Tensor own_saliency(const std::string& model) const {
    try {
      auto module = torch::jit::load((folder_ / model).string());
      const at::Tensor x = read_npy(folder_ / "x.npy").requires_grad_();
      const at::Tensor scores = module.forward({x}).toTensor();
      const auto best = std::get<0>(scores.max(1)).sum();
      return torch::autograd::grad({best}, {x})[0].abs()[0].sum(0, true);
    } catch (const std::exception&) {
      return {};
    }
  }

  void expect_own_saliency(const std::string& model) {
    const at::Tensor expected = own_saliency(model);
    const at::Tensor found = map_of(model, "x.npy", {"--method", "saliency:channels=abs_sum"});
    ASSERT_TRUE(found.defined()) << model << ": " << outcome_.err;
    if (!expected.defined()) return;
    const double range = expected.max().item<double>();
    EXPECT_LE((found - expected).abs().max().item<double>(), 1e-4 * range + 1e-12) << model;
  }

  std::set<std::string> layer_names(const std::string& model) const {
    std::set<std::string> names;
    const Json listed = document({"layers", model, "--input", "3,64,64", "--json"});
    for (const auto& layer : listed["layers"]) names.insert(layer["name"].get<std::string>());
    return names;
  }

  Outcome outcome_;

 protected:
  static bool skip(const std::string& why) {
    [&] { GTEST_SKIP() << why; }();
    return false;
  }
};

TEST_F(Cases, LayersInsideWithBlocks) {
  if (!prepare("autocast.py")) return;
  for (const std::string& model : models()) {
    if (!own_saliency(model).defined()) {
      succeeded({"heatmap", model, "x.npy"});  // its own code fails
      continue;
    }
    expect_own_saliency(model);
    for (const auto& layer : layer_names(model)) succeeded({"heatmap", model, "x.npy", "--layer", layer});
  }
}

TEST_F(Cases, StepsAreNoPicture) {
  if (!prepare("lstm_seqgrid.py")) return;
  for (const std::string k : {"2", "4", "8"}) {
    const std::string model = "sq" + k + ".pt";
    const at::Tensor steps = map_of(model, "sq.npy", {"--layer", "lstm"});
    if (steps.defined()) {
      EXPECT_EQ(steps.dim(), 2) << "[1,T]";
      const at::Tensor expected = read_npy(folder_ / ("sqref" + k + ".npy"));
      EXPECT_LE((steps - expected).abs().max().item<double>(), 1e-4 * expected.abs().max().item<double>());
    }
    ASSERT_TRUE(succeeded({"heatmap", model, "sq.npy", "--json"})) << outcome_.err;
    EXPECT_EQ(parsed(outcome_.out)["items"][0]["maps"][0]["layer"].get<std::string>().substr(0, 3), "cnn");
  }
}

TEST_F(Cases, ConvolutionsOverTimeAreNoPicture) {
  if (!prepare("conv1dhead.py")) return;
  const at::Tensor steps = map_of("m.pt", "x.npy", {"--layer", "r1"});
  EXPECT_TRUE(!steps.defined() || steps.dim() == 2) << "[1,T]";
  ASSERT_TRUE(succeeded({"heatmap", "m.pt", "x.npy", "--json"})) << outcome_.err;
  EXPECT_EQ(parsed(outcome_.out)["items"][0]["maps"][0]["layer"], "r2");
}

TEST_F(Cases, WindowsAndAttentionAreNoMaps) {
  if (!prepare("windows.py")) return;
  for (const std::string& model : models()) EXPECT_TRUE(succeeded({"heatmap", model, "x.npy"})) << outcome_.err;
  for (const auto& [model, layer] : {std::pair<std::string, std::string>{"sw.pt", "attn"}, {"vit.pt", "softmax"}}) {
    EXPECT_FALSE(succeeded({"heatmap", model, "x.npy", "--layer", layer}));
    EXPECT_EQ(outcome_.code, 5);
    EXPECT_NE(outcome_.err.find("layer '" + layer + "'"), std::string::npos) << outcome_.err;
  }
}

TEST_F(Cases, ScriptedAndTracedLayersHaveTheSameNames) {
  if (!prepare("names.py")) return;
  for (const std::string model : {"N", "Mha", "Gru"}) {
    EXPECT_EQ(layer_names(model + "_s.pt"), layer_names(model + "_t.pt")) << model;
  }
  for (const char* layer : {"g", "rnn"}) EXPECT_EQ(layer_names("Gru_s.pt").count(layer), 1U) << layer;
}

TEST_F(Cases, FusedTransformersHaveMaps) {
  if (!prepare("mha.py")) return;
  for (const std::string& model : models()) expect_own_saliency(model);
}

TEST_F(Cases, WritesIntoSavedTensors) {
  if (!prepare("yolo.py")) return;
  for (const std::string& model : models()) expect_own_saliency(model);
}

TEST_F(Cases, ModelsThatDoNotFitAreRefusedInASentence) {
  if (!prepare("badmodels.py")) return;
  for (const std::string& model : models()) {
    if (model == "Inf.pt") continue;  // never ends, as its author wrote it
    succeeded({"layers", model, "--input", "3,64,64"});
    succeeded({"heatmap", model, "x.npy"});
    succeeded({"loss", model, "atcon", "x.npy", "--gradient"});
  }
}

TEST_F(Cases, HalfPrecisionWorksOrIsNamed) {
  if (!prepare("precision.py")) return;
  const at::Tensor expected = read_npy(folder_ / "ref.npy")[0];
  for (const std::string& model : models()) {
    const at::Tensor map =
        map_of(model, "x.npy", {"--layer", model == "f32.pt" || model == "f64.pt" ? "features.4" : "auto"});
    if (model == "f32.pt" || model == "f64.pt") {
      ASSERT_TRUE(map.defined()) << model << ": " << outcome_.err;
      EXPECT_LE((map - expected).abs().max().item<double>(), 1e-4 * expected.abs().max().item<double>()) << model;
    }
    EXPECT_EQ(outcome_.err.find("expects inputs of shape"), std::string::npos) << model << ": " << outcome_.err;
  }
}

TEST_F(Cases, OneLogitIsYesOrNo) {
  if (!prepare("binary1.py")) return;
  for (const std::string& model : models()) {
    ASSERT_TRUE(succeeded({"heatmap", model, "x.npy", "--json"})) << outcome_.err;
    const Json target = parsed(outcome_.out)["items"][0]["maps"][0]["target"];
    const auto score = target["score"].get<double>();
    EXPECT_NEAR(target["probability"].get<double>(), model == "sigmoid.pt" ? score : 1 / (1 + std::exp(-score)), 1e-5);
  }
}

TEST_F(Cases, DamagedPicturesAreNamed) {
  const fs::path model = shared() / "models" / "squeezenet1_0_imagenet.pt";
  ATTUNE_NEED(model);
  if (!prepare("images.py")) return;
  outcome_ = run({"heatmap", fs::absolute(model).string(), "in", "--output", "out"});
  EXPECT_EQ(outcome_.code, 5) << outcome_.err;
  for (const char* damaged : {"trunc.jpg", "zeroed_middle.jpg", "bitrot.jpg", "trunc_eoi.jpg", "prog_trunc.jpg",
                              "html.jpg", "empty.jpg", "trunc_x.png"}) {
    EXPECT_NE(outcome_.err.find(std::string("attune: in/") + damaged + ": "), std::string::npos) << damaged;
    EXPECT_FALSE(fs::exists(folder_ / "out" / (fs::path(damaged).stem().string() + ".gradcam.png"))) << damaged;
  }
  for (const char* good : {"plain", "prog", "grey", "cmyk_jpg", "f32_255", "f32_1", "i32", "g12in16", "pal", "la"}) {
    const std::string stem = good;
    const bool is_there = fs::exists(folder_ / "out" / (stem + ".gradcam.png")) ||
                          fs::exists(folder_ / "out" / ("in_" + stem + ".gradcam.png"));
    EXPECT_TRUE(is_there) << good;
  }
}

// A handful of the architectures that zoo.py compares with PyTorch: exported, decomposed, traced.
TEST_F(Cases, ArchitecturesOfTodaysPyTorch) {
  if (output_of(python() + " -c 'import numpy, torch; print(torch.export.Dim.DYNAMIC)' 2>/dev/null").empty()) {
    skip("needs a Python with numpy and PyTorch 2.6 or newer (ATTUNE_PYTHON)");
    return;
  }
  const std::string program = ATTUNE_BUILD_DIR "/bin/attune", script = ATTUNE_SOURCE_DIR "/tests/parity/zoo.py";
  const std::string log = (folder_ / "zoo.log").string();
  output_of(python() + " '" + script + "' '" + (folder_ / "zoo").string() + "' --attune '" + program +
            "' --sources export core -- densenet mobilenet_v3 vit_registers maxvit coatnet resmlp r3d ecg >'" + log +
            "' 2>&1");
  EXPECT_NE(read("zoo.log").find("8 architectures, 8 load, 0 faults"), std::string::npos) << read("zoo.log");
}

}  // namespace
}  // namespace attune::test
