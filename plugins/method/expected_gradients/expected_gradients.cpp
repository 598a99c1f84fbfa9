// How much each entry of the input adds to the class score, counted not from one baseline but from many that are drawn
// at random, and averaged. The map has the size of the input and a sign; its sum tends to the score of the input minus
// the mean score of the baselines.
//
// ## Equation
//
// With the input `x`, the score `y` of the class, and draws of a baseline `b_k` and of a place `t_k` on the line from
// it to the input:
//
// ```
// map = sum_c (1/n) sum_k  (x - b_k)  dy/dx (b_k + t_k (x - b_k))
// ```
//
// Erion et al., "Improving Performance of Deep Learning Models with Axiomatic Attribution Priors and Expected
// Gradients", 2021; as GradientSHAP in Lundberg and Lee's SHAP. They draw baselines from the training pictures, which a
// method does not have. Here a baseline is
//
// ```
// baselines=noise   noise e_k                        a picture without any content
//           blur    x, blurred by a Gaussian of standard deviation s_k, drawn from 0 to blur times each extent
//           NUMBER  the number everywhere            then it is integrated gradients at random places
// ```
//
// with normal noise `e_k` of standard deviation `noise`. The place `t_k` is drawn from the k-th of `n` equal parts of
// the line, so that few draws cover it. All draws are the same for every input of a batch and for every target.
//
// ## Parameters
//
// `channels` as in `saliency`, but of the product: `sum`, the default, is the share of the pixel.
//
// ## Cost
//
// `samples` forward passes for all classes, several of them at once where the batch is small, and as many backward
// passes for each. In a loss all of them are recorded until the gradient is taken: memory grows with `samples`. There 4
// to 8 are enough, as the next call draws others.
//
// ## Where it misleads
//
// - Few draws are noisy: two seeds give two maps. `smooth` does not help against that, more samples do.
// - What counts as no content is a choice. Noise is no picture that the model knows; a blurred picture keeps its
//   colours, which then get nothing.
// - Noise is in the units of the preprocessed input: with the usual preprocessing 1 is as wide as ordinary pictures
//   are.
//
// ## Example
//
// ```sh
// attune heatmap model.pt photo.jpg --method "expected_gradients:baselines=blur,samples=64"
// ```
//
// ```json
// {
//   "version": 1,
//   "description": "Expected gradients from blurred baselines, pooled, against Grad-CAM",
//   "target": "top1",
//   "maps": {
//     "cam": {"use": "gradcam"},
//     "expected": {"use": "expected_gradients", "baselines": "blur", "samples": 8, "channels": "abs_sum"}
//   },
//   "terms": [
//     {"maps": ["cam", "expected"], "match": {"use": "pool", "kind": "average"}, "compare": "pearson"}
//   ]
// }
// ```

#include <ATen/TensorOperators.h>
#include <ATen/ops/full.h>
#include <ATen/ops/rand.h>
#include <ATen/ops/randn.h>
#include <ATen/ops/stack.h>
#include <optional>
#include <string>
#include <vector>

#include <attune/sdk/plugin.h>

#include "common/blur.h"
#include "common/input_gradient.h"
#include "common/line.h"

namespace {

using namespace attune;
using plugins::LinePoint;

constexpr int64_t default_samples = 16;

Descriptor descriptor() {
  Descriptor d;
  d.id = "expected_gradients";
  d.title = "Expected gradients";
  d.summary = "Input minus baseline, times the gradient between the two, mean over random baselines and places";
  d.groups = {"gradient"};
  d.citation = "Erion et al. 2021";
  d.formula = "mean_k sum_c (x_c - b_k) gx_c(b_k + t_k (x - b_k))";
  d.misleads = "Few draws are noisy, and what counts as no content is a choice";
  d.reads = {"input gradients"};
  d.parameters = {
      integer("samples", default_samples, {1, 1000}, "How many baselines are drawn"),
      choice_or_real("baselines", std::string("noise"), {"noise", "blur"}, {-1e6, 1e6},
                     "What a baseline is: noise, the input blurred, or one number everywhere"),
      real("noise", 1, {0, 1e6}, "Standard deviation of the noise, as the model sees it"),
      real("blur", 0.1, {1e-3, 1}, "Largest standard deviation of the blur, as a share of each extent"),
      plugins::channels_parameter("sum"),
  };
  d.deterministic = false;
  d.forward_passes = 1 + default_samples;
  d.backward_passes = default_samples;
  d.at_input_resolution = true;
  return d;
}

class ExpectedGradients final : public AttentionMethod {
 public:
  explicit ExpectedGradients(const Parameters& parameters)
      : samples_(parameters.integer("samples")),
        number_(parameters.number("baselines")),
        is_blur_(!number_ && parameters.string("baselines") == "blur"),
        noise_(parameters.real("noise")),
        blur_(parameters.real("blur")),
        channels_(parameters.string("channels")) {}

  // Of the host's pass only the input is read; the gradients come from passes of the method's own.
  Needs needs(const Model&) const override { return plugins::needs_points(samples_); }

  AttentionMap attend(Pass& pass, const Target& target) const override {
    return attend(pass, std::vector<Target>{target})[0];
  }

  std::vector<AttentionMap> attend(Pass& pass, const std::vector<Target>& targets) const override {
    at::Generator generator = pass.generator();
    const auto points = draw_points(generator);
    const auto baselines = draw_baselines(pass.input(), generator);
    std::vector<AttentionMap> maps;
    for (const at::Tensor& shares : plugins::along_lines(pass, targets, points, baselines)) {
      maps.push_back({plugins::reduce_channels(shares, channels_), true});
    }
    return maps;
  }

 private:
  // Draws are made on the processor, so that a seed means the same everywhere.
  std::vector<double> uniform(at::Generator& generator) const {
    const at::Tensor draws = at::rand({samples_}, generator, at::kDouble);
    return {draws.data_ptr<double>(), draws.data_ptr<double>() + samples_};
  }

  std::vector<LinePoint> draw_points(at::Generator& generator) const {
    std::vector<LinePoint> points;
    for (const double within : uniform(generator)) {
      const auto part = static_cast<double>(points.size());
      points.push_back({(part + within) / static_cast<double>(samples_), 1 / static_cast<double>(samples_)});
    }
    return points;
  }

  plugins::Baselines draw_baselines(const at::Tensor& input, at::Generator& generator) const {
    if (number_) {
      return [everywhere = at::full({1}, *number_, input.options())](int64_t, int64_t) { return everywhere; };
    }
    if (is_blur_) {
      return [input, shares = uniform(generator), most = blur_](int64_t begin, int64_t count) {
        std::vector<at::Tensor> copies;
        for (int64_t k = begin; k < begin + count; ++k) {
          copies.push_back(plugins::blurred(input, shares[static_cast<size_t>(k)] * most));
        }
        return at::stack(copies, 1);
      };
    }
    auto shape = input.sizes().vec();
    shape[0] = samples_;
    const at::Tensor noise = at::randn(shape, generator, at::kFloat).to(input.options()) * noise_;
    return [noise](int64_t begin, int64_t count) { return noise.narrow(0, begin, count).unsqueeze(0); };
  }

  int64_t samples_;
  std::optional<double> number_;
  bool is_blur_;
  double noise_;
  double blur_;
  std::string channels_;
};

}  // namespace

ATTUNE_PLUGIN("expected_gradients", ATTUNE_VERSION, registry) { registry.add_method<ExpectedGradients>(descriptor()); }
