#include "data/batch_loader.h"

#include <ATen/ATen.h>

#include "base/random.h"
#include "image/input_file.h"
#include "image/mat.h"

namespace attune {
namespace {

// Annotations may be of another picture than the one that lies there: resized, or turned upright.
void require_fit(const Example& example, const Image& picture) {
  const int64_t height = picture.size(0), width = picture.size(1);
  const auto size = [](int64_t w, int64_t h) { return std::to_string(w) + " x " + std::to_string(h); };
  if (example.height > 0 && example.width > 0 && (example.height != height || example.width != width)) {
    refuse_input(example.path, "the picture has " + size(width, height) +
                                   " pixels, but its boxes were drawn in one of " +
                                   size(example.width, example.height));
  }
  for (const Box& box : example.boxes) {
    const std::string outside = outside_of(box.region, height, width);
    if (!outside.empty()) refuse_input(example.path, outside);
  }
}

// Frames of a clip have one seed and so change alike; none has a box.
at::Tensor load_clip(const Example& example, uint64_t seed, const LoaderOptions& options) {
  const auto [height, width] = options.preprocess.size;
  const auto channels = static_cast<int64_t>(options.preprocess.mean.size());
  at::Tensor input = at::empty({channels, options.clip.frames, height, width}, at::kFloat);
  read_clip(example.path, options.clip, [&](int64_t index, const Image& frame, double) {
    std::vector<Image> picture{frame};
    std::vector<Box> boxes;
    augment(picture, boxes, options.augmentations, seed);
    input.select(1, index).copy_(preprocess(picture[0], options.preprocess));
  });
  return input;
}

// With its boxes in pixels of the input.
at::Tensor load_picture(const Example& example, uint64_t seed, const LoaderOptions& options, std::vector<Box>& boxes) {
  std::vector<Image> picture{read_image(example.path)};
  require_fit(example, picture[0]);
  boxes = example.boxes;
  augment(picture, boxes, options.augmentations, seed);
  const auto [height, width] = options.preprocess.size;
  const Region seen = covered(picture[0].size(0), picture[0].size(1), options.preprocess);
  const double x_scale = static_cast<double>(width) / seen.width, y_scale = static_cast<double>(height) / seen.height;
  change_boxes(boxes, height, width, [&](const Region& region) {
    return Region{region.x - seen.x, region.y - seen.y, region.width, region.height}.scaled(x_scale, y_scale);
  });
  return preprocess(picture[0], options.preprocess);
}

LoaderOptions checked(const Dataset& dataset, const std::vector<Draw>& order, LoaderOptions options) {
  check(options.preprocess);
  check(options.clip);
  for (const Augmentation& augmentation : options.augmentations) check(augmentation);
  if (options.batch < 1) throw Error(Fault::usage, "the batch must be at least 1");
  if (options.threads < 1) throw Error(Fault::usage, "at least one thread must decode");
  for (const Draw& draw : order) {
    if (draw.example >= 0 && draw.example < dataset.size()) continue;
    throw Error(Fault::run,
                "there is no example " + std::to_string(draw.example) + " among " + std::to_string(dataset.size()));
  }
  prepare_opencv();
  return options;
}

}  // namespace

std::vector<Draw> in_order(int64_t count) {
  std::vector<Draw> order(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) order[static_cast<size_t>(i)].example = i;
  return order;
}

std::vector<Draw> shuffled(int64_t count, uint64_t seed) {
  std::vector<Draw> order = in_order(count);
  for (Draw& draw : order) draw.seed = derive_seed({seed, static_cast<uint64_t>(draw.example)});
  Random(seed).shuffle(order);
  return order;
}

BatchLoader::BatchLoader(const Dataset& dataset, std::vector<Draw> order, LoaderOptions options)
    : dataset_(dataset),
      options_(checked(dataset, order, std::move(options))),
      loaded_(
          [this, order = std::move(order), drawn = size_t{0}]() mutable -> std::function<Loaded()> {
            if (drawn == order.size()) return {};
            return [this, draw = order[drawn++]] { return load(draw); };
          },
          [](const Loaded& loaded) { return loaded.input.defined() ? static_cast<int64_t>(loaded.input.nbytes()) : 0; },
          2 * options_.batch + options_.threads, options_.threads) {}

BatchLoader::Loaded BatchLoader::load(const Draw& draw) const {
  Loaded loaded{draw.example};
  const Example& from = dataset_.examples[static_cast<size_t>(draw.example)];
  loaded.error = attempt(from.path.string(), [&] {
    loaded.input =
        dataset_.clips ? load_clip(from, draw.seed, options_) : load_picture(from, draw.seed, options_, loaded.boxes);
  });
  return loaded;
}

std::optional<Batch> BatchLoader::next() {
  std::vector<Loaded> good;
  Batch batch;
  int64_t pulled = 0;
  for (; pulled < options_.batch; ++pulled) {
    std::optional<Loaded> loaded = loaded_.next();
    if (!loaded) break;
    if (loaded->error.empty()) {
      good.push_back(std::move(*loaded));
      continue;
    }
    if (options_.on_problem == OnProblem::stop) throw Error(Fault::input, loaded->error);
    batch.problems.push_back({dataset_.examples[static_cast<size_t>(loaded->example)].path, loaded->error});
  }
  if (pulled == 0) return {};
  fill(batch, good);
  return batch;
}

void BatchLoader::fill(Batch& batch, std::vector<Loaded>& good) const {
  const auto rows = static_cast<int64_t>(good.size()), classes = static_cast<int64_t>(dataset_.classes.size());
  batch.labels = at::zeros({rows, classes});
  batch.weights = at::ones({rows, classes});
  std::vector<at::Tensor> inputs;
  for (int64_t row = 0; row < rows; ++row) {
    Loaded& loaded = good[static_cast<size_t>(row)];
    const Example& from = dataset_.examples[static_cast<size_t>(loaded.example)];
    for (const int64_t label : from.labels) batch.labels.data_ptr<float>()[row * classes + label] = 1;
    for (const int64_t label : from.unsure) batch.weights.data_ptr<float>()[row * classes + label] = 0;
    inputs.push_back(std::move(loaded.input));
    batch.examples.push_back(loaded.example);
    batch.boxes.push_back(std::move(loaded.boxes));
  }
  if (rows > 0) batch.input = at::stack(inputs);
}

}  // namespace attune
