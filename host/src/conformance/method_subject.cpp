// Methods, run on small models.

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <algorithm>
#include <map>
#include <mutex>
#include <tuple>

#include <attune/torchscript.h>

#include "conformance/small_model.h"
#include "conformance/subject.h"
#include "conformance/values.h"

namespace attune::conformance {
namespace {

constexpr int64_t small_classes = 4;

// A pass whose randomness the scene chooses, and which tells the watch what it hands out.
class WatchedPass final : public Pass {
 public:
  WatchedPass(Pass& pass, const Scene& scene, Watch* watch) : pass_(pass), scene_(scene), watch_(watch) {}

  const at::Tensor& input() const override { return pass_.input(); }
  const at::Tensor& output() const override { return handed_out("the model's output", pass_.output()); }
  at::Tensor captured(const Capture& capture) override {
    refuse_when_broken();
    const char* const kinds[] = {"activation", "raw activation", "attention"};
    return handed_out("the " + std::string(kinds[capture.kind]) + " of layer \"" + capture.layer + "\"",
                      pass_.captured(capture));
  }
  std::string layer(const std::string& name) override { return pass_.layer(name); }
  at::Tensor bias(const Capture& capture) override { return pass_.bias(capture); }
  bool wants_graph() const override { return scene_.graph; }
  Tensors gradients(const at::Tensor& score, const Tensors& of, Rectifier rectifier) override {
    refuse_when_broken();
    return pass_.gradients(score, of, rectifier);
  }
  at::Tensor resume(const Capture& capture, const at::Tensor& activation) override {
    refuse_when_broken();
    return pass_.resume(capture, activation);
  }
  Model& model() override { return pass_.model(); }
  at::Generator generator() override { return at::detail::createCPUGenerator(scene_.generator); }
  void* extension(const char* id) override {
    refuse_when_broken();
    return pass_.extension(id);
  }

 private:
  const at::Tensor& handed_out(const std::string& name, const at::Tensor& tensor) const {
    if (watch_ != nullptr) watch_->add(name, tensor);
    return tensor;
  }
  void refuse_when_broken() const {
    if (scene_.broken) throw Error(Fault::run, "this pass fails on purpose");
  }

  Pass& pass_;
  const Scene& scene_;
  Watch* watch_;
};

// Whatever goes wrong here is found by a check.
bool reads_attention(const Catalogue& catalogue, const std::string& id) try {
  const auto model = torchscript_model(small_transformer(2, at::kFloat));
  const auto is_attention = [](const Capture& capture) { return capture.kind == Capture::attention; };
  const auto captures = catalogue.make_method(id)->needs(*model).captures;
  return std::any_of(captures.begin(), captures.end(), is_attention);
} catch (...) {
  return false;
}

// The models, made when they are first needed.
class Models {
 public:
  Models(const TrialModel* own, bool attention) : own_(own), attention_(attention) {}

  ImageModel& get(const Scene& scene) {
    const std::lock_guard<std::mutex> lock(mutex_);
    auto& model = models_[{scene.rank, scene.dtype, scene.smooth}];
    if (!model && own_ != nullptr) model = own_->copy(scene.dtype);
    if (!model) model = torchscript_model(small(scene));
    return *model;
  }

 private:
  ScriptedModule small(const Scene& scene) const {
    return attention_ ? small_transformer(scene.rank, scene.dtype) : small_model(scene.rank, scene.dtype, scene.smooth);
  }

  const TrialModel* own_;
  bool attention_;
  std::mutex mutex_;
  std::map<std::tuple<int, at::ScalarType, bool>, std::shared_ptr<ImageModel>> models_;
};

class MethodInstance final : public Instance {
 public:
  MethodInstance(std::unique_ptr<AttentionMethod> method, const Given& given, Descriptor descriptor, Models& models)
      : Instance(given), method_(std::move(method)), descriptor_(std::move(descriptor)), models_(models) {}

  Tensors run(const Scene& scene, const Tensors& inputs, Watch* watch) const override {
    ImageModel& model = models_.get(scene);
    std::vector<Target> targets;
    for (size_t i = 1; i < inputs.size(); ++i) targets.push_back({inputs[i]});
    Needs needs = method_->needs(model);
    needs.gradient_calls *= static_cast<int64_t>(targets.size());
    const auto pass = model.forward(inputs[0], needs, scene.graph);
    WatchedPass watched(*pass, scene, watch);
    const auto maps = method_->attend(watched, targets);
    if (maps.size() != targets.size()) {
      throw Failed("it gave " + std::to_string(maps.size()) + " maps for " + std::to_string(targets.size()) +
                   " targets");
    }
    Tensors values;
    for (const AttentionMap& map : maps) {
      check_form(map, inputs[0]);
      values.push_back(map.values);
    }
    return values;
  }

