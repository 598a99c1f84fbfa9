// Correlations: what is run of them, and what their descriptors declare.
#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>

#include "conformance/checks.h"
#include "conformance/subject.h"
#include "conformance/values.h"

namespace attune::conformance {
namespace {

class CorrelationInstance final : public Instance {
 public:
  CorrelationInstance(std::unique_ptr<Correlation> correlation, const Given& given)
      : Instance(given), correlation_(std::move(correlation)) {}

  Tensors run(const Scene&, const Tensors& inputs, Watch*) const override {
    const at::Tensor h = correlation_->correlate({inputs[0], false}, {inputs[1], false});
    if (!h.defined()) throw Failed("it gave an undefined tensor");
    if (h.dim() != 1 || h.size(0) != inputs[0].size(0)) {
      throw Failed("for maps " + shape_of(inputs[0]) + " it gave values " + shape_of(h) +
                   "; expected one for every sample, [" + std::to_string(inputs[0].size(0)) + "]");
    }
    return {h};
  }

 private:
  std::unique_ptr<Correlation> correlation_;
};

// Every map cut to `extent` cells along each spatial axis.
Tensors cut(const Tensors& maps, int64_t extent) {
  Tensors small = maps;
  for (at::Tensor& map : small) {
    for (int64_t axis = 2; axis < map.dim(); ++axis) map = map.narrow(axis, 0, extent);
  }
  return small;
}

class CorrelationSubject final : public Subject {
 public:
  using Subject::Subject;

  Tensors inputs(const Scene& scene, int64_t samples, uint64_t seed) const override {
    std::vector<int64_t> shape{samples, 2, 9};
    if (scene.rank == 2) shape = {samples, 1, 6, 7};
    if (scene.rank == 3) shape = {samples, 2, 3, 4, 5};
    const at::Tensor shared = noise(shape, seed);
    return {(shared + noise(shape, seed + 1)).to(scene.dtype), (shared + noise(shape, seed + 2) + 0.3).to(scene.dtype)};
  }
  std::vector<std::string> input_names() const override { return {"the first map", "the second map"}; }
  std::vector<size_t> maps() const override { return {0, 1}; }

  std::vector<Mistake> mistakes(uint64_t seed) const override {
    std::vector<Mistake> list;
    const auto with = [&](const char* what, const Tensors& maps) {
      list.push_back({what, [=](const Instance& made) { made.guarded({}, maps); }});
    };
    for (int rank = 1; rank <= 3; ++rank) {
      const Tensors maps = inputs(Scene{rank}, 2, seed);
      with("maps of one, two or three dimensions", maps);
      with("maps of one cell", cut(maps, 1));
      with("maps of two cells along every axis", cut(maps, 2));
    }
    return list;
  }

