// What the tests of resolution matchers share: a context, matched maps by id, and the properties of every matcher.
#pragma once

#include <utility>

#include <attune/sdk/matcher.h>

#include "errors.h"
#include "gradients.h"

namespace attune::test {

// Answers from what the test gives, and remembers what it was asked.
class FakeMatchContext final : public MatchContext {
 public:
  using Recompute = std::function<AttentionMap(size_t map, const at::Tensor& input)>;

  FakeMatchContext(std::vector<MapInfo> maps, at::Tensor input = {}, Recompute recompute = nullptr)
      : maps_(std::move(maps)), input_(std::move(input)), recompute_(std::move(recompute)) {}

  const at::Tensor& input() const override { return input_; }
  const std::vector<MapInfo>& maps() const override { return maps_; }
  AttentionMap recompute(size_t map, const at::Tensor& input) override {
    recomputed.push_back(map);
    if (!recompute_) throw std::logic_error("this test recomputes no map");
    return recompute_(map, input);
  }
  void made(const at::Tensor& input) override { inputs.push_back(input); }
  at::Generator generator() override { return generator_; }
  void saturated(const at::Tensor& rows) override { saturations.push_back(rows); }
  void show(const std::string& name, Shown what, const at::Tensor& tensor) override { shown[{name, what}] = tensor; }

  std::vector<size_t> recomputed;  // the maps, in the order of the calls
  Tensors inputs;                  // that were made
  Tensors saturations;
  std::map<std::pair<std::string, Shown>, at::Tensor> shown;

 private:
  std::vector<MapInfo> maps_;
  at::Tensor input_;
  Recompute recompute_;
  at::Generator generator_ = at::detail::createCPUGenerator(9);
};

// Matches maps named m0, m1..., the last of them at the input's resolution.
inline MatchedPairs match(const std::string& id, const Given& given, const Tensors& values) {
  std::vector<MapInfo> infos;
  std::vector<AttentionMap> maps;
  for (size_t i = 0; i < values.size(); ++i) {
    const bool last = i + 1 == values.size();
    infos.push_back({std::string("m").append(std::to_string(i)), last});
    maps.push_back({values[i], last});
  }
  FakeMatchContext context(infos);
  const auto matcher = own_plugins().make_matcher(id, given);
  EXPECT_TRUE(matcher->reruns(infos).maps.empty() && matcher->reruns(infos).sources.empty());
  return matcher->match(context, maps);
}

// A small and a large map of 1 to 3 dimensions, two samples and two channels each.
inline std::vector<Tensors> small_and_large() {
  return {{seeded({2, 2, 3}, 41), seeded({2, 2, 7}, 42)},
          {seeded({2, 2, 3, 2}, 43), seeded({2, 2, 6, 5}, 44)},
          {seeded({2, 2, 2, 3, 2}, 45), seeded({2, 2, 3, 6, 5}, 46)}};
}

inline void expect_matcher_properties(const std::string& id, const Given& given, const std::vector<Tensors>& cases) {
  for (const Tensors& maps : cases) {
    const std::string place = id + ", rank " + std::to_string(maps[0].dim() - 2);
    const MatchedPairs batch = match(id, given, maps);
    ASSERT_EQ(batch.size(), 1U);
    EXPECT_EQ(batch[0].first.values.sizes(), batch[0].second.values.sizes()) << place;
    for (int64_t i = 0; i < maps[0].size(0); ++i) {
      const MatchedPairs one = match(id, given, {maps[0].narrow(0, i, 1), maps[1].narrow(0, i, 1)});
      EXPECT_TRUE(at::allclose(one[0].first.values, batch[0].first.values.narrow(0, i, 1), 1e-12, 1e-14)) << place;
      EXPECT_TRUE(at::allclose(one[0].second.values, batch[0].second.values.narrow(0, i, 1), 1e-12, 1e-14)) << place;
    }
    const Function function = [&](const Tensors& of) {
      const MatchedPairs pairs = match(id, given, of);
      return Tensors{pairs[0].first.values, pairs[0].second.values};
    };
    expect_derivatives_are_finite_differences(function, maps, place);
  }
}

inline void expect_refuses_other_ranks_and_channels(const std::string& id) {
  const std::string channels = message_of(Fault::run, [&] {
    match(id, {}, {seeded({1, 1, 4, 4}, 1), seeded({1, 1, 4, 4}, 2), seeded({1, 3, 4, 4}, 3)});
  });
  for (const char* part : {"\"m0\"", "\"m2\"", "1 and 3 channels", "`channels`"}) {
    EXPECT_TRUE(contains(channels, part)) << channels;
  }
  const std::string ranks = message_of(Fault::run, [&] {
    match(id, {}, {seeded({1, 1, 4}, 1), seeded({1, 1, 4, 4}, 2)});
  });
  EXPECT_TRUE(contains(ranks, "1 and 2 spatial dimensions")) << ranks;
}

}  // namespace attune::test
