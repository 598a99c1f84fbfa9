#include "conformance/subject.h"

#include <ATen/ATen.h>
#include <algorithm>
#include <utility>

#include <attune/sdk/error.h>

#include "conformance/values.h"

namespace attune::conformance {

TrialModel::TrialModel(const ImageModel& model, std::vector<int64_t> input) : model_(model), input_(std::move(input)) {
  classes_ = classes_in(at::kFloat);
  try {
    classes_in(at::kDouble);
  } catch (const Error& error) {
    throw Error(error.fault(), std::string("the checks take gradients and differences in float64, where ") +
                                   error.what() + "; export the model by torch.jit.script, or trace it in float64");
  }
}

std::vector<int64_t> TrialModel::input(int64_t samples) const {
  std::vector<int64_t> shape = input_;
  shape.insert(shape.begin(), samples);
  return shape;
}

// How many scores the model gives. It is run alone and on three: the checks do both.
int64_t TrialModel::classes_in(at::ScalarType type) const {
  const auto model = copy(type);
  const auto scores = [&](int64_t samples) {
    return model->forward(noise(input(samples), 1).to(type), {}, false)->output();
  };
  scores(3);
  return scores(1).size(1);
}

std::string to_string(const Scene& scene) {
  std::string text = "rank " + std::to_string(scene.rank) + (scene.dtype == at::kDouble ? ", float64" : ", float32");
  if (scene.smooth) text += ", smooth model";
  return text;
}

std::string to_string(const Given& given) {
  std::string text;
  for (const auto& [name, value] : given) {
    text += (text.empty() ? "" : ", ") + name + "=" + attune::to_string(value);
  }
  return text;
}

bool nests_methods(const Descriptor& descriptor) {
  return std::any_of(descriptor.parameters.begin(), descriptor.parameters.end(),
                     [](const ParameterDeclaration& one) { return one.type == ParameterType::method; });
}

void Watch::add(const std::string& name, const at::Tensor& tensor) {
  tensors_.push_back({name, tensor, tensor.detach().clone()});
}

std::string Watch::changed() const {
  for (const Watched& watched : tensors_) {
    if (!same(watched.tensor.detach(), watched.before)) return watched.name;
  }
  return "";
}

Instance::Instance(const Given& given) : parameters_(to_string(given)) {}

std::string Instance::place(const Scene& scene) const {
  return to_string(scene) + (parameters_.empty() ? "" : ", " + parameters_);
}

Tensors Instance::guarded(const Scene& scene, const Tensors& inputs) const {
  const at::AutoGradMode mode(true);
  return run(scene, inputs);
}

Tensors Instance::results(const Scene& scene, const Tensors& inputs) const {
  return attempt(place(scene), [&] { return guarded(scene, copies(inputs)); });
}

std::optional<Tensors> Instance::unless_refused(const std::string& place, const Scene& scene,
                                                const Tensors& inputs) const {
  return attempt(place, [&]() -> std::optional<Tensors> {
    try {
      return guarded(scene, inputs);
    } catch (const Error&) {
      return std::nullopt;
    }
  });
}

int Subject::usual_rank() const {
  const auto all = ranks();
  return std::count(all.begin(), all.end(), 2) ? 2 : all.front();
}

std::unique_ptr<Instance> Subject::make(Given given) const {
  for (const ParameterDeclaration& declared : descriptor().parameters) {
    const auto* text = std::get_if<std::string>(&declared.default_value);
    if (declared.type == ParameterType::map && text->empty()) given.emplace(declared.name, map_names().front());
    const auto* method = std::get_if<ComponentSpec>(&declared.default_value);
    const auto nested = methods();
    if (method != nullptr && method->id.empty() && !nested.empty()) {
      given.emplace(declared.name, ComponentSpec{nested.front(), {}});
    }
  }
  return make_given(given);
}

std::vector<std::string> Subject::methods() const {
  std::vector<std::string> ids = catalogue_.ids(ComponentKind::method);
  const auto nests = [&](const std::string& id) { return nests_methods(catalogue_.find(id)->descriptor); };
  ids.erase(std::remove_if(ids.begin(), ids.end(), nests), ids.end());
  return ids;
}

std::unique_ptr<Instance> Subject::make_quick() const {
  constexpr int64_t few = 16;
  Given quick;
  for (const ParameterDeclaration& declared : descriptor().parameters) {
    const auto* whole = std::get_if<int64_t>(&declared.default_value);
    if (whole == nullptr || *whole <= few) continue;
    quick[declared.name] = std::min(*whole, std::max(few, static_cast<int64_t>(declared.minimum.value_or(few))));
  }
  try {
    if (!quick.empty()) return make(quick);
  } catch (const Error&) {  // not every number suits it
  }
  return attempt("made from its defaults", [&] { return make(); });
}

std::vector<std::pair<std::string, at::Tensor>> Subject::weights(const Scene&) const { return {}; }

std::unique_ptr<Subject> make_subject(const Catalogue& catalogue, const Component& component, const TrialModel* own) {
  switch (component.descriptor.kind) {
    case ComponentKind::method:
      return make_method_subject(catalogue, component, own);
    case ComponentKind::matcher:
      return make_matcher_subject(catalogue, component);
    default:
      return make_correlation_subject(catalogue, component);
  }
}

}  // namespace attune::conformance
