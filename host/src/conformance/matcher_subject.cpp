// Matchers, run on random maps; what they recompute is a smooth function of the input.

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <algorithm>

#include "conformance/small_model.h"
#include "conformance/subject.h"
#include "conformance/values.h"

namespace attune::conformance {
namespace {

const std::vector<std::string> names{"first", "second", "third"};

std::vector<MapInfo> infos(size_t count) {
  std::vector<MapInfo> infos;
  for (size_t i = 0; i < count; ++i) infos.push_back({names[i], i == 1});
  return infos;
}

std::vector<AttentionMap> attention_maps(const Tensors& inputs) {
  std::vector<AttentionMap> maps;
  for (size_t i = 1; i < inputs.size(); ++i) maps.push_back({inputs[i], i == 2});
  return maps;
}

at::Tensor pooled(const at::Tensor& x, at::IntArrayRef extents) {
  if (extents.size() == 1) return at::adaptive_avg_pool1d(x, extents);
  return extents.size() == 2 ? at::adaptive_avg_pool2d(x, extents) : at::adaptive_avg_pool3d(x, extents);
}

class Context final : public MatchContext {
 public:
  Context(const Scene& scene, const Tensors& inputs, Reruns reruns, Watch* watch)
      : scene_(scene), inputs_(inputs), reruns_(std::move(reruns)), watch_(watch), infos_(infos(inputs.size() - 1)) {}

  const at::Tensor& input() const override { return inputs_[0]; }
  const std::vector<MapInfo>& maps() const override { return infos_; }

  AttentionMap recompute(size_t map, const at::Tensor& input) override {
    if (scene_.broken) throw Error(Fault::run, "this context fails on purpose");
    const auto& declared = reruns_.maps;
    if (std::find(declared.begin(), declared.end(), map) == declared.end()) {
      fault = "it recomputes map " + std::to_string(map) + ", which reruns() did not declare";
    } else if (input.dim() != inputs_[0].dim() || input.sizes().slice(0, 2) != inputs_[0].sizes().slice(0, 2)) {
      fault = "it recomputes a map on an input " + shape_of(input) + " of the input " + shape_of(inputs_[0]);
    }
    if (!fault.empty()) throw Failed(fault);
    const double slope = 1 + 0.3 * static_cast<double>(map);
    const at::Tensor values = at::sin(slope * input).mean(1, /*keepdim=*/true);
    const AttentionMap again{pooled(values, inputs_[map + 1].sizes().slice(2)), infos_[map].at_input_resolution};
    if (watch_ != nullptr) watch_->add("the recomputed map " + infos_[map].name, again.values);
    return again;
  }

  void saturated(const at::Tensor& rows) override {
    if (rows.dim() != 1 || rows.size(0) != inputs_[0].size(0) || rows.scalar_type() != at::kBool) {
      fault = "it reports saturated samples as " + shape_of(rows) + "; expected one boolean for every sample";
    }
  }
  void made(const at::Tensor&) override {}
  at::Generator generator() override { return generator_; }
  void show(const std::string&, Shown, const at::Tensor&) override {}

  std::string fault;  // also when the plugin swallowed it

 private:
  const Scene& scene_;
  const Tensors& inputs_;
  Reruns reruns_;
  Watch* watch_;
  std::vector<MapInfo> infos_;
  at::Generator generator_ = at::detail::createCPUGenerator(scene_.generator);
};

class MatcherInstance final : public Instance {
 public:
  MatcherInstance(std::unique_ptr<ResolutionMatcher> matcher, const Given& given)
      : Instance(given), matcher_(std::move(matcher)) {}

