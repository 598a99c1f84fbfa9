// The smallest part of the input that must go so that the class goes: a mask that blurs as little as it can and lowers
// the score as far as it can, found by gradient descent. The map has the size of the input and one channel, from 0 (may
// stay) to 1 (must go).
//
// ## Equation
//
// With the input `x`, its blurred form `b`, a coarse mask `m` from 0 (blurred) to 1 (kept), enlarged to the input's
// size by linear interpolation (`up`), and the score `y` of the class:
//
// ```
// m      = argmin  y( up(m) x + (1 - up(m)) b ) / |y(x) - y(b)|  +  area mean(1 - m)  +  variation V(m)
// V(m)   = sum over axes of  mean |m(s) - m(s + 1)|^3
// map(s) = 1 - up(m)(s)
// ```
//
// Fong and Vedaldi, "Interpretable Explanations of Black Boxes by Meaningful Perturbation", 2017, equation 5, the
// deletion game with `beta` 3. The paper explains a probability; here the score is counted in what it loses when all is
// blurred, so that `area` and `variation` mean the same for every model and score. Its terms are sums over 28 x 28
// cells with the factors 0.0001 and 0.01, which is about 0.1 and 8 of these means. A probability stops at 0 while a raw
// score goes on falling as more is hidden, so that `area` is 1 here; with `--target top1:of=probability` 0.1 hides
// about as much. The paper also jitters the input; here nothing is random. Descent is Adam's, from a mask of one half.
//
// ## Parameters
//
// More `area` hides less, more `variation` makes smoother masks. `blur` is as in `expected_gradients`.
//
// ## Cost
//
// `steps` forward and backward passes for each target, one after the other, for all inputs of a batch at once. There is
// no gradient through the map: specs that use it say `"stop_gradient": true`.
//
// ## Where it misleads
//
// - A mask can find a blur that fools the model, rather than hide what it looks at: coarse `cells` and more `variation`
//   make that harder.
// - Of two objects of a class both must go, but of two hints that both are needed either is enough: one of them is
//   hidden, and which is chance.
// - What the model makes of a blurred place is not what it makes of nothing.
//
// ## Example
//
// ```sh
// attune heatmap model.pt photo.jpg --method meaningful_perturbation:steps=200
// ```
//
// ```json
// {
//   "version": 1,
//   "description": "Grad-CAM is drawn towards what must go so that the class goes",
//   "target": "top1",
//   "maps": {
//     "cam": {"use": "gradcam"},
//     "mask": {"use": "meaningful_perturbation", "steps": 50, "stop_gradient": true}
//   },
//   "terms": [
//     {"maps": ["cam", "mask"], "match": "upsample", "compare": "pearson"}
//   ]
// }
// ```

#include <ATen/TensorOperators.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <ATen/ops/zeros_like.h>
#include <algorithm>
#include <cmath>
#include <vector>

#include <attune/sdk/plugin.h>

#include "common/blur.h"

namespace {

using namespace attune;

constexpr int64_t default_steps = 100;

Descriptor descriptor() {
  Descriptor d;
  d.id = "meaningful_perturbation";
  d.title = "Meaningful perturbation";
  d.summary = "The smallest and smoothest part of the input that must be blurred so that the class score drops";
  d.citation = "Fong and Vedaldi 2017, Eq. 5";
  d.formula = "1 - argmin_m y(m x + (1 - m) blur(x)) + area + variation";
  d.misleads = "A mask can find a blur that fools the model rather than hide what it looks at";
  d.reads = {"answers", "input gradients"};
  d.groups = {"perturbation"};
  d.parameters = {
      integer("steps", default_steps, {1, 10000}, "Steps of the descent"),
      integer("cells", 28, {2, 256}, "Cells of the mask along each axis of the input"),
      real("area", 1, {0, 1e3}, "How much a hidden share of the input counts"),
      real("variation", 8, {0, 1e3}, "How much differences between neighbouring cells count"),
      real("blur", 0.05, {1e-3, 1}, "Standard deviation of the blur, as a share of each extent"),
      real("rate", 0.1, {1e-4, 1}, "How far a cell moves in a step, at most"),
  };
  d.differentiable = false;
  d.forward_passes = 2 + default_steps;
  d.backward_passes = default_steps;
  d.at_input_resolution = true;
  return d;
}

// Linear interpolation along one axis, [extent,cells].
at::Tensor enlarging(int64_t extent, int64_t cells, const at::TensorOptions& options) {
  const double last = static_cast<double>(cells) - 1;
  const at::Tensor places = ((at::arange(extent, options) + 0.5) * cells / extent - 0.5).clamp(0, last);
  return (1 - (places.unsqueeze(1) - at::arange(cells, options)).abs()).clamp_min(0);
}

// Adam (Kingma and Ba 2015) with its usual constants.
class Descent {
 public:
  explicit Descent(double rate) : rate_(rate) {}

