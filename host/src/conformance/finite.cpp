// Odd inputs: results and gradients stay finite.

#include <ATen/ATen.h>
#include <torch/csrc/autograd/autograd.h>

#include "conformance/checks.h"
#include "conformance/values.h"

namespace attune::conformance {
namespace {

constexpr int64_t finite_samples = 3;
constexpr int64_t odd_row = 1;

struct OddValue {
  std::string name;
  bool constant;
  at::Tensor (*make)(const at::Tensor& like);  // from ordinary values
};

at::Tensor one_cell(const at::Tensor& like) {
  const at::Tensor map = at::zeros_like(like);
  map.flatten(1).select(1, 0).fill_(1);
  return map;
}

const std::vector<OddValue>& odd_values() {
  static const std::vector<OddValue> values{
      {"zero", true, [](const at::Tensor& like) { return at::zeros_like(like); }},
      {"one everywhere", true, [](const at::Tensor& like) { return at::ones_like(like); }},
      {"-2 everywhere", true, [](const at::Tensor& like) { return at::full_like(like, -2); }},
      {"one plus 1e-5 times noise", false, [](const at::Tensor& like) { return 1 + 1e-5 * like; }},
      {"1e4 times noise", false, [](const at::Tensor& like) { return 1e4 * like; }},
      {"1e-20 times noise", false, [](const at::Tensor& like) { return 1e-20 * like; }},
      {"negative everywhere", false, [](const at::Tensor& like) { return -0.1 - like.abs(); }},
      {"zero but for one cell", false, one_cell},
  };
  return values;
}

// The rows whose results must be finite. The host compares no constant maps; what stands next to one must not suffer.
at::Tensor judged(const at::Tensor& tensor, bool others_only) {
  if (!others_only) return tensor;
  return at::cat({tensor.narrow(0, 0, odd_row), tensor.narrow(0, odd_row + 1, finite_samples - odd_row - 1)});
}

struct Case {
  const Subject& subject;
  const Instance& made;
  Scene scene;
  std::string what;  // "the input is zero in one sample of three"
  bool others_only;  // judge the other samples
};

void expect_finite(const Case& one, const at::Tensor& tensor, const std::string& name, bool by_sample = true) {
  if (finite(by_sample ? judged(tensor, one.others_only) : tensor)) return;
  throw Failed(one.made.place(one.scene) + ": " + name + " is not finite (NaN or infinity) where " + one.what +
               "; mind 0 / 0 and squares of tiny or huge values");
}

void run(const Case& one, const Tensors& inputs) {
  const bool graph = one.subject.descriptor().differentiable;
  Tensors of;
  std::vector<std::string> names;
  for (const size_t map : one.subject.maps()) {
    of.push_back(graph ? inputs[map].requires_grad_() : inputs[map]);
    names.push_back(one.subject.input_names()[map]);
  }
  const auto results = one.made.unless_refused(one.made.place(one.scene) + ", where " + one.what, one.scene, inputs);
  if (!results) return;
  at::Tensor sum = at::zeros({}, inputs[0].options().requires_grad(false));
  for (const at::Tensor& result : *results) {
    expect_finite(one, result, "the result");
    sum = sum + judged(result, one.others_only).sum();
  }
  if (!graph || !sum.requires_grad()) return;
  const size_t maps = of.size();
  for (const auto& [name, weight] : one.subject.weights(one.scene)) {
    if (!weight.requires_grad()) continue;
    of.push_back(weight);
    names.push_back(name);
  }
  const Tensors gradients = torch::autograd::grad({sum}, of, {}, false, false, /*allow_unused=*/true);
  for (size_t i = 0; i < gradients.size(); ++i) {
    if (gradients[i].defined()) expect_finite(one, gradients[i], "the gradient of " + names[i], i < maps);
  }
}

// Each map alone, then all of them.
std::vector<std::vector<size_t>> choices(const Subject& subject) {
  std::vector<std::vector<size_t>> choices;
  for (const size_t map : subject.maps()) choices.push_back({map});
  if (choices.size() > 1) choices.push_back(subject.maps());
  return choices;
}

Tensors odd_inputs(const Subject& subject, const Scene& scene, const OddValue& odd, const std::vector<size_t>& maps,
                   bool everywhere, uint64_t seed) {
  Tensors inputs = subject.inputs(scene, finite_samples, seed);
  for (const size_t map : maps) {
    const at::Tensor values = odd.make(inputs[map]);
    if (everywhere) {
      inputs[map] = values;
    } else {
      inputs[map].select(0, odd_row).copy_(values.select(0, odd_row));
    }
  }
  return inputs;
}

}  // namespace

std::string check_finite(const Subject& subject, uint64_t seed) {
  const at::AutoGradMode mode(true);
  const auto made = subject.make_quick();
  const bool pairs = subject.descriptor().kind == ComponentKind::correlation;
  Scene scene{subject.usual_rank(), at::kFloat};
  scene.graph = subject.descriptor().differentiable;
  made->results(scene, subject.inputs(scene, finite_samples, seed));  // or refusing every input would pass
  for (const OddValue& odd : odd_values()) {
    const bool others_only = pairs && odd.constant;
    for (const std::vector<size_t>& maps : choices(subject)) {
      const std::string name = maps.size() == 1 ? subject.input_names()[maps[0]] : "every map";
      const std::string what = name + " is " + odd.name;
      run({subject, *made, scene, what + " in one sample of three", others_only},
          odd_inputs(subject, scene, odd, maps, false, seed));
      if (others_only) continue;
      run({subject, *made, scene, what, others_only}, odd_inputs(subject, scene, odd, maps, true, seed));
    }
  }
  return std::to_string(odd_values().size()) + " kinds of odd values" + (scene.graph ? ", gradients too" : "");
}

}  // namespace attune::conformance
