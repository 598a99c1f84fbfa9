// What the model scores when all it has of a layer are the features around one place. Every place of the layer is tried
// in turn, and the score is written there. No gradient is taken. The map has the size of the layer, one channel, and a
// sign: that of the class score.
//
// ## Equation
//
// With the features `A` of the layer, `F` what the model makes of them behind the layer, the score `y_c` of the class,
// and a small bell `b` with the binomial weights of `2 radius + 1` cells along each axis:
//
// ```
// map(s) = y_c( F( A b_s ) )       b_s(t) = product over axes of  binomial(2 radius, radius + t - s) / 4^radius
// ```
//
// Byun and Lee, "Recipro-CAM: Gradient-free reciprocal class activation map", 2022, equations 3 to 5, with `radius` 1:
// of a picture the weights 1/16, 1/8 and 1/4. `radius=0` keeps the one cell as it is. The paper brings the map to 0..1.
//
// Of a transformer's layer the places are its patches; class tokens and registers stay in every variant. That is
// ViT-ReciproCAM (Byun and Lee 2023), which takes the norm before the last block's attention as layer.
//
// ## Parameters
//
// ## Cost
//
// What lies behind the layer, once for each cell of it: 49 rows at the last 7 x 7 features of a network, which is often
// no more than a mean and a linear layer. They are streamed in chunks and serve every target. In a loss all of them are
// recorded; the gradient needs no second derivative.
//
// ## Where it misleads
//
// - One place alone is a picture that the model never saw. What it needs together, it does not get.
// - The score has an offset, that of no features at all: the map's zero means nothing, its order does.
// - Of early layers nearly nothing arrives at the output, and of a layer with a wide view each cell knows of its
//   surroundings already.
//
// ## Example
//
// ```sh
// attune heatmap model.pt photo.jpg --method recipro_cam --method gradcam
// ```
//
// ```json
// {
//   "version": 1,
//   "description": "A consistency loss without second derivatives: Recipro-CAM of two inputs, one masked by the other",
//   "target": "top1",
//   "maps": {
//     "reciprocal": {"use": "recipro_cam", "layer": "auto"},
//     "cam": {"use": "gradcam", "layer": "auto", "stop_gradient": true}
//   },
//   "terms": [
//     {"maps": ["reciprocal", "cam"], "match": "identity", "compare": "pearson"}
//   ]
// }
// ```

#include <ATen/ops/tensor.h>
#include <cmath>

#include "common/cam.h"
#include "common/matching.h"
#include "common/rows.h"
#include "common/tail.h"

namespace {

using namespace attune;

Descriptor descriptor() {
  Descriptor d;
  d.id = "recipro_cam";
  d.title = "Recipro-CAM";
  d.summary = "What the class scores when only the features around one place of a layer are left, for each place";
  d.citation = "Byun and Lee 2022, Eq. 3 to 5; 2023";
  d.formula = "y(F(A b_s)), b_s a bell at the place s";
  d.misleads = "The score has an offset, so that the map's zero means nothing";
  d.reads = {"features", "answers"};
  d.groups = {"cam", "perturbation"};
  d.parameters = {
      plugins::layer_parameter(),
      integer("radius", 1, {0, 16}, "How many cells to each side are kept, less the farther they are"),
  };
  return d;
}

// Entry [i,j] is what cell j keeps when cell i is tried.
at::Tensor bells(int64_t extent, int64_t radius, const at::TensorOptions& options) {
  std::vector<double> weights{1};
  for (int64_t step = 0; step < 2 * radius; ++step) {  // a row of Pascal's triangle, halved
    weights.push_back(0);
    for (size_t i = weights.size() - 1; i > 0; --i) weights[i] = (weights[i] + weights[i - 1]) / 2;
    weights[0] /= 2;
  }
  weights.push_back(0);  // farther away
  const at::Tensor distance = plugins::offsets(extent, extent, options.dtype(at::kLong)).abs().clamp_max(radius + 1);
  const at::Tensor by_distance = at::tensor(weights, at::kDouble).to(options).slice(0, radius);
  return by_distance.index_select(0, distance.flatten()).view(distance.sizes());
}

class ReciproCam final : public AttentionMethod {
 public:
  explicit ReciproCam(const Parameters& parameters)
      : layer_(parameters.string("layer")), radius_(parameters.integer("radius")) {}

  Needs needs(const Model&) const override {
    Needs needs;
    needs.captures = {{layer_}};
    return needs;
  }

  AttentionMap attend(Pass& pass, const Target& target) const override {
    return attend(pass, std::vector<Target>{target})[0];
  }

  std::vector<AttentionMap> attend(Pass& pass, const std::vector<Target>& targets) const override {
    const at::Tensor features = pass.activation(layer_);
    const std::vector<int64_t> extents = plugins::extents(features);
    std::vector<at::Tensor> kept;
    int64_t places = 1;
    for (const int64_t extent : extents) {
      kept.push_back(bells(extent, radius_, features.options()));
      places *= extent;
    }
    const auto tried = [&](const at::Tensor& sample, const at::Tensor& place) {
      at::Tensor left = features.index_select(0, sample);
      int64_t behind = places;  // places of all later axes
      for (size_t axis = 0; axis < extents.size(); ++axis) {
        behind /= extents[axis];
        std::vector<int64_t> shape(extents.size() + 2, 1);
        shape[0] = place.size(0);
        shape[axis + 2] = extents[axis];
        left = left * kept[axis].index_select(0, place.div(behind, "floor").remainder(extents[axis])).view(shape);
      }
      return left;
    };
    auto shape = features.sizes().vec();
    shape[1] = 1;
    std::vector<AttentionMap> maps;
    for (const at::Tensor& scores : plugins::tail_scores(pass, {layer_}, targets, places, tried)) {
      maps.push_back({scores.view(shape), false, {layer_}});
    }
    return maps;
  }

 private:
  std::string layer_;
  int64_t radius_;
};

}  // namespace

ATTUNE_PLUGIN("recipro_cam", ATTUNE_VERSION, registry) { registry.add_method<ReciproCam>(descriptor()); }