 private:
  void check_form(const AttentionMap& map, const at::Tensor& input) const {
    if (!map.values.defined()) throw Failed("it gave an undefined tensor as map");
    const auto extents = map.values.sizes().slice(std::min<size_t>(2, map.values.sizes().size()));
    if (map.values.dim() != input.dim() || map.values.size(0) != input.size(0) || map.values.numel() == 0) {
      throw Failed("for an input " + shape_of(input) + " it gave a map " + shape_of(map.values) +
                   "; expected [N,C,S1..Sd] with as many samples and dimensions as the input");
    }
    if (map.at_input_resolution != descriptor_.at_input_resolution) {
      throw Failed("AttentionMap::at_input_resolution and Descriptor::at_input_resolution differ");
    }
    if (map.at_input_resolution && extents != input.sizes().slice(2)) {
      throw Failed("it declares maps at the input's resolution, but for an input " + shape_of(input) +
                   " it gave a map " + shape_of(map.values));
    }
  }

  std::unique_ptr<AttentionMethod> method_;
  Descriptor descriptor_;
  Models& models_;
};

class MethodSubject final : public Subject {
 public:
  MethodSubject(const Catalogue& catalogue, const Component& component, const TrialModel* own)
      : Subject(catalogue, component), own_(own), models_(own, reads_attention(catalogue, component.descriptor.id)) {
    const auto& declared = descriptor().ranks;
    if (own == nullptr || std::count(declared.begin(), declared.end(), own->rank()) > 0) return;
    throw Failed("the model's inputs have " + std::to_string(own->rank()) +
                 " spatial dimensions, which is none of the ranks that the method declares");
  }

  std::vector<int> ranks() const override {
    return own_ == nullptr ? descriptor().ranks : std::vector<int>{own_->rank()};
  }
  bool has_smooth_model() const override { return own_ == nullptr; }

  Tensors inputs(const Scene& scene, int64_t samples, uint64_t seed) const override {
    const auto shape = own_ == nullptr ? small_input(scene.rank, samples) : own_->input(samples);
    const int64_t classes = own_ == nullptr ? small_classes : own_->classes();
    return {noise(shape, seed).to(scene.dtype), at::arange(samples) % classes};
  }
  std::vector<std::string> input_names() const override { return {"the input", "the target's classes"}; }
  std::vector<size_t> maps() const override { return {0}; }

  std::vector<std::pair<std::string, at::Tensor>> weights(const Scene& scene) const override {
    const ImageModel& model = models_.get(scene);
    NamedTensorList weights = model.parameters();
    for (auto& buffer : model.buffers()) weights.push_back(std::move(buffer));
    return weights;
  }

  std::vector<std::string> layers() const override {
    std::vector<std::string> names{"auto"};
    for (const LayerInfo& layer : models_.get(Scene{usual_rank()}).layers()) names.push_back(layer.name);
    return names;
  }

  std::vector<Mistake> mistakes(uint64_t seed) const override {
    Scene broken{usual_rank()};
    broken.broken = true;
    std::vector<Mistake> list;
    const auto with = [&](const char* what, const Scene& surroundings, const Tensors& given) {
      list.push_back({what, [=](const Instance& made) { made.guarded(surroundings, given); }});
    };
    with("a pass that throws an attune::Error", broken, inputs(broken, 2, seed));
    if (own_ != nullptr) return list;
    with("a signal", Scene{1}, inputs(Scene{1}, 2, seed));
    with("a picture", Scene{2}, inputs(Scene{2}, 2, seed));
    with("a clip", Scene{3}, inputs(Scene{3}, 2, seed));
    return list;
  }

 protected:
  std::unique_ptr<Instance> make_given(const Given& given) const override {
    return std::make_unique<MethodInstance>(catalogue_.make_method(descriptor().id, given), given,
                                            catalogue_.descriptor(ComponentKind::method, {descriptor().id, given}),
                                            models_);
  }

 private:
  const TrialModel* own_;
  mutable Models models_;
};

}  // namespace

std::unique_ptr<Subject> make_method_subject(const Catalogue& catalogue, const Component& component,
                                             const TrialModel* own) {
  return std::make_unique<MethodSubject>(catalogue, component, own);
}

}  // namespace attune::conformance