  Tensors run(const Scene& scene, const Tensors& inputs, Watch* watch) const override {
    const size_t count = inputs.size() - 1;
    const Reruns reruns = matcher_->reruns(infos(count));
    for (const auto& indices : {reruns.maps, reruns.sources}) {
      for (const size_t map : indices) {
        if (map >= count) throw Failed("reruns() names map " + std::to_string(map) + " of " + std::to_string(count));
      }
    }
    Context context(scene, inputs, reruns, watch);
    const MatchedPairs pairs = matcher_->match(context, attention_maps(inputs));
    if (!context.fault.empty()) throw Failed(context.fault);
    if (pairs.empty()) throw Failed("it gave no pair of maps");
    Tensors results;
    for (const auto& [a, b] : pairs) {
      check_form(a.values, b.values, inputs[0]);
      results.push_back(a.values);
      results.push_back(b.values);
    }
    return results;
  }

 private:
  static void check_form(const at::Tensor& a, const at::Tensor& b, const at::Tensor& input) {
    if (!a.defined() || !b.defined()) throw Failed("it gave a pair with an undefined tensor");
    if (a.sizes() != b.sizes()) {
      throw Failed("it paired maps of the shapes " + shape_of(a) + " and " + shape_of(b) + "; expected equal ones");
    }
    if (a.dim() != input.dim() || a.size(0) != input.size(0) || a.numel() == 0) {
      throw Failed("for maps of an input " + shape_of(input) + " it gave maps " + shape_of(a) +
                   "; expected as many samples and dimensions");
    }
  }

  std::unique_ptr<ResolutionMatcher> matcher_;
};

class MatcherSubject final : public Subject {
 public:
  MatcherSubject(const Catalogue& catalogue, const Component& component) : Subject(catalogue, component) {
    one_size_ = needs_one_size();
  }

  Tensors inputs(const Scene& scene, int64_t samples, uint64_t seed) const override {
    const auto large = small_input(scene.rank, samples);
    auto map = large, small = large;
    map[1] = small[1] = 1;
    for (size_t axis = 2; axis < small.size() && !one_size_; ++axis) small[axis] /= 2;
    return {noise(large, seed).to(scene.dtype), noise(small, seed + 1).to(scene.dtype),
            noise(map, seed + 2).to(scene.dtype), noise(small, seed + 3).to(scene.dtype)};
  }
  std::vector<std::string> input_names() const override { return {"the input", "map 0", "map 1", "map 2"}; }
  std::vector<size_t> maps() const override { return {1, 2, 3}; }
  std::vector<std::string> map_names() const override { return names; }

  std::vector<Mistake> mistakes(uint64_t seed) const override {
    const Scene scene{usual_rank()}, higher{usual_rank() % 3 + 1};
    const Tensors good = inputs(scene, 2, seed), other = inputs(higher, 2, seed);
    std::vector<Mistake> list;
    const auto with = [&](const char* what, const Tensors& inputs, bool broken = false) {
      Scene surroundings = scene;
      surroundings.broken = broken;
      list.push_back({what, [=](const Instance& made) { made.guarded(surroundings, inputs); }});
    };
    with("maps of different ranks", {good[0], good[1], other[2], good[3]});
    with("maps of different channels", {good[0], good[1], good[0], good[3]});
    with("a context that throws an attune::Error", good, true);
    for (const ParameterDeclaration& declared : descriptor().parameters) {
      if (declared.type != ParameterType::map) continue;
      const Given nobody{{declared.name, std::string("nobody")}};
      list.push_back(
          {"a parameter that names no map", [=, this](const Instance&) { make(nobody)->guarded(scene, good); }});
    }
    return list;
  }

 protected:
  std::unique_ptr<Instance> make_given(const Given& given) const override {
    return std::make_unique<MatcherInstance>(catalogue_.make_matcher(descriptor().id, given), given);
  }

 private:
  // Whether maps of different sizes are refused.
  bool needs_one_size() const {
    try {
      const Scene scene{usual_rank()};
      make()->guarded(scene, inputs(scene, 1, 1));
      return false;
    } catch (const Error&) {
      return true;
    } catch (...) {  // for the checks to find
      return false;
    }
  }

  bool one_size_ = false;
};

}  // namespace

std::unique_ptr<Subject> make_matcher_subject(const Catalogue& catalogue, const Component& component) {
  return std::make_unique<MatcherSubject>(catalogue, component);
}

}  // namespace attune::conformance
