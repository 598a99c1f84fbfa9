// What shipped methods say of themselves for docs/methods.md is there, and is so.

#include <algorithm>
#include <set>

#include <attune/sdk/error.h>

#include "methods.h"

namespace attune::test {
namespace {

using Words = std::set<std::string>;

std::vector<Descriptor> shipped_methods() {
  std::vector<Descriptor> all;
  for (const Component& one : own_plugins().components()) {
    if (one.descriptor.kind == ComponentKind::method) all.push_back(one.descriptor);
  }
  return all;
}

Words words(const std::vector<std::string>& list) { return {list.begin(), list.end()}; }

bool wraps(const Descriptor& d) {
  return std::any_of(d.parameters.begin(), d.parameters.end(),
                     [](const ParameterDeclaration& p) { return p.type == ParameterType::method; });
}

// A vision transformer as most are: blocks of attention and of GELU, and a class token that is read.
Module transformer() {
  Module m = vision_transformer();
  Module block("__torch__.Block");
  block.register_attribute("training", c10::BoolType::get(), false);
  block.register_module("attention", attention_block(6, 2, 71));
  block.register_module("act", activation("torch.gelu(x)"));
  block.define("def forward(self, x):\n    x = self.attention.forward(x)\n    return x + self.act.forward(x)\n");
  Module whole("__torch__.Whole");
  whole.register_attribute("training", c10::BoolType::get(), false);
  for (const char* part : {"patches", "tokens", "fc"}) whole.register_module(part, m.attr(part).toModule());
  whole.register_module("block", block);
  whole.define(
      "def forward(self, x):\n"
      "    x = self.block.forward(self.tokens.forward(self.patches.forward(x)))\n"
      "    return self.fc.forward(x[:, 0])\n");
  return whole;
}

// Attention within windows of two by two, which are folded into the batch, and a GELU behind it, as in Swin.
Module windowed() {
  Module m("__torch__.Windowed");
  m.register_attribute("training", c10::BoolType::get(), false);
  m.register_module("stem", module("Stem", "def forward(self, x):\n    return torch.conv2d(x, self.w0, None, [2, 2])\n",
                                   {seeded({6, 3, 2, 2}, 72, 0.4)}));
  m.register_module("windows", attention_block(6, 2, 73));
  m.register_module("act", activation("torch.gelu(x)"));
  m.register_module(
      "fc", module("Linear", "def forward(self, x):\n    return torch.matmul(x, self.w0)\n", {seeded({6, 4}, 74)}));
  m.define(
      "def forward(self, x):\n"
      "    x = self.stem.forward(x).permute([0, 2, 3, 1])\n"
      "    n, h, w, c = x.size(0), x.size(1), x.size(2), x.size(3)\n"
      "    t = x.view([n, h // 2, 2, w // 2, 2, c]).permute([0, 1, 3, 2, 4, 5]).reshape([-1, 4, c])\n"
      "    t = self.windows.forward(t)\n"
      "    t = t.view([n, h // 2, w // 2, 2, 2, c]).permute([0, 1, 3, 2, 4, 5]).reshape([n, h, w, c])\n"
      "    return self.fc.forward(torch.mean(self.act.forward(x + t), [1, 2]))\n");
  return m;
}

// Whether it has a map, or refuses the model in a sentence.
bool has_map(TorchScriptModel& model, const std::string& id) try {
  return map_of(model, seeded({2, 3, 8, 12}, 75), id, {}, 1).isfinite().all().item<bool>();
} catch (const Error&) {
  return false;
}

TEST(Described, EveryMethodHasAFormulaAndSaysWhereItMisleads) {
  const Words known{"features", "gradients", "attention", "biases", "input gradients", "answers", "rules"};
  ASSERT_GT(shipped_methods().size(), 30u);
  for (const Descriptor& d : shipped_methods()) {
    for (const std::string& line : {d.formula, d.misleads}) {
      EXPECT_FALSE(line.empty()) << d.id;
      EXPECT_EQ(line.find('\n'), std::string::npos) << d.id;
      EXPECT_LT(line.size(), 120u) << d.id;
    }
    EXPECT_NE(d.misleads.back(), '.') << d.id;
    for (const std::string& read : d.reads) EXPECT_EQ(known.count(read), 1u) << d.id << " reads " << read;
    EXPECT_EQ(d.reads.empty(), wraps(d) || d.id == "centre" || d.id == "sobel") << d.id;
  }
}

TEST(Described, WorksOnTheModelsThatItNamesAndOnNoOther) {
  TorchScriptModel cnn(small_model()), vit(transformer()), swin(windowed());
  for (const Descriptor& d : shipped_methods()) {
    Words found;
    if (has_map(cnn, d.id)) found.insert("CNN");
    if (has_map(vit, d.id)) found.insert("ViT");
    if (has_map(swin, d.id)) found.insert("Swin");
    EXPECT_EQ(found, words(d.models)) << d.id;
  }
}

TEST(Described, ReadsWhatItAsksOfThePass) {
  TorchScriptModel model(transformer());
  for (const Descriptor& d : shipped_methods()) {
    if (wraps(d)) continue;
    const Needs needs = own_plugins().make_method(d.id, {})->needs(model);
    const Words reads = words(d.reads);
    const auto is_attention = [](const Capture& capture) { return capture.kind == Capture::attention; };
    EXPECT_EQ(std::any_of(needs.captures.begin(), needs.captures.end(), is_attention), reads.count("attention") == 1)
        << d.id;
    EXPECT_EQ(needs.gradients, reads.count("gradients") == 1) << d.id;
    EXPECT_TRUE(reads.count("features") == 0 || !needs.captures.empty()) << d.id;
    EXPECT_EQ(d.backward_passes > 0, reads.count("gradients") + reads.count("input gradients") > 0) << d.id;
  }
}

}  // namespace
}  // namespace attune::test
