// Correlations, run on pairs of random maps.

#include <ATen/ATen.h>

#include "conformance/subject.h"
#include "conformance/tensors.h"

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

}  // namespace attune::conformance
