#include "models.h"

#include <fstream>
#include <memory>
#include <torch/script.h>
#include <vector>

#include "contexts.h"

namespace attune::test {
namespace {

using torch::jit::Module;

// A model and its layers, which share one compilation unit, each type under a name of its own.
class Builder {
 public:
  // `result` says what becomes of x and, when it has a shape, of self.weight.
  void layer(const std::string& name, const std::string& result, at::IntArrayRef weight = {}) {
    const at::Generator generator = at::detail::createCPUGenerator(seed_++);
    layer(name, result, weight.empty() ? at::Tensor() : 0.3 * at::randn(weight, generator));
  }

  void layer(const std::string& name, const std::string& result, const at::Tensor& weight) {
    Module made = module(name);
    if (weight.defined()) made.register_parameter("weight", weight.clone().set_requires_grad(true), false);
    made.define("def forward(self, x):\n  return " + result + "\n");
    model_.register_module(name, made);
  }

  void convolution(const std::string& name, int64_t in, int64_t out, int64_t stride) {
    const std::string text = std::to_string(stride);
    layer(name, "torch.conv2d(x, self.weight, None, [" + text + ", " + text + "], [1, 1])", {out, in, 3, 3});
  }

  void linear(const std::string& name, int64_t in, int64_t out) {
    layer(name, "torch.matmul(x, torch.t(self.weight))", {out, in});
  }

  void relu(const std::string& name) { layer(name, "torch.relu(x)"); }

  void save(const std::string& forward, const std::filesystem::path& file) {
    save_code("def forward(self, x):\n" + forward, file);
  }

  void save_code(const std::string& code, const std::filesystem::path& file) {
    model_.define(code, contexts());
    model_.save(file.string());
  }

 private:
  Module module(const std::string& name) const {
    Module made(c10::QualifiedName("__torch__.attune_test." + name), unit_);
    made.register_attribute("training", c10::BoolType::get(), false);
    return made;
  }

