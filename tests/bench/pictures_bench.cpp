// What happens to a picture on its way in and out.

#include <ATen/ATen.h>
#include <benchmark/benchmark.h>

#include "data/preprocess.h"
#include "demo/pictures.h"
#include "render/overlay.h"

namespace attune {
namespace {

void preprocess_picture(benchmark::State& state) {
  const Image picture = demo_picture(1, 640).image;
  for (auto _ : state) benchmark::DoNotOptimize(preprocess(picture, Preprocess::imagenet()));
}
BENCHMARK(preprocess_picture)->Unit(benchmark::kMillisecond);

void draw_overlay(benchmark::State& state) {
  const Image picture = demo_picture(1, 640).image;
  const at::Tensor map = at::rand({7, 7});
  for (auto _ : state) benchmark::DoNotOptimize(overlay(picture, map, {0, 0, 640, 640}));
}
BENCHMARK(draw_overlay)->Unit(benchmark::kMillisecond);

void draw_gradient(benchmark::State& state) {
  const at::Tensor gradient = at::randn({3, 224, 224});
  for (auto _ : state) benchmark::DoNotOptimize(gradient_picture(gradient, {0, 0, 640, 640}, 640, 640));
}
BENCHMARK(draw_gradient)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace attune
