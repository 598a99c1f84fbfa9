// How alike two maps are in every small neighbourhood: in mean, in contrast and in pattern, averaged over the map. 1
// means equal maps.
//
// ## Equation
//
// With Gaussian-weighted means `m`, variances `v` and covariance `c` of maps `a` and `b` in the window at each
// position:
//
// ```
// h = mean over positions and channels of
//     (2 m_a m_b + C1)(2 c + C2) / ( (m_a^2 + m_b^2 + C1)(v_a + v_b + C2) )
// ```
//
// Wang et al., "Image Quality Assessment: From Error Visibility to Structural Similarity", 2004, equation 13, for 1 to
// 3 spatial dimensions. Mirzazadeh et al. (ATCON) 2022 name the measure; their published code pads with zeros, and its
// loss is `1 - h`.
//
// ## Parameters
//
// `padding` is where windows lie: with `valid` inside the map only, with `zero` also over its border. With `valid` the
// window is no longer than the map along each axis: on 7 x 7 cells it has 7 x 7 cells and one position. An even length
// is allowed there and keeps all cells; its centre lies between two of them. With `zero` windows hang over the border,
// where what is outside counts as zero and weights are not adjusted: the same numbers as the common PyTorch
// implementation.
//
// ## Cost
//
// Four separable filters over the maps, computed in float64, because a local variance is a small difference of large
// squares.
//
// ## Where it misleads
//
// - It depends on scale. The constants are meant for values from 0 to 1: for maps of 1e-3 they hide everything, and `h`
//   is close to 1 whatever the maps show. Use `"normalise": "minmax"` or `"standardise"` in the term.
// - Large empty areas agree perfectly and raise the mean.
// - `zero` compares the border with nothing, which counts as agreement there.
// - For maps of opposite sign a neighbourhood's mean and pattern can both disagree, and their product is positive.
// - An axis of one cell has no variance: only means are compared.
//
// ## Example
//
// ```json
// {
//   "version": 1,
//   "description": "Grad-CAM and guided backpropagation, compared by neighbourhoods",
//   "target": "top1",
//   "maps": {
//     "cam": {"use": "gradcam"},
//     "gb": {"use": "guided_backprop", "channels": "abs_sum"}
//   },
//   "terms": [
//     {
//       "maps": ["cam", "gb"],
//       "match": {"use": "upsample"},
//       "normalise": "minmax",
//       "compare": {"use": "ssim", "window": 7, "sigma": 1.5, "c1": 0.0001, "c2": 0.0009, "padding": "valid"}
//     }
//   ]
// }
// ```

#include <ATen/ops/maximum.h>
#include <algorithm>
#include <string>

#include <attune/sdk/error.h>
#include <attune/sdk/plugin.h>

#include "common/rows.h"

namespace {

using namespace attune;

Descriptor descriptor() {
  Descriptor d;
  d.id = "ssim";
  d.title = "Structural similarity";
  d.summary = "Mean over all positions of how alike local means, contrasts and patterns of two maps are";
  d.citation = "Wang et al. 2004, Eq. 13; zero padding: the published code of Mirzazadeh et al. 2022";
  d.parameters = {
      integer("window", 11, {1, 101}, "Cells along each axis of the Gaussian window, odd"),
      real("sigma", 1.5, {0.1, 100}, "Standard deviation of the Gaussian window in cells"),
      real("c1", 1e-4, {1e-12, 1e6}, "Constant that steadies the comparison of means"),
      real("c2", 9e-4, {1e-12, 1e6}, "Constant that steadies the comparison of contrasts and patterns"),
      choice("padding", "valid", {"valid", "zero"},
             "Windows inside the map only, smaller for small maps, or zeros around the map"),
  };
  d.symmetric = true;
  d.minimum = -1;
  d.maximum = 1;
  return d;
}

// [S_out,S]: row i holds the window whose first cell is i - padding.
at::Tensor window_matrix(int64_t extent, int64_t window, int64_t padding, double sigma,
                         const at::TensorOptions& options) {
  const double centre = static_cast<double>(window - 1) / 2;
  const at::Tensor cell = plugins::offsets(extent + 2 * padding - window + 1, extent, options) + padding;
  const at::Tensor inside = (cell >= 0).logical_and(cell < window);
  const at::Tensor total = plugins::bell(at::arange(window, options) - centre, sigma).sum();
  return plugins::bell(cell - centre, sigma) * inside / total;
}

// A constant of the index for maps divided by `scale`, which must not vanish against rounding.
at::Tensor steadied(double constant, const at::Tensor& scale, double least) {
  return scale.square().reciprocal().mul(constant).clamp_min(least);
}

class Ssim final : public Correlation {
 public:
  explicit Ssim(const Parameters& parameters)
      : window_(parameters.integer("window")),
        sigma_(parameters.real("sigma")),
        c1_(parameters.real("c1")),
        c2_(parameters.real("c2")),
        zero_padding_(parameters.string("padding") == "zero") {
    if (window_ % 2 == 0) {
      throw Error(Fault::spec, "parameter \"window\" must be odd, not " + std::to_string(window_));
    }
  }

  // In float64, because a local variance is a small difference of large squares. Maps above 1 are divided by their
  // largest magnitude, and the constants by its square, which changes nothing but keeps the squares finite.
  at::Tensor correlate(const AttentionMap& a, const AttentionMap& b) const override {
    const at::Tensor wide_a = a.values.to(at::kDouble), wide_b = b.values.to(at::kDouble);
    std::vector<int64_t> one_per_sample(static_cast<size_t>(wide_a.dim()), 1);
    one_per_sample[0] = wide_a.size(0);
    const at::Tensor scale =
        at::maximum(wide_a.detach().abs().flatten(1).amax(1), wide_b.detach().abs().flatten(1).amax(1))
            .clamp_min(1)
            .view(one_per_sample);
    return index(wide_a / scale, wide_b / scale, scale).flatten(1).mean(1).to(a.values.scalar_type());
  }

 private:
  at::Tensor local_mean(at::Tensor x) const {
    for (int64_t axis = 2; axis < x.dim(); ++axis) {
      const int64_t extent = x.size(axis);
      const int64_t window = zero_padding_ ? window_ : std::min(window_, extent);
      x = plugins::along(x, axis, window_matrix(extent, window, zero_padding_ ? window / 2 : 0, sigma_, x.options()));
    }
    return x;
  }

  // Two bounded quotients: the product of the denominators could vanish.
  at::Tensor index(const at::Tensor& a, const at::Tensor& b, const at::Tensor& scale) const {
    const at::Tensor mean_a = local_mean(a), mean_b = local_mean(b);
    const at::Tensor squares = mean_a.square() + mean_b.square();
    const at::Tensor products = mean_a * mean_b;
    const at::Tensor variances = local_mean(a.square() + b.square()) - squares;
    const at::Tensor covariance = local_mean(a * b) - products;
    const at::Tensor c1 = steadied(c1_, scale, 1e-30), c2 = steadied(c2_, scale, 1e-14);
    return (2 * products + c1) / (squares + c1) * ((2 * covariance + c2) / (variances + c2));
  }

  int64_t window_;
  double sigma_;
  double c1_;
  double c2_;
  bool zero_padding_;
};

}  // namespace

ATTUNE_PLUGIN("ssim", ATTUNE_VERSION, registry) { registry.add_correlation<Ssim>(descriptor()); }
