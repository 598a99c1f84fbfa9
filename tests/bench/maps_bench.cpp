// Rewriting a model and making maps of it, on the demo's network.

#include <ATen/ATen.h>
#include <benchmark/benchmark.h>

#include <attune/catalogue.h>
#include <attune/maps.h>

#include "demo/train.h"

namespace attune {
namespace {

ModelSource network() { return demo_network(8, 1).source(); }

void rewrite(benchmark::State& state) {
  const ModelSource source = network();
  for (auto _ : state) benchmark::DoNotOptimize(image_model(source));
}
BENCHMARK(rewrite)->Unit(benchmark::kMillisecond);

// What `attune heatmap` waits for before its first map: rewriting, the automatic layer, the programs.
void first_map(benchmark::State& state, const std::string& id) {
  const Catalogue catalogue = Catalogue::load({{ATTUNE_BUILD_DIR "/lib/attune/plugins", "benchmark"}});
  const ModelSource source = network();
  const at::Tensor input = at::rand({1, 3, 96, 96});
  for (auto _ : state) {
    compute_maps(*image_model(source), input, {{id, catalogue.make_method(id)}}, {TargetChoice::parse("top1", {})});
  }
}
BENCHMARK_CAPTURE(first_map, gradcam, "gradcam")->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(first_map, guided_backprop, "guided_backprop")->Unit(benchmark::kMillisecond);

void module_forward(benchmark::State& state) {
  const auto model = image_model(network());
  const at::Tensor input = at::rand({state.range(0), 3, 96, 96});
  for (auto _ : state) benchmark::DoNotOptimize(model->module_output(input, false));
}
BENCHMARK(module_forward)->Arg(1)->Arg(8)->Unit(benchmark::kMillisecond);

void map(benchmark::State& state, const std::string& id) {
  const Catalogue catalogue = Catalogue::load({{ATTUNE_BUILD_DIR "/lib/attune/plugins", "benchmark"}});
  const auto model = image_model(network());
  const at::Tensor input = at::rand({state.range(0), 3, 96, 96});
  const std::vector<MapRequest> requests{{id, catalogue.make_method(id)}};
  const std::vector<TargetChoice> targets{TargetChoice::parse("top1", {})};
  for (auto _ : state) benchmark::DoNotOptimize(compute_maps(*model, input, requests, targets));
}
BENCHMARK_CAPTURE(map, gradcam, "gradcam")->Arg(1)->Arg(8)->Unit(benchmark::kMillisecond);
BENCHMARK_CAPTURE(map, guided_backprop, "guided_backprop")->Arg(1)->Arg(8)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace attune
