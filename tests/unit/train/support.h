// Small models, pictures and configs for the tests of training.
#pragma once

#include <ATen/ATen.h>
#include <filesystem>
#include <fstream>
#include <string>
#include <torch/csrc/jit/api/module.h>
#include <vector>

#include "config/train_config.h"
#include "errors.h"
#include "folder.h"
#include "image/image.h"
#include "methods.h"

namespace attune::test {

namespace fs = std::filesystem;

// A layer of the model below.
inline torch::jit::Module layer_of(const std::string& name, const std::string& result,
                                   const std::vector<std::pair<std::string, at::Tensor>>& parameters = {}) {
  torch::jit::Module layer("__torch__." + name);
  layer.register_attribute("training", c10::BoolType::get(), false);
  for (const auto& [key, value] : parameters) layer.register_parameter(key, value.clone().requires_grad_(), false);
  if (name == "Norm") {
    layer.register_buffer("running_mean", seeded({5}, 23) * 0.2);
    layer.register_buffer("running_var", seeded({5}, 24).abs() + 0.5);
  }
  layer.define("def forward(self, x):\n    return " + result + "\n");
  return layer;
}

// conv1 - norm - act1 - conv2 - act2 - mean - drop - fc: pictures [N,C,H,W] to 4 scores, in double precision and
// smooth.
inline torch::jit::Module dropping_model(int64_t channels = 3) {
  torch::jit::Module m("__torch__.Dropping");
  m.register_attribute("training", c10::BoolType::get(), false);
  m.register_module("conv1", layer_of("Conv1", "torch.conv2d(x, self.weight, None, [2, 2], [1, 1])",
                                      {{"weight", seeded({5, channels, 3, 3}, 1, 0.4)}}));
  m.register_module("norm", layer_of("Norm",
                                     "torch.batch_norm(x, self.weight, self.bias, self.running_mean, "
                                     "self.running_var, self.training, 0.1, 1e-5, False)",
                                     {{"weight", seeded({5}, 21) * 0.3 + 1}, {"bias", seeded({5}, 22) * 0.3}}));
  m.register_module("act1", layer_of("Act1", "torch.softplus(x)"));
  m.register_module("conv2", layer_of("Conv2", "torch.conv2d(x, self.weight, None, [1, 1], [1, 1])",
                                      {{"weight", seeded({6, 5, 3, 3}, 2, 0.4)}}));
  m.register_module("act2", layer_of("Act2", "torch.softplus(x)"));
  m.register_module("drop", layer_of("Drop", "torch.dropout(x, 0.25, self.training)"));
  m.register_module("fc", layer_of("Fc", "torch.addmm(self.bias, x, torch.t(self.weight))",
                                   {{"weight", seeded({4, 6}, 3)}, {"bias", seeded({4}, 4)}}));
  m.define(
      "def forward(self, x):\n"
      "    x = self.act1.forward(self.norm.forward(self.conv1.forward(x)))\n"
      "    x = self.act2.forward(self.conv2.forward(x))\n"
      "    return self.fc.forward(self.drop.forward(torch.mean(x, [2, 3]) ** 2))\n");
  return m;
}

// Takes a layer's parameters out of training, as people do who train the last layers only.
inline void freeze_layer(const torch::jit::Module& module, const std::string& layer) {
  for (const at::Tensor& parameter : module.attr(layer).toModule().parameters()) parameter.set_requires_grad(false);
}

// The same in single precision, as a file.
inline void save_model(const fs::path& file, const std::vector<std::string>& frozen = {}, int64_t channels = 3) {
  torch::jit::Module module = dropping_model(channels);
  module.to(at::kFloat);
  for (const std::string& layer : frozen) freeze_layer(module, layer);
  module.save(file.string());
}

// A term whose second derivatives are smooth.
inline std::string smooth_spec() {
  return R"({"version": 1, "maps": {"cam": {"use": "gradcam", "layer": "act1"},
    "sal": {"use": "saliency", "channels": "norm"}},
    "terms": [{"maps": ["cam", "sal"], "match": {"use": "mask", "source": "sal", "scale": "std"}, "compare": "pearson"}]})";
}