  at::Tensor step(const at::Tensor& gradient) {
    if (!mean_.defined()) mean_ = square_ = at::zeros_like(gradient);
    mean_ = 0.9 * mean_ + 0.1 * gradient;
    square_ = 0.999 * square_ + 0.001 * gradient.square();
    first_ *= 0.9;
    second_ *= 0.999;
    return -rate_ * (mean_ / (1 - first_)) / ((square_ / (1 - second_)).sqrt() + 1e-8);
  }

 private:
  double rate_;
  double first_ = 1, second_ = 1;  // powers of the constants
  at::Tensor mean_, square_;
};

class MeaningfulPerturbation final : public AttentionMethod {
 public:
  explicit MeaningfulPerturbation(const Parameters& parameters)
      : steps_(parameters.integer("steps")),
        cells_(parameters.integer("cells")),
        area_(parameters.real("area")),
        variation_(parameters.real("variation")),
        blur_(parameters.real("blur")),
        rate_(parameters.real("rate")) {}

  // Of the host's pass only the input and its score are read; the gradients come from passes of the method's own.
  Needs needs(const Model&) const override {
    Needs needs;
    needs.backward_passes = static_cast<double>(steps_);
    needs.forward_passes = 2 + needs.backward_passes;
    return needs;
  }

  AttentionMap attend(Pass& pass, const Target& target) const override {
    const at::Tensor input = pass.input().detach(), without = plugins::blurred(input, blur_);
    std::vector<at::Tensor> enlarge;
    auto shape = input.sizes().vec();
    shape[1] = 1;
    for (size_t axis = 2; axis < shape.size(); ++axis) {
      const int64_t extent = shape[axis];
      shape[axis] = std::min(cells_, extent);
      enlarge.push_back(enlarging(extent, shape[axis], input.options()));
    }
    const at::Tensor gap = gap_of(pass, target, without);
    at::Tensor mask = at::full(shape, 0.5, input.options());
    Descent descent(rate_);
    for (int64_t step = 0; step < steps_; ++step) {
      const at::Tensor kept = through(mask, enlarge, /*back=*/false);
      const at::Tensor slope = slope_of(pass, target, without + kept * (input - without)) / gap;
      const at::Tensor of_score = through((slope * (input - without)).sum(1, /*keepdim=*/true), enlarge, /*back=*/true);
      mask = (mask + descent.step(of_score + of_penalties(mask))).clamp(0, 1);
    }
    return {1 - through(mask, enlarge, /*back=*/false), true};
  }

 private:
  // [N,1..1]: what the score loses when all is blurred.
  static at::Tensor gap_of(Pass& pass, const Target& target, const at::Tensor& without) {
    const at::Tensor left = pass.model().forward(without, {}, /*graph=*/false)->score(target);
    const at::Tensor gap = (pass.score(target).detach() - left).abs();
    auto shape = std::vector<int64_t>(static_cast<size_t>(without.dim()), 1);
    shape[0] = -1;
    return plugins::safe(gap, gap > 1e-6).view(shape);
  }

  static at::Tensor slope_of(Pass& pass, const Target& target, const at::Tensor& changed) {
    Needs needs;
    needs.input_gradient = true;
    needs.gradient_calls = 1;
    const auto step = pass.model().forward(changed, needs, /*graph=*/false);
    return step->gradients(step->score(target), {step->input()})[0];
  }

  // The mask enlarged, or the gradient on its way back to it.
  static at::Tensor through(at::Tensor x, const std::vector<at::Tensor>& enlarge, bool back) {
    for (size_t i = 0; i < enlarge.size(); ++i) {
      x = plugins::along(x, static_cast<int64_t>(i) + 2, back ? enlarge[i].t() : enlarge[i]);
    }
    return x;
  }

  // The gradient of area and variation with respect to the mask.
  at::Tensor of_penalties(const at::Tensor& mask) const {
    const double cells = static_cast<double>(mask[0].numel());
    at::Tensor slope = at::full(mask.sizes(), -area_ / cells, mask.options());
    for (int64_t axis = 2; axis < mask.dim(); ++axis) {
      const at::Tensor steps = mask.diff(1, axis);
      if (steps.numel() == 0) continue;
      const double edges = static_cast<double>(steps[0].numel());
      const at::Tensor pull = 3 * variation_ / edges * steps * steps.abs();
      const at::Tensor none = at::zeros_like(pull.narrow(axis, 0, 1));
      slope = slope + at::cat({none, pull}, axis) - at::cat({pull, none}, axis);
    }
    return slope;
  }

  int64_t steps_;
  int64_t cells_;
  double area_;
  double variation_;
  double blur_;
  double rate_;
};

}  // namespace

ATTUNE_PLUGIN("meaningful_perturbation", ATTUNE_VERSION, registry) {
  registry.add_method<MeaningfulPerturbation>(descriptor());
}
