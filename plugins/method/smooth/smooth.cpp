// A method's map of the same input many times over, each time with other noise, and the mean of these maps. What only a
// little noise makes vanish was noise itself; what stays is sharper to look at. It wraps any other method and has that
// one's size and channels. By default that is the signed gradient of the input, as in the paper.
//
// ## Equation
//
// With the map `M` of the nested method, the input `x`, and draws `e_1..e_n` of standard normal noise:
//
// ```
// map(s) = (1/n) sum_i  M(x + noise (max x - min x) e_i)(s)     statistic=mean
//          (1/n) sum_i  M(...)(s)^2                              statistic=mean_square
//          (1/n) sum_i (M(...)(s) - mean(s))^2                   statistic=variance
// ```
//
// Smilkov et al., "SmoothGrad: removing noise by adding noise", 2017, section 3, who take a noise of 0.1 to 0.2. The
// mean of squares is often called SmoothGrad squared, and the variance, of Adebayo et al., "Local Explanation Methods
// for Deep Neural Networks Lack Sensitivity to Parameter Values", 2018, VarGrad.
//
// The noise is drawn once for a map and is the same for every input of a batch and for every target; its standard
// deviation follows the range of each input. What the nested method draws itself is the same for every draw of noise.
//
// ## Parameters
//
// ## Cost
//
// `samples` times the passes of the nested method, several draws in a pass where the batch is small. In a loss all of
// them are kept until the gradient is taken: memory grows with `samples`. Eight or so are enough there.
//
// The map is differentiable and deterministic as far as the nested method is, but for the noise, which follows the
// seed.
//
// ## Where it misleads
//
// - It explains the input's noisy neighbours, not the input. With much noise the model may answer another class for
//   them.
// - Smooth is not faithful: the mean looks better than one gradient also where the model looks elsewhere.
// - The variance is large where the map changes under noise, which says nothing about which class that speaks for.
//   Adebayo et al. and others found it hardly follows the weights of the model.
// - Of a map that is reduced by magnitudes (`saliency` as it stands) the mean does not cancel the noise, it adds it up.
//
// ## Example
//
// ```sh
// attune heatmap model.pt photo.jpg --method smooth --method "fine=smooth:of=(gradcam:layer=layer3),samples=8"
// ```
//
// ```json
// {
//   "version": 1,
//   "description": "The gradient, smoothed and in one channel, against a Grad-CAM that is smoothed too",
//   "target": "top1",
//   "maps": {
//     "cam": {"use": "smooth", "of": "gradcam", "samples": 8},
//     "gradient": {"use": "smooth", "of": {"use": "saliency", "channels": "max_abs"}, "samples": 8, "noise": 0.1}
//   },
//   "terms": [
//     {"maps": ["cam", "gradient"], "match": {"use": "upsample"}, "compare": "pearson"}
//   ]
// }
// ```

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/randn.h>
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include <attune/sdk/error.h>
#include <attune/sdk/plugin.h>

namespace {

using namespace attune;

constexpr int64_t default_samples = 16;
constexpr int64_t most_rows = 16;  // of one pass, unless the batch has more

Descriptor descriptor() {
  Descriptor d;
  d.id = "smooth";
  d.title = "SmoothGrad";
  d.summary = "Mean of a method's maps, of the input with noise, drawn anew for each of them";
  d.citation = "Smilkov et al. 2017, section 3; Adebayo et al. 2018 for the variance";
  d.formula = "mean_i M(x + noise e_i)";
  d.misleads = "It explains the input's noisy neighbours, and smooth is not faithful";
  d.groups = {"gradient"};
  d.parameters = {
      method("of", {"saliency", {{"absolute", false}}}, "Method whose maps are smoothed, with its parameters"),
      integer("samples", default_samples, {1, 1000}, "How often noise is drawn"),
      real("noise", 0.15, {0, 10}, "Standard deviation of the noise, as a share of each input's range"),
      choice("statistic", "mean", {"mean", "mean_square", "variance"}, "What is taken of the maps, cell by cell"),
  };
  d.deterministic = false;
  d.forward_passes = 1 + default_samples;
  d.backward_passes = default_samples;
  d.resolution_of = "of";
  return d;
}

class Smooth final : public AttentionMethod {
 public:
  Smooth(const Parameters& parameters, Parts& parts)
      : method_(parts.method("of")),
        nested_(parts.descriptor("of")),
        samples_(parameters.integer("samples")),
        noise_(parameters.real("noise")),
        statistic_(parameters.string("statistic")) {
    if (statistic_ == "variance" && samples_ < 2) {
      throw Error(Fault::spec, "parameter \"samples\" must be at least 2 for the variance, not 1");
    }
    if (statistic_ == "variance" && noise_ == 0) {
      throw Error(Fault::spec,
                  "parameter \"noise\" must be above 0 for the variance, which is 0 everywhere without noise");
    }
  }