// <root>/<split>/<class>/<n>.png: stripes whose direction and colour are the class.
inline void write_stripes(const fs::path& root, const std::string& split, int per_class, uint64_t seed) {
  const std::vector<std::string> classes = {"across", "down", "plain"};
  for (size_t k = 0; k < classes.size(); ++k) {
    const fs::path folder = root / split / classes[k];
    fs::create_directories(folder);
    for (int i = 0; i < per_class; ++i) {
      const at::Tensor noise = seeded({20, 20, 3}, seed + 100 * k + static_cast<uint64_t>(i), 25);
      const at::Tensor line = at::arange(20, at::kDouble).mul(0.9).sin().mul(60);
      const at::Tensor stripes = k == 0   ? line.view({20, 1, 1}).expand({20, 20, 3})
                                 : k == 1 ? line.view({1, 20, 1}).expand({20, 20, 3})
                                          : at::zeros({20, 20, 3}, at::kDouble);
      write_png(folder / (std::to_string(i) + ".png"),
                (stripes + noise + 128).clamp(0, 255).to(at::kByte).contiguous());
    }
  }
}

// model.pt, data/ and spec.json.
inline void write_training_files(const fs::path& folder) {
  save_model(folder / "model.pt");
  write_stripes(folder / "data", "train", 4, 1);
  write_stripes(folder / "data", "val", 3, 1000);
  std::ofstream(folder / "spec.json") << smooth_spec();
}

// A config for those files; `stages` and `more` are JSON.
inline std::string training_config(const std::string& stages, const std::string& output = "run",
                                   const std::string& more = "") {
  return R"({"version": 1, "model": "model.pt", "head": {"layer": "fc"},
      "data": {"format": "class_folders", "root": "data", "train": "train", "validate": "val"},
      "input": {"size": [16, 16]}, "augment": [{"use": "flip", "vertical": 0.5}, {"use": "rotate", "degrees": 10}],
      "evaluate": {"bootstrap": 0}, "select": "loss", "output": ")" +
         output + "\"" + more + R"(, "stages": [)" + stages + "]}";
}

// Those files in a folder of the test's own.
class TrainingFolder {
 public:
  TrainingFolder() { write_training_files(folder.path()); }

  TrainConfig config(const std::string& stages, const std::string& output = "run", const std::string& more = "") const {
    const auto no_spec = [](const std::string& name) -> fs::path { return name; };
    return parse_train_config(training_config(stages, output, more), "config.json", folder.path(),
                              {own_plugins(), no_spec});
  }

  const TemporaryFolder folder;
};

inline const std::string supervised_stage =
    R"({"strategy": "supervised", "epochs": 3, "batch": 5, "optimizer": {"use": "adam", "lr": 0.01}})";
inline const std::string finetune_stage =
    R"({"strategy": "finetune", "spec": "spec.json", "epochs": 2, "batch": 5, "optimizer": {"use": "adam", "lr": 0.01}})";
inline const std::string combined_stage =
    R"({"strategy": "combined", "spec": "spec.json", "alpha": 0.5, "epochs": 2, "batch": 5, "clip": 1,
        "optimizer": {"use": "sgd", "lr": 0.05, "momentum": 0.9}, "schedule": "cosine"})";
inline const std::string alternated_stage =
    R"({"strategy": "alternated", "spec": "spec.json", "steps": 4, "batch": 5, "optimizer": {"use": "adamw", "lr": 0.01},
        "consistency_optimizer": {"use": "adam", "lr": 0.001}})";

inline const std::string simclr_stage =
    R"({"strategy": "simclr", "epochs": 2, "batch": 5, "optimizer": {"use": "adam", "lr": 0.01},
        "projection": {"size": 6}, "augment": [{"use": "flip", "horizontal": 0.5}, {"use": "crop", "share": 0.8}]})";
inline const std::string fixmatch_stage =
    R"({"strategy": "fixmatch", "epochs": 2, "batch": 5, "ratio": 2, "threshold": 0.4, "alpha": 0.5,
        "optimizer": {"use": "adam", "lr": 0.01}, "data": {"format": "class_folders", "root": "data", "train": "val"},
        "strong": [{"use": "jitter", "brightness": 0.5}, {"use": "rotate", "degrees": 30}]})";

}  // namespace attune::test
