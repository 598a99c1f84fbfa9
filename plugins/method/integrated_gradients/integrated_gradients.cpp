// How much each entry of the input adds to the class score, counted from a baseline that stands for nothing. The map
// has the size of the input and a sign, and it is complete: its sum is the score of the input minus the score of the
// baseline.
//
// ## Equation
//
// With the input `x`, the baseline `b` and the score `y` of the class:
//
// ```
// map = sum_c (x - b)  sum_k  w_k  dy/dx (b + t_k (x - b))
// ```
//
// Sundararajan et al., "Axiomatic Attribution for Deep Networks", 2017, equation 1. The sum over `k` stands for an
// integral over `t` from 0 to 1. `midpoint`: `t_k = (k - 1/2) / steps`, `w_k = 1 / steps`. `gauss_legendre`: the roots
// and weights of Gauss-Legendre quadrature, exact for smoother functions.
//
// ## Parameters
//
// `channels` as in `saliency`, but of the product: `sum`, the default, is the share of the pixel. The baseline is one
// number for all entries, as the model sees them: with the usual preprocessing 0 is the mean colour.
//
// ## Cost
//
// `steps` forward passes for all classes, several of them at once where the batch is small, and as many backward passes
// for each. In a loss all of them are recorded until the gradient is taken: memory grows with `steps`, and `attune loss
// --explain --gradient` says how far. There 4 to 8 steps are enough.
//
// ## Where it misleads
//
// - With few steps the sum misses the score: the network bends between the points. Here is how far, in parts of the
//   difference, on two photos each:
//
//   | model | rule | 8 steps | 64 steps | 256 steps |
//   |---|---|---|---|---|
//   | SqueezeNet, ImageNet | `midpoint` | 2.1 %, 1.6 % | 0.5 %, 0.04 % | 0.007 %, 0.05 % |
//   | | `gauss_legendre` | 1.6 %, 0.9 % | 0.3 %, 0.003 % | 0.01 %, 0.06 % |
//   | ResNet-20, CIFAR-10 | `midpoint` | 11 %, 43 % | 3.5 %, 0.5 % | 0.09 %, 0.08 % |
//   | | `gauss_legendre` | 22 %, 30 % | 3.4 %, 2.0 % | 0.8 %, 0.4 % |
//
// - Entries that equal the baseline get nothing, whatever they mean: with a black baseline, black objects are
//   invisible. `expected_gradients` has many baselines.
// - Single pixels are noisy, as all gradients are. Compare regions.
// - Half of the way lies among pictures that the model has never seen.
//
// ## Example
//
// ```sh
// attune heatmap model.pt photo.jpg --method "integrated_gradients:steps=64,rule=gauss_legendre"
// ```
//
// ```json
// {
//   "version": 1,
//   "description": "Grad-CAM and integrated gradients agree: both ways of matching, by Pearson",
//   "target": "top1",
//   "maps": {
//     "cam": {"use": "gradcam"},
//     "ig": {"use": "integrated_gradients", "steps": 8, "channels": "abs_sum"}
//   },
//   "terms": [
//     {"name": "masked", "maps": ["cam", "ig"], "match": {"use": "mask", "source": "ig", "scale": "std"},
//      "compare": "pearson"},
//     {"name": "upsampled", "maps": ["cam", "ig"], "match": "upsample", "compare": "pearson"}
//   ]
// }
// ```

#include <ATen/ops/full.h>
#include <cmath>
#include <string>
#include <vector>

#include <attune/sdk/plugin.h>

#include "common/input_gradient.h"
#include "common/line.h"

namespace {

using namespace attune;
using plugins::LinePoint;

constexpr int64_t default_steps = 16;

Descriptor descriptor() {
  Descriptor d;
  d.id = "integrated_gradients";
  d.title = "Integrated gradients";
  d.summary = "Input minus baseline, times the mean gradient of the class score on the line between the two";
  d.groups = {"gradient"};
  d.citation = "Sundararajan et al. 2017, Eq. 1";
  d.formula = "sum_c (x_c - b) mean_t gx_c(b + t (x - b))";
  d.misleads = "With few steps it misses the score; what equals the baseline gets nothing";
  d.reads = {"input gradients"};
  d.parameters = {
      integer("steps", default_steps, {1, 1000}, "Points of the line at which the gradient is taken"),
      choice("rule", "midpoint", {"midpoint", "gauss_legendre"}, "Where the points lie and how much each counts"),
      real("baseline", 0, {-1e6, 1e6}, "Every entry of the input that stands for nothing, as the model sees it"),
      plugins::channels_parameter("sum"),
  };
  d.forward_passes = 1 + default_steps;
  d.backward_passes = default_steps;
  d.at_input_resolution = true;
  return d;
}

std::vector<LinePoint> midpoints(int64_t count) {
  std::vector<LinePoint> points;
  const auto n = static_cast<double>(count);
  for (int64_t i = 0; i < count; ++i) points.push_back({(static_cast<double>(i) + 0.5) / n, 1 / n});
  return points;
}

// The roots x of the Legendre polynomial of degree `count`, by Newton's method, brought from [-1,1] to [0,1].
std::vector<LinePoint> gauss_legendre(int64_t count) {
  const double pi = std::acos(-1.0);
  const auto n = static_cast<double>(count);
  std::vector<LinePoint> points;
  for (int64_t i = 0; i < count; ++i) {
    double x = std::cos(pi * (static_cast<double>(i) + 0.75) / (n + 0.5));
    double slope = 0;
    for (int iteration = 0; iteration < 10; ++iteration) {
      double previous = 0, value = 1;
      for (double degree = 1; degree <= n; ++degree) {
        const double next = ((2 * degree - 1) * x * value - (degree - 1) * previous) / degree;
        previous = value;
        value = next;
      }
      slope = n * (previous - x * value) / (1 - x * x);
      x -= value / slope;
    }
    points.push_back({(1 - x) / 2, 1 / ((1 - x * x) * slope * slope)});
  }
  return points;
}

class IntegratedGradients final : public AttentionMethod {
 public:
  explicit IntegratedGradients(const Parameters& parameters)
      : baseline_(parameters.real("baseline")), channels_(parameters.string("channels")) {
    const int64_t steps = parameters.integer("steps");
    points_ = parameters.string("rule") == "midpoint" ? midpoints(steps) : gauss_legendre(steps);
  }

  // Of the host's pass only the input is read; the gradients come from passes of the method's own.
  Needs needs(const Model&) const override { return plugins::needs_points(static_cast<int64_t>(points_.size())); }

  AttentionMap attend(Pass& pass, const Target& target) const override {
    return attend(pass, std::vector<Target>{target})[0];
  }

  std::vector<AttentionMap> attend(Pass& pass, const std::vector<Target>& targets) const override {
    const at::Tensor baseline = at::full({1}, baseline_, pass.input().options());
    std::vector<AttentionMap> maps;
    for (const at::Tensor& shares :
         plugins::along_lines(pass, targets, points_, [&](int64_t, int64_t) { return baseline; })) {
      maps.push_back({plugins::reduce_channels(shares, channels_), true});
    }
    return maps;
  }

 private:
  std::vector<LinePoint> points_;
  double baseline_;
  std::string channels_;
};

}  // namespace

ATTUNE_PLUGIN("integrated_gradients", ATTUNE_VERSION, registry) {
  registry.add_method<IntegratedGradients>(descriptor());
}
