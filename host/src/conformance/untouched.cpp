// What a component must leave as it found it.

#include <ATen/ATen.h>
#include <ATen/CPUGeneratorImpl.h>
#include <ATen/Parallel.h>
#include <c10/core/DefaultDtype.h>

#include "conformance/checks.h"
#include "conformance/tensors.h"

namespace attune::conformance {
namespace {

// What is known of a tensor that must not change.
struct Known {
  std::string name;
  at::Tensor tensor;
  at::Tensor values;
  bool requires_grad;
};

Known known(const std::string& name, const at::Tensor& tensor) {
  return {name, tensor, tensor.detach().clone(), tensor.requires_grad()};
}

std::string change_of(const Known& known) {
  if (!same(known.tensor.detach(), known.values)) return "changes the values of " + known.name;
  if (known.tensor.requires_grad() != known.requires_grad) return "changes requires_grad of " + known.name;
  if (known.tensor.is_leaf() && known.tensor.grad().defined()) return "leaves a .grad in " + known.name;
  return "";
}

// Settings of the thread and the process.
struct Settings {
  bool gradients = at::GradMode::is_enabled();
  int threads = at::get_num_threads();
  caffe2::TypeMeta type = c10::get_default_dtype();
  at::Tensor random = at::globalContext().defaultGenerator(at::kCPU).get_state();
};

std::string change_of(const Settings& before) {
  const Settings now;
  if (now.gradients != before.gradients) {
    return std::string("leaves gradients ") + (now.gradients ? "enabled" : "disabled") +
           "; use at::NoGradGuard or at::AutoGradMode, which restore the mode";
  }
  if (now.threads != before.threads) return "changes the number of threads";
  if (now.type != before.type) return "changes the default floating type";
  if (!same(now.random, before.random)) {
    return "draws from LibTorch's global generator; use Pass::generator()";
  }
  return "";
}

std::string change_of(const std::vector<Known>& tensors, const Watch& watch, const Settings& settings) {
  for (const Known& one : tensors) {
    std::string change = change_of(one);
    if (!change.empty()) return change;
  }
  if (!watch.changed().empty()) return "changes " + watch.changed() + ", which other maps use too";
  return change_of(settings);
}

void expect_untouched(const Subject& subject, const Instance& made, const Scene& scene, bool gradients, uint64_t seed) {
  Tensors inputs = subject.inputs(scene, 2, seed);
  std::vector<Known> tensors;
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (scene.graph && inputs[i].is_floating_point()) inputs[i].requires_grad_();
    tensors.push_back(known(subject.input_names()[i], inputs[i]));
  }
  for (const auto& [name, weight] : subject.weights(scene)) tensors.push_back(known("the model's " + name, weight));
  Watch watch;
  std::string change;
  {
    const at::AutoGradMode mode(gradients);
    const Settings settings;
    attempt(made.place(scene), [&] { return made.run(scene, inputs, &watch); });
    change = change_of(tensors, watch, settings);
  }
  if (!change.empty()) {
    throw Failed(made.place(scene) + (scene.graph ? ", with a graph" : ", without a graph") + ": it " + change);
  }
}

}  // namespace

std::string check_untouched(const Subject& subject, uint64_t seed) {
  const auto made = subject.make_quick();
  for (const int rank : subject.ranks()) {
    Scene scene{rank, at::kFloat};
    expect_untouched(subject, *made, scene, true, seed);
    // The host asks methods with gradients enabled only.
    if (subject.descriptor().kind != ComponentKind::method) expect_untouched(subject, *made, scene, false, seed);
    scene.graph = true;
    expect_untouched(subject, *made, scene, true, seed);
  }
  return "inputs, model, gradient mode, random state and number of threads";
}

}  // namespace attune::conformance