  // Of the host's pass only the input is read; the method is given passes of its own.
  Needs needs(const Model& model) const override {
    const Needs one = method_->needs(model);
    const bool counted = one.forward_passes > 0 || one.backward_passes > 0;
    const auto samples = static_cast<double>(samples_);
    Needs needs;
    needs.forward_passes = 1 + samples * (counted ? one.forward_passes : nested_.forward_passes);
    needs.backward_passes = samples * (counted ? one.backward_passes : nested_.backward_passes);
    return needs;
  }

  AttentionMap attend(Pass& pass, const Target& target) const override {
    return attend(pass, std::vector<Target>{target})[0];
  }

  // The noise is the same for every sample and target, and what the method itself draws for every draw of noise.
  std::vector<AttentionMap> attend(Pass& pass, const std::vector<Target>& targets) const override {
    if (targets.empty()) return {};
    at::Generator generator = pass.generator();
    const at::Tensor draws = draw(pass.input(), generator);
    const uint64_t seed = at::check_generator<at::CPUGeneratorImpl>(generator)->random64();
    Needs needs = method_->needs(pass.model());
    needs.gradient_calls *= static_cast<int64_t>(targets.size());
    const int64_t rows = pass.input().size(0), most = std::max<int64_t>(1, most_rows / rows);
    std::vector<AttentionMap> maps;
    std::vector<std::vector<at::Tensor>> values(targets.size());
    for (int64_t begin = 0; begin < samples_; begin += most) {
      const int64_t count = std::min(most, samples_ - begin);
      const at::Tensor input = with_noise(pass, draws.narrow(0, begin, count));
      const at::Generator own = at::detail::createCPUGenerator(seed);
      const auto noisy = pass.model().forward(input, needs, pass.wants_graph(), own);
      maps = nested_maps(*noisy, targets, count);
      for (size_t t = 0; t < targets.size(); ++t) values[t].push_back(by_sample(maps[t].values, rows));
    }
    for (size_t t = 0; t < targets.size(); ++t) maps[t].values = statistic(at::cat(values[t], 1));
    return maps;
  }

 private:
  std::vector<AttentionMap> nested_maps(Pass& noisy, const std::vector<Target>& targets, int64_t count) const {
    std::vector<Target> repeated;
    for (const Target& target : targets) repeated.push_back(target.repeat(count));
    auto maps = method_->attend(noisy, repeated);
    if (maps.size() != targets.size()) throw Error(Fault::run, "the nested method gave no map for each target");
    for (AttentionMap& map : maps) {
      for (std::string& layer : map.layers) layer = noisy.layer(layer);
    }
    return maps;
  }

  // [N count,..] -> [N,count,..]
  static at::Tensor by_sample(const at::Tensor& values, int64_t samples) {
    auto shape = values.sizes().vec();
    shape[0] = values.size(0) / samples;
    shape.insert(shape.begin(), samples);
    return values.reshape(shape);
  }

  // [samples,C,S1..Sd], on the processor and in float32, so that a seed means the same noise everywhere.
  at::Tensor draw(const at::Tensor& input, const at::Generator& generator) const {
    auto shape = input.sizes().vec();
    shape[0] = samples_;
    return at::randn(shape, generator, at::kFloat).to(input.options());
  }

  // [N count,C,S1..Sd]: each input of the batch with every one of `count` draws.
  at::Tensor with_noise(const Pass& pass, const at::Tensor& draws) const {
    const at::AutoGradMode mode(pass.wants_graph() && at::GradMode::is_enabled());
    const at::Tensor& input = pass.input();
    const at::Tensor values = input.flatten(1);
    auto shape = std::vector<int64_t>(static_cast<size_t>(input.dim()) + 1, 1);
    shape[0] = input.size(0);
    const at::Tensor deviation = ((values.amax(1) - values.amin(1)) * noise_).view(shape);
    return (input.unsqueeze(1) + deviation * draws).flatten(0, 1);
  }

  // [N,samples,..] -> [N,..]
  at::Tensor statistic(const at::Tensor& maps) const {
    if (statistic_ == "mean") return maps.mean(1);
    return (statistic_ == "variance" ? maps - maps.mean(1, /*keepdim=*/true) : maps).square().mean(1);
  }

  std::unique_ptr<AttentionMethod> method_;
  Descriptor nested_;
  int64_t samples_;
  double noise_;
  std::string statistic_;
};

}  // namespace

ATTUNE_PLUGIN("smooth", ATTUNE_VERSION, registry) { registry.add_method<Smooth>(descriptor()); }