  const std::shared_ptr<torch::jit::CompilationUnit> unit_ = std::make_shared<torch::jit::CompilationUnit>();
  Module model_ = module("Model");
  uint64_t seed_ = 7;
};

}  // namespace

void save_classifier(const std::filesystem::path& file) {
  Builder model;
  model.convolution("conv1", 3, 6, 4);
  model.relu("relu1");
  model.convolution("conv2", 6, 8, 2);
  model.relu("relu2");
  model.layer("pool", "torch.adaptive_avg_pool2d(x, [1, 1])");
  model.linear("fc", 8, 4);
  model.save(
      "  x = self.relu1.forward(self.conv1.forward(x))\n"
      "  x = self.relu2.forward(self.conv2.forward(x))\n"
      "  return self.fc.forward(torch.flatten(self.pool.forward(x), 1))\n",
      file);
}

void save_guarded(const std::filesystem::path& file) {
  Builder model;
  model.convolution("conv1", 3, 6, 4);
  model.convolution("conv2", 6, 6, 1);
  model.relu("relu");
  model.linear("fc", 6, 4);
  model.save(
      "  with record_function(\"stem\"):\n"
      "    x = self.conv1.forward(x)\n"
      "    with no_grad():\n"
      "      y = self.conv2.forward(x)\n"
      "  return self.fc.forward(torch.mean(self.relu.forward(x + y), [2, 3]))\n",
      file);
}

void save_fixed_size(const std::filesystem::path& file) {
  Builder model;
  model.convolution("conv1", 3, 6, 4);
  model.relu("relu1");
  model.linear("fc", 6 * 8 * 8, 4);
  model.save("  return self.fc.forward(torch.flatten(self.relu1.forward(self.conv1.forward(x)), 1))\n", file);
}

void save_ending(const std::filesystem::path& file, int64_t scores, const std::string& result) {
  Builder model;
  model.convolution("conv1", 3, 6, 4);
  model.relu("relu1");
  model.linear("fc", 6, scores);
  model.save(
      "  y = self.fc.forward(torch.mean(self.relu1.forward(self.conv1.forward(x)), [2, 3]))\n  return " + result + "\n",
      file);
}

void save_windows(const std::filesystem::path& file) {
  Builder model;
  model.convolution("conv1", 3, 6, 4);
  model.layer("window", "torch.relu(torch.matmul(x, torch.t(self.weight)))", {6, 6});
  model.linear("fc", 6, 4);
  model.save(
      "  x = self.conv1.forward(x)\n"
      "  n, h, w = x.size(0), x.size(2), x.size(3)\n"
      "  t = x.view([n, 6, h // 2, 2, w // 2, 2]).permute([0, 2, 4, 3, 5, 1]).reshape([-1, 4, 6])\n"
      "  return self.fc.forward(torch.mean(self.window.forward(t).view([n, -1, 6]), [1]))\n",
      file);
}

void save_steps(const std::filesystem::path& file) {
  Builder model;
  model.convolution("conv1", 3, 6, 4);
  model.layer("steps", "torch.relu(torch.conv1d(x, self.weight, None, [1], [1]))", {16, 6, 3});
  model.linear("fc", 16, 4);
  model.save(
      "  x = self.steps.forward(torch.mean(self.conv1.forward(x), [2]))\n"
      "  return self.fc.forward(torch.mean(x, [2]))\n",
      file);
}

void save_transformer(const std::filesystem::path& file) {
  Builder model;
  model.layer("patches", "torch.conv2d(x, self.weight, None, [8, 8])", {6, 3, 8, 8});
  model.layer("tokens", "torch.cat([self.weight.expand([x.size(0), -1, -1]), x.flatten(2).transpose(1, 2)], 1)",
              {1, 1, 6});
  for (const char* block : {"block1", "block2"}) {
    model.layer(block,
                "x + torch.matmul(torch.softmax(torch.matmul(x, x.transpose(1, 2)) * 0.1, -1), "
                "torch.matmul(x, torch.t(self.weight)))",
                {6, 6});
  }
  model.linear("fc", 6, 4);
  model.save(
      "  x = self.block2.forward(self.block1.forward(self.tokens.forward(self.patches.forward(x))))\n"
      "  return self.fc.forward(x[:, 0])\n",
      file);
}

void save_scaled(const std::filesystem::path& file) {
  Builder model;
  model.convolution("conv1", 3, 4, 4);
  model.relu("relu1");
  model.save_code(
      "def forward(self, x, scale):\n"
      "  y = self.relu1.forward(self.conv1.forward(x) * scale.unsqueeze(2).unsqueeze(3))\n"
      "  return torch.mean(y, [2, 3])\n",
      file);
}

void save_number_taker(const std::filesystem::path& file) {
  Builder model;
  model.convolution("conv1", 3, 4, 4);
  model.save_code("def forward(self, x, size: int):\n  return torch.mean(self.conv1.forward(x), [2, 3]) * size\n",
                  file);
}

void save_mutterer(const std::filesystem::path& file, const std::string& words) {
  Builder model;
  model.convolution("conv1", 3, 4, 4);
  model.save("  print(\"muttered\")\n  assert x.size(2) != 48, \"" + words +
                 "\"\n  return torch.mean(torch.relu(self.conv1.forward(x)), [2, 3])\n",
             file);
}

void save_turning(const std::filesystem::path& file) {
  Builder model;
  model.convolution("conv1", 3, 16, 4);
  model.layer("turn", "torch.transpose(x, 2, 3)");
  model.linear("fc", 16, 4);
  model.save("  return self.fc.forward(torch.mean(self.turn.forward(self.conv1.forward(x)), [2, 3]))\n", file);
}

void save_segmenter(const std::filesystem::path& file) {
  Builder model;
  model.convolution("conv1", 3, 4, 1);
  model.save("  return self.conv1.forward(x)\n", file);
}

void save_unbounded(const std::filesystem::path& file) {
  Builder model;
  model.convolution("conv1", 3, 4, 4);
  model.save(
      "  scores = torch.mean(self.conv1.forward(x), [2, 3])\n"
      "  return scores + torch.log(torch.tensor([1.0, 1.0, 0.0, 1.0]))\n",
      file);
}

void save_insatiable(const std::filesystem::path& file) {
  Builder model;
  model.convolution("conv1", 3, 4, 4);
  model.save(
      "  scores = torch.mean(self.conv1.forward(x), [2, 3])\n"
      "  return scores + torch.zeros([x.size(0), 1 << 48])[:, :4]\n",
      file);
}

void save_signal_classifier(const std::filesystem::path& file) {
  Builder model;
  model.layer("conv1", "torch.conv1d(x, self.weight, None, [2], [1])", {3, 2, 3});
  model.relu("relu1");
  model.save("  return torch.mean(self.relu1.forward(self.conv1.forward(x)), [2])\n", file);
}

void save_clip_classifier(const std::filesystem::path& file) {
  Builder model;
  const std::string convolution = "torch.conv3d(x, self.weight, None, [2, 4, 4], [1, 1, 1])";
  model.layer("conv1", convolution, {3, 3, 3, 3, 3});
  model.relu("relu1");
  model.save("  return torch.mean(self.relu1.forward(self.conv1.forward(x)), [2, 3, 4])\n", file);
}

void save_volume_classifier(const std::filesystem::path& file) {
  Builder model;
  const std::string convolution = "torch.conv3d(x, self.weight, None, [4, 4, 4], [1, 1, 1])";
  model.layer("conv1", convolution, {3, 1, 3, 3, 3});
  model.relu("relu1");
  model.save("  return torch.mean(self.relu1.forward(self.conv1.forward(x)), [2, 3, 4])\n", file);
}

void save_follower(const std::filesystem::path& file, int64_t channels, int64_t rank) {
  Builder model;
  const std::vector<int64_t> axes = {2, 3, 4};
  std::string over;  // "2, 3, 4"
  std::vector<int64_t> shape = {2, channels};
  for (int64_t axis = 0; axis < rank; ++axis) {
    shape.push_back(1);
    over += (over.empty() ? "" : ", ") + std::to_string(axes[static_cast<size_t>(axis)]);
  }
  const std::string convolution = "torch.conv" + std::to_string(rank) + "d(x, self.weight)";
  model.layer("conv1", convolution, at::ones(shape));
  model.save("  return torch.mean(self.conv1.forward(x), [" + over + "])\n", file);
}

void save_lines(const std::filesystem::path& file) {
  Builder model;
  model.convolution("conv1", 3, 4, 4);
  model.layer("lines", "torch.conv1d(x, self.weight)", {3, 4, 1});
  model.save("  return torch.mean(self.lines.forward(torch.mean(self.conv1.forward(x), [2])), [2])\n", file);
}

void save_colours(const std::filesystem::path& file, double threshold, const std::string& result) {
  Builder model;
  model.layer("colours", "x * 1.0");
  model.save("  y = torch.mean(self.colours.forward(x), [2, 3]) - " + std::to_string(threshold) + "\n  return " +
                 result + "\n",
             file);
}

void save_brightness(const std::filesystem::path& file) {
  Builder model;
  model.layer("grey", "torch.conv2d(x, torch.ones_like(self.weight))", {2, 1, 1, 1});
  model.save("  return torch.mean(self.grey.forward(x), [2, 3])\n", file);
}

void save_state_dict(const std::filesystem::path& file) {
  c10::Dict<std::string, at::Tensor> state;
  state.insert("weight", at::ones({2, 2}));
  const std::vector<char> bytes = torch::jit::pickle_save(state);
  std::ofstream(file, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

}  // namespace attune::test
