// Gradients: they reach what a result depends on, and equal finite differences.

#include <ATen/ATen.h>
#include <algorithm>
#include <cmath>
#include <torch/csrc/autograd/autograd.h>

#include "conformance/checks.h"
#include "conformance/values.h"

namespace attune::conformance {
namespace {

constexpr int64_t gradient_samples = 2;
constexpr double relative_tolerance = 1e-4;
constexpr double absolute_tolerance = 1e-7;
constexpr uint64_t weights_of_results = 900;  // seeds
constexpr uint64_t directions = 950;

// What the result is differentiated with respect to.
struct Variable {
  std::string name;
  at::Tensor tensor;
  bool must_be_reached;
};

std::vector<Variable> variables(const Subject& subject, const Scene& scene, Tensors& inputs) {
  std::vector<Variable> all;
  const auto names = subject.input_names();
  const auto maps = subject.maps();
  for (size_t i = 0; i < inputs.size(); ++i) {
    if (!inputs[i].is_floating_point()) continue;
    inputs[i].requires_grad_();
    all.push_back({names[i], inputs[i], std::count(maps.begin(), maps.end(), i) > 0});
  }
  for (const auto& [name, weight] : subject.weights(scene)) {
    if (weight.requires_grad()) all.push_back({"the model's " + name, weight, false});
  }
  return all;
}

// One number of all results, whose derivative says something of every entry.
at::Tensor weighted_sum(const Tensors& results) {
  at::Tensor sum = at::zeros({}, at::kDouble);
  uint64_t seed = weights_of_results;
  for (const at::Tensor& result : results) sum = sum + (result * noise(result.sizes(), ++seed)).sum();
  return sum;
}

// The scene at which the derivative is taken.
struct Point {
  const Instance& made;
  Scene scene;
  const Tensors& inputs;
  std::string place;

  at::Tensor sum(bool graph) const {
    Scene with = scene;
    with.graph = graph;
    if (graph) return weighted_sum(attempt(place, [&] { return made.guarded(with, inputs); }));
    return weighted_sum(made.results(with, inputs)).detach();
  }

  // Along `direction`, by central differences.
  double slope(const at::Tensor& tensor, const at::Tensor& direction, double step) const {
    const at::Tensor values = tensor.detach();
    const at::Tensor before = values.clone();
    const auto at = [&](double length) {
      values.copy_(before + length * direction);
      return sum(false).item<double>();
    };
    const double above = at(step), below = at(-step);
    values.copy_(before);
    return (above - below) / (2 * step);
  }
};

// A kink between the two points of one difference would be bad luck: there are three attempts.
void expect_slope(const Point& point, const Variable& variable, const at::Tensor& gradient) {
  const at::Tensor known = gradient.defined() ? gradient : at::zeros_like(variable.tensor);
  const double size = known.norm().item<double>();
  double found = 0, expected = 0;
  uint64_t seed = directions;
  for (const double step : {1e-5, 1e-6, 1e-5}) {
    const at::Tensor direction = noise(variable.tensor.sizes(), ++seed);
    found = (known * direction).sum().item<double>();
    expected = point.slope(variable.tensor, direction, step);
    const double largest = std::max({size, std::abs(found), std::abs(expected)});
    if (std::abs(found - expected) <= relative_tolerance * largest + absolute_tolerance) return;
  }
  const std::string detached = gradient.defined() ? "" : ", as the graph does not reach it";
  throw Failed(point.place + ": along a random direction the gradient with respect to " + variable.name + " is " +
               text_of(found) + detached + ", but finite differences give " + text_of(expected) +
               "; mind detach(), NoGradGuard, item() and values written in place");
}

void compare(const Subject& subject, const Instance& made, int rank, bool must_reach, uint64_t seed) {
  Scene scene{rank};
  scene.smooth = subject.has_smooth_model();
  Tensors inputs = subject.inputs(scene, gradient_samples, seed);
  const std::vector<Variable> all = variables(subject, scene, inputs);
  const Point point{made, scene, inputs, made.place(scene)};
  const at::Tensor sum = point.sum(true);
  if (!sum.requires_grad()) {
    throw Failed(point.place +
                 ": the result has no graph, so that no gradient reaches anything, though it is declared "
                 "differentiable; mind detach() and NoGradGuard");
  }
  Tensors of;
  for (const Variable& variable : all) of.push_back(variable.tensor);
  const Tensors gradients = torch::autograd::grad({sum}, of, {}, false, false, /*allow_unused=*/true);
  const auto reached = [&](size_t i) { return gradients[i].defined() && gradients[i].abs().max().item<double>() > 0; };
  // A map may be made of the model alone, as of a deconvnet without pooling.
  bool reaches_model = false;
  for (size_t i = 0; i < all.size(); ++i) reaches_model = reaches_model || (!all[i].must_be_reached && reached(i));
  for (size_t i = 0; i < all.size(); ++i) {
    expect_slope(point, all[i], gradients[i]);
    if (must_reach && all[i].must_be_reached && !reached(i) && !reaches_model) {
      throw Failed(point.place + ": no gradient reaches " + all[i].name + ", though it is declared differentiable");
    }
  }
}

}  // namespace

std::string check_gradient(const Subject& subject, uint64_t seed) {
  if (!subject.descriptor().differentiable) throw Skipped("declared not differentiable");
  const at::AutoGradMode mode(true);
  const auto made = subject.make_quick();
  for (const int rank : subject.ranks()) compare(subject, *made, rank, true, seed);
  size_t count = 1;
  for (const Given& given : variants(subject)) {
    if (given.empty()) continue;
    std::unique_ptr<Instance> variant;
    try {
      variant = subject.make(given);
    } catch (const Error&) {  // it may refuse
      continue;
    }
    compare(subject, *variant, subject.usual_rank(), false, seed);
    ++count;
  }
  return "equal to finite differences for " + std::to_string(count) + (count == 1 ? " set" : " sets") + " of values";
}

}  // namespace attune::conformance
