// Attention by hand, on test::vision_transformer(), and the properties that every method has which reads it.
#pragma once

#include <ATen/ATen.h>
#include <string>
#include <utility>
#include <vector>

#include "methods.h"

namespace attune::test {

inline at::Tensor weight_of(const Module& module, const char* layer) {
  return module.attr(layer).toModule().attr("w0").toTensor().detach();
}

// What a block makes of one sample's tokens.
struct Followed {
  at::Tensor shares;  // [H,T,T]; gradients may be asked for
  at::Tensor tokens;  // [T,C], behind the block
};

// One sample's tokens [T,C] through attention in `heads` heads, head by head.
inline Followed follow_block(const at::Tensor& tokens, const at::Tensor& weight, int64_t heads) {
  const auto qkv = at::matmul(tokens, weight).chunk(3, 1);
  const auto part = [&](const at::Tensor& x, int64_t head) { return x.chunk(heads, 1)[static_cast<size_t>(head)]; };
  std::vector<at::Tensor> shares, mixed;
  for (int64_t head = 0; head < heads; ++head) {
    shares.push_back(at::matmul(part(qkv[0], head), part(qkv[1], head).t()).softmax(-1));
  }
  at::Tensor all = at::stack(shares);
  if (!all.requires_grad()) all.requires_grad_();
  for (int64_t head = 0; head < heads; ++head) mixed.push_back(at::matmul(all[head], part(qkv[2], head)));
  return {all, tokens + at::cat(mixed, 1)};
}

// Both blocks of test::vision_transformer(), with a graph from one to the next.
inline std::vector<Followed> follow_blocks(const Module& module, const at::Tensor& tokens) {
  const at::AutoGradMode mode(true);
  const Followed first = follow_block(tokens, weight_of(module, "block1"), 2);
  return {first, follow_block(first.tokens, weight_of(module, "block2"), 3)};
}

// The score of one class for one sample.
inline at::Tensor score_of(const Module& module, const at::Tensor& tokens, bool class_token, int64_t target) {
  const at::AutoGradMode mode(true);
  return at::matmul(class_token ? tokens[0] : tokens.mean(0), weight_of(module, "fc"))[target];
}

// [T,C] of one sample.
inline at::Tensor tokens_of(const Module& module, const at::Tensor& x, bool class_token) {
  const at::Tensor patches = at::conv2d(x, weight_of(module, "patches"), {}, 2).flatten(2).transpose(1, 2)[0];
  const at::Tensor own = weight_of(module, "tokens")[0];
  return class_token ? at::cat({own, patches}) : patches + own;
}

// An input of 3 channels for transformers of 1 to 3 dimensions.
inline at::Tensor transformer_input(int64_t rank, int64_t samples, uint64_t seed) {
  std::vector<int64_t> shape{samples, 3};
  for (int64_t i = 0; i < rank; ++i) shape.push_back(4 + 2 * i);
  return seeded(shape, seed);
}

inline void expect_batch_equals_samples_of_transformers(const std::string& id, const Given& given = {}) {
  for (int64_t rank = 1; rank <= 3; ++rank) {
    expect_batch_equals_samples(vision_transformer(rank), transformer_input(rank, 3, 26), id, given);
  }
}

inline void expect_gradients_of_transformers(const std::string& id, const Given& given = {}, size_t unused = 0) {
  for (int64_t rank = 1; rank <= 3; ++rank) {
    expect_gradients_are_finite_differences(vision_transformer(rank), transformer_input(rank, 2, 27), id, given,
                                            unused);
  }
}

}  // namespace attune::test