 protected:
  std::unique_ptr<Instance> make_given(const Given& given) const override {
    return std::make_unique<CorrelationInstance>(catalogue_.make_correlation(descriptor().id, given), given);
  }
};

}  // namespace

std::unique_ptr<Subject> make_correlation_subject(const Catalogue& catalogue, const Component& component) {
  return std::make_unique<CorrelationSubject>(catalogue, component);
}

namespace {

constexpr int64_t samples = 4;
constexpr double tolerance = 1e-6;

// h [N] of two maps, in float64.
at::Tensor correlate(const Instance& made, int rank, const at::Tensor& a, const at::Tensor& b) {
  return made.results(Scene{rank}, {a, b})[0];
}

void expect_equal(const Instance& made, int rank, const at::Tensor& found, const at::Tensor& expected,
                  const std::string& what) {
  const double most = (found - expected).abs().max().item<double>();
  if (finite(found) && most <= tolerance * (1 + expected.abs().max().item<double>())) return;
  throw Failed(made.place(Scene{rank}) + ": " + what + ", but they differ by " + text_of(most));
}

// Pairs that reach for the ends of a range.
std::vector<std::pair<at::Tensor, at::Tensor>> telling_pairs(const Tensors& maps) {
  const at::Tensor &a = maps[0], &b = maps[1];
  const at::Tensor peak = at::zeros_like(a);
  peak.flatten(1).select(1, 0).fill_(1);
  return {{a, b},       {a, a},        {a, -a},      {a, -0.5 * a + 3}, {a.abs(), b.abs()}, {-a.abs(), b.abs()},
          {1e4 * a, b}, {1e-4 * a, b}, {peak, a},    {a, peak},         {peak, peak},       {a + 100, b + 100},
          {a, 1e3 * a}, {a.relu(), b}, {a, b.relu()}};
}

}  // namespace

std::string check_range(const Subject& subject, uint64_t seed) {
  const Descriptor& declared = subject.descriptor();
  if (declared.minimum == 0 && declared.maximum == 0) throw Skipped("no range is declared");
  const auto made = subject.make_quick();
  const std::string range = text_of(declared.minimum) + " to " + text_of(declared.maximum);
  for (const int rank : subject.ranks()) {
    for (const auto& [a, b] : telling_pairs(subject.inputs(Scene{rank}, samples, seed))) {
      const at::Tensor h = correlate(*made, rank, a, b);
      for (const double value : {h.min().item<double>(), h.max().item<double>()}) {
        if (value >= declared.minimum - tolerance && value <= declared.maximum + tolerance) continue;
        throw Failed(made->place(Scene{rank}) + ": it gave the value " + text_of(value) + ", but declares " + range);
      }
    }
  }
  return range;
}

std::string check_symmetry(const Subject& subject, uint64_t seed) {
  if (!subject.descriptor().symmetric) throw Skipped("not declared symmetric");
  const auto made = subject.make_quick();
  for (const int rank : subject.ranks()) {
    const Tensors maps = subject.inputs(Scene{rank}, samples, seed);
    expect_equal(*made, rank, correlate(*made, rank, maps[1], maps[0]), correlate(*made, rank, maps[0], maps[1]),
                 "h(a, b) = h(b, a) is declared");
  }
  return "h(a, b) = h(b, a)";
}

std::string check_affine(const Subject& subject, uint64_t seed) {
  if (!subject.descriptor().affine_invariant) throw Skipped("not declared affine invariant");
  const auto made = subject.make_quick();
  for (const int rank : subject.ranks()) {
    const Tensors maps = subject.inputs(Scene{rank}, samples, seed);
    const at::Tensor expected = correlate(*made, rank, maps[0], maps[1]);
    for (const auto& [scale, offset] : {std::pair(2.5, 0.7), std::pair(0.01, -3.0), std::pair(100.0, 0.0)}) {
      expect_equal(*made, rank, correlate(*made, rank, scale * maps[0] + offset, maps[1]), expected,
                   "h(s a + t, b) = h(a, b) is declared for s > 0; s = " + text_of(scale) + ", t = " + text_of(offset));
    }
  }
  return "h(s a + t, b) = h(a, b) for s > 0";
}

std::string check_self(const Subject& subject, uint64_t seed) {
  constexpr int orders = 8;
  const auto made = subject.make_quick();
  at::Generator generator = at::detail::createCPUGenerator(seed);
  for (const int rank : subject.ranks()) {
    const at::Tensor map = subject.inputs(Scene{rank}, samples, seed)[0];
    const at::Tensor itself = correlate(*made, rank, map, map);
    for (int i = 0; i < orders; ++i) {
      const at::Tensor flat = map.flatten(1);
      const at::Tensor order = at::randperm(flat.size(1), generator, at::TensorOptions().dtype(at::kLong));
      const at::Tensor other = flat.index_select(1, order).view_as(map);
      const double excess = (correlate(*made, rank, map, other) - itself).max().item<double>();
      if (excess <= tolerance) continue;
      throw Failed(made->place(Scene{rank}) + ": a map agrees better, by " + text_of(excess) +
                   ", with its own values in another order than with itself; larger values mean more agreement");
    }
  }
  return std::to_string(orders) + " other orders of the same values";
}

}  // namespace attune::conformance
