#include "models.h"

#include <fstream>
#include <memory>
#include <torch/script.h>
#include <vector>

namespace attune::test {
namespace {

using torch::jit::Module;

// A file's types share one compilation unit, each under a name of its own.
class Builder {
 public:
  Module module(const std::string& path) {
    Module made(c10::QualifiedName("__torch__.attune_test." + path), unit_);
    made.register_attribute("training", c10::BoolType::get(), false);
    return made;
  }

  Module layer(const std::string& path, const std::string& result) {
    Module made = module(path);
    made.define("def forward(self, x):\n  return " + result + "\n");
    return made;
  }

  // `result` says what becomes of x and self.weight.
  Module layer(const std::string& path, const std::string& result, at::IntArrayRef weight) {
    Module made = module(path);
    const at::Generator generator = at::detail::createCPUGenerator(seed_++);
    made.register_parameter("weight", (0.3 * at::randn(weight, generator)).set_requires_grad(true), false);
    made.define("def forward(self, x):\n  return " + result + "\n");
    return made;
  }

  Module convolution(const std::string& path, int64_t in, int64_t out, int64_t stride) {
    const std::string text = std::to_string(stride);
    return layer(path, "torch.conv2d(x, self.weight, None, [" + text + ", " + text + "], [1, 1])", {out, in, 3, 3});
  }

  Module linear(const std::string& path, int64_t in, int64_t out) {
    return layer(path, "torch.matmul(x, torch.t(self.weight))", {out, in});
  }

  Module relu(const std::string& path) { return layer(path, "torch.relu(x)"); }

 private:
  std::shared_ptr<torch::jit::CompilationUnit> unit_ = std::make_shared<torch::jit::CompilationUnit>();
  uint64_t seed_ = 7;
};

void save(Module& model, const std::string& forward, const std::filesystem::path& file) {
  model.define("def forward(self, x):\n" + forward);
  model.save(file.string());
}

}  // namespace

void save_classifier(const std::filesystem::path& file) {
  Builder builder;
  Module model = builder.module("Classifier");
  model.register_module("conv1", builder.convolution("conv1", 3, 6, 4));
  model.register_module("relu1", builder.relu("relu1"));
  model.register_module("conv2", builder.convolution("conv2", 6, 8, 2));
  model.register_module("relu2", builder.relu("relu2"));
  model.register_module("pool", builder.layer("pool", "torch.adaptive_avg_pool2d(x, [1, 1])"));
  model.register_module("fc", builder.linear("fc", 8, 4));
  save(model,
       "  x = self.relu1.forward(self.conv1.forward(x))\n"
       "  x = self.relu2.forward(self.conv2.forward(x))\n"
       "  return self.fc.forward(torch.flatten(self.pool.forward(x), 1))\n",
       file);
}

void save_fixed_size(const std::filesystem::path& file) {
  Builder builder;
  Module model = builder.module("FixedSize");
  model.register_module("conv1", builder.convolution("conv1", 3, 6, 4));
  model.register_module("relu1", builder.relu("relu1"));
  model.register_module("fc", builder.linear("fc", 6 * 8 * 8, 4));
  save(model, "  return self.fc.forward(torch.flatten(self.relu1.forward(self.conv1.forward(x)), 1))\n", file);
}

void save_turning(const std::filesystem::path& file) {
  Builder builder;
  Module model = builder.module("Turning");
  model.register_module("conv1", builder.convolution("conv1", 3, 16, 4));
  model.register_module("turn", builder.layer("turn", "torch.transpose(x, 2, 3)"));
  model.register_module("fc", builder.linear("fc", 16, 4));
  save(model, "  return self.fc.forward(torch.mean(self.turn.forward(self.conv1.forward(x)), [2, 3]))\n", file);
}

void save_segmenter(const std::filesystem::path& file) {
  Builder builder;
  Module model = builder.module("Segmenter");
  model.register_module("conv1", builder.convolution("conv1", 3, 4, 1));
  save(model, "  return self.conv1.forward(x)\n", file);
}

void save_unbounded(const std::filesystem::path& file) {
  Builder builder;
  Module model = builder.module("Unbounded");
  model.register_module("conv1", builder.convolution("conv1", 3, 4, 4));
  save(model,
       "  scores = torch.mean(self.conv1.forward(x), [2, 3])\n"
       "  return scores + torch.log(torch.tensor([1.0, 1.0, 0.0, 1.0]))\n",
       file);
}

void save_insatiable(const std::filesystem::path& file) {
  Builder builder;
  Module model = builder.module("Insatiable");
  model.register_module("conv1", builder.convolution("conv1", 3, 4, 4));
  save(model,
       "  scores = torch.mean(self.conv1.forward(x), [2, 3])\n"
       "  return scores + torch.zeros([x.size(0), 1 << 48])[:, :4]\n",
       file);
}

void save_signal_classifier(const std::filesystem::path& file) {
  Builder builder;
  Module model = builder.module("SignalClassifier");
  model.register_module("conv1", builder.layer("conv1", "torch.conv1d(x, self.weight, None, [2], [1])", {3, 2, 3}));
  model.register_module("relu1", builder.relu("relu1"));
  save(model, "  return torch.mean(self.relu1.forward(self.conv1.forward(x)), [2])\n", file);
}

void save_clip_classifier(const std::filesystem::path& file) {
  Builder builder;
  Module model = builder.module("ClipClassifier");
  const std::string convolution = "torch.conv3d(x, self.weight, None, [2, 4, 4], [1, 1, 1])";
  model.register_module("conv1", builder.layer("conv1", convolution, {3, 3, 3, 3, 3}));
  model.register_module("relu1", builder.relu("relu1"));
  save(model, "  return torch.mean(self.relu1.forward(self.conv1.forward(x)), [2, 3, 4])\n", file);
}

void save_state_dict(const std::filesystem::path& file) {
  c10::Dict<std::string, at::Tensor> state;
  state.insert("weight", at::ones({2, 2}));
  const std::vector<char> bytes = torch::jit::pickle_save(state);
  std::ofstream(file, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

}  // namespace attune::test
