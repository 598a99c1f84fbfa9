// The layer that `auto` stands for is the one that the field would choose, for each kind of network.

#include <gtest/gtest.h>
#include <map>
#include <string>
#include <vector>

#include "models.h"

namespace attune::networks {
namespace {

using test::module;
using test::seeded;
using torch::jit::Module;

struct Part {
  std::string name;
  std::string result;  // of x and self.w0, self.w1... or of the parts within, as self.NAME.forward(x)
  std::vector<std::vector<int64_t>> weights;
  std::vector<Part> parts;
};

Module made_of(const Part& part) {
  static uint64_t seed = 300;
  Module m("__torch__.Part_" + part.name);
  m.register_attribute("training", c10::BoolType::get(), false);
  for (size_t i = 0; i < part.weights.size(); ++i) {
    m.register_parameter("w" + std::to_string(i), seeded(part.weights[i], ++seed, 0.4).requires_grad_(), false);
  }
  for (const Part& inner : part.parts) m.register_module(inner.name, made_of(inner));
  const bool is_body = part.result.find('\n') != std::string::npos;
  m.define("def forward(self, x):\n" + (is_body ? part.result : "    return " + part.result + "\n"));
  return m;
}

std::string automatic(const std::vector<Part>& parts, const std::string& forward, at::IntArrayRef input) {
  TorchScriptModel model(made_of({"Model", forward, {}, parts}));
  return model.auto_layer(seeded(input, 299));
}

Part linear(const std::string& name, int64_t in, int64_t out) {
  return {name, "torch.matmul(x, self.w0)", {{in, out}}, {}};
}
const Part patches{"patches", "torch.conv2d(x, self.w0, None, [2, 2]).flatten(2).transpose(1, 2)", {{6, 3, 2, 2}}, {}};
Part norm(const std::string& name) { return {name, "torch.layer_norm(x, [6], None, None, 1e-5)", {}, {}}; }

// Four tokens in front of the patches: a class token and registers.
const Part tokens{"tokens", "torch.cat([self.w0.expand([x.size(0), -1, -1]), x], 1)", {{1, 4, 6}}, {}};

const Part attention{"attn",
                     "    y = self.qkv.forward(x).reshape([x.size(0), x.size(1), 3, 2, 3]).permute([2, 0, 3, 1, 4])\n"
                     "    shares = torch.softmax(torch.matmul(y[0], y[1].transpose(-2, -1)), -1)\n"
                     "    return self.proj.forward(torch.matmul(shares, y[2]).transpose(1, 2).flatten(2))\n",
                     {},
                     {linear("qkv", 6, 18), linear("proj", 6, 6)}};

Part block(const std::string& name) {
  return {name,
          "    x = x + self.attn.forward(self.norm1.forward(x))\n"
          "    return x + self.mlp.forward(self.norm2.forward(x))\n",
          {},
          {norm("norm1"), attention, norm("norm2"), linear("mlp", 6, 6)}};
}

// Attention in the block's own forward.
Part flat_block(const std::string& name) {
  return {name,
          "    y = self.norm1.forward(x)\n"
          "    shares = torch.softmax(torch.matmul(self.q.forward(y), self.k.forward(y).transpose(-2, -1)), -1)\n"
          "    return x + torch.matmul(shares, self.v.forward(y))\n",
          {},
          {norm("norm1"), linear("q", 6, 6), linear("k", 6, 6), linear("v", 6, 6)}};
}

std::string transformer(const std::vector<Part>& blocks, bool with_tokens, const std::string& read) {
  std::vector<Part> parts{patches, tokens, norm("norm"), linear("head", 6, 4)};
  std::string forward = "    x = self.patches.forward(x)\n";
  if (with_tokens) forward += "    x = self.tokens.forward(x)\n";
  for (const Part& one : blocks) {
    parts.push_back(one);
    forward += "    x = self." + one.name + ".forward(x)\n";
  }
  return automatic(parts, forward + "    x = self.norm.forward(x)\n    return self.head.forward(" + read + ")\n",
                   {2, 3, 8, 12});
}

TEST(AutomaticLayer, OfATransformerThatReadsItsClassTokenIsTheLastBlocksFirstNorm) {
  EXPECT_EQ(transformer({block("block1"), block("block2")}, true, "x[:, 0]"), "block2.norm1");
}

TEST(AutomaticLayer, QueriesKeysAndValuesAreNoMapWhereverTheyAreMade) {
  EXPECT_EQ(transformer({flat_block("block1"), flat_block("block2")}, true, "x[:, 0]"), "block1");
}

TEST(AutomaticLayer, OfATransformerThatReadsItsPatchesIsItsLastNorm) {
  EXPECT_EQ(transformer({block("block1")}, true, "torch.mean(x[:, 4:], [1])"), "norm");
  EXPECT_EQ(transformer({block("block1")}, false, "torch.mean(x, [1])"), "norm");
}

TEST(AutomaticLayer, PartsOfAttentionAreTakenWhereThereIsNothingElse) {
  const Part all{"all",
                 "    y = self.values.forward(x.flatten(2).transpose(1, 2))\n"
                 "    return torch.matmul(torch.softmax(torch.matmul(y, y.transpose(-2, -1)), -1), y)[:, 0]\n",
                 {},
                 {linear("values", 3, 4)}};
  EXPECT_EQ(automatic({all}, "self.all.forward(x)", {2, 3, 8, 12}), "all.values");
}

TEST(AutomaticLayer, OfAPoolByAttentionIsWhatItPools) {
  const Part pool{"pool",
                  "    shares = torch.softmax(torch.matmul(self.w0, self.key.forward(x).transpose(-2, -1)), -1)\n"
                  "    return torch.matmul(shares, self.value.forward(x))[:, 0]\n",
                  {{1, 6}},
                  {linear("key", 6, 6), linear("value", 6, 6)}};
  EXPECT_EQ(
      automatic({patches, norm("norm"), pool, linear("head", 6, 4)},
                "self.head.forward(self.pool.forward(self.norm.forward(self.patches.forward(x))))", {2, 3, 8, 12}),
      "norm");
}

// A PoolFormer's norm pools nothing.
TEST(AutomaticLayer, PoolsAreKnownByWhatTheirTypeEndsWith) {
  const std::map<std::string, std::string> expected{{"PoolFormerNorm", "PoolFormerNorm"}, {"BlurPool2d", "conv"}};
  for (const auto& [last, layer] : expected) {
    EXPECT_EQ(
        automatic(
            {{"conv", "torch.conv2d(x, self.w0)", {{5, 3, 1, 1}}, {}}, {last, "x * 2.0", {}, {}}, linear("head", 5, 4)},
            "self.head.forward(torch.mean(self." + last + ".forward(self.conv.forward(x)), [2, 3]))", {2, 3, 8, 12}),
        layer);
  }
}

}  // namespace
}  // namespace attune::networks
