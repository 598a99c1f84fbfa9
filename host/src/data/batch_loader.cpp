#include "data/batch_loader.h"

#include <ATen/ATen.h>

#include "base/random.h"
#include "image/input_file.h"
#include "image/mat.h"

namespace attune {
namespace {

constexpr uint64_t second_of_two = 2;  // views of an example, in its seeds

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

// How an example is changed, and the input that this makes.
struct View {
  const std::vector<Augmentation>& augmentations;
  uint64_t seed = 0;
  at::Tensor& input;
};

// Frames of a clip have one seed and so change alike; none has a box.
void load_clip(const Example& example, const LoaderOptions& options, const std::vector<View>& views) {
  const auto [height, width] = options.preprocess.size;
  const auto channels = static_cast<int64_t>(options.preprocess.mean.size());
  for (const View& view : views) view.input = at::empty({channels, options.clip.frames, height, width}, at::kFloat);
  read_clip(example.path, options.clip, [&](int64_t index, const Image& frame, double) {
    for (const View& view : views) {
      std::vector<Image> picture{frame};
      std::vector<Box> boxes;
      augment(picture, boxes, view.augmentations, view.seed);
      view.input.select(1, index).copy_(preprocess(picture[0], options.preprocess));
    }
  });
}

// One view of a picture, and the boxes in pixels of that input.
at::Tensor see(const Image& image, std::vector<Box>& boxes, const LoaderOptions& options, const View& view) {
  std::vector<Image> picture{image};
  augment(picture, boxes, view.augmentations, view.seed);
  const auto [height, width] = options.preprocess.size;
  const Region seen = covered(picture[0].size(0), picture[0].size(1), options.preprocess);
  const double x_scale = static_cast<double>(width) / seen.width, y_scale = static_cast<double>(height) / seen.height;
  change_boxes(boxes, height, width, [&](const Region& region) {
    return Region{region.x - seen.x, region.y - seen.y, region.width, region.height}.scaled(x_scale, y_scale);
  });
  return preprocess(picture[0], options.preprocess);
}

// `boxes`: of the first view.
void load_picture(const Example& example, const LoaderOptions& options, const std::vector<View>& views,
                  std::vector<Box>& boxes) {
  const Image image = read_image(example.path);
  require_fit(example, image);
  for (const View& view : views) {
    std::vector<Box> seen = example.boxes;
    view.input = see(image, seen, options, view);
    if (&view == &views[0]) boxes = std::move(seen);
  }
}

LoaderOptions checked(const Dataset& dataset, const std::vector<Draw>& order, LoaderOptions options) {
  check(options.preprocess);
  check(options.clip);
  for (const Augmentation& augmentation : options.augmentations) check(augmentation);
  for (const Augmentation& augmentation : options.second_view.value_or(std::vector<Augmentation>())) {
    check(augmentation);
  }
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
          [](const Loaded& loaded) {
            size_t bytes = 0;
            for (const at::Tensor& view : {loaded.input, loaded.second_view}) {
              if (view.defined()) bytes += view.nbytes();
            }
            return static_cast<int64_t>(bytes);
          },
          2 * options_.batch + options_.threads, options_.threads) {}

BatchLoader::Loaded BatchLoader::load(const Draw& draw) const {
  Loaded loaded{draw.example};
  const Example& from = dataset_.examples[static_cast<size_t>(draw.example)];
  std::vector<View> views{{options_.augmentations, draw.seed, loaded.input}};
  if (options_.second_view) {
    views.push_back({*options_.second_view, derive_seed({draw.seed, second_of_two}), loaded.second_view});
  }
  loaded.error = attempt(from.path.string(), [&] {
    if (dataset_.clips) {
      load_clip(from, options_, views);
    } else {
      load_picture(from, options_, views, loaded.boxes);
    }
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
  std::vector<at::Tensor> inputs, second_views;
  for (int64_t row = 0; row < rows; ++row) {
    Loaded& loaded = good[static_cast<size_t>(row)];
    const Example& from = dataset_.examples[static_cast<size_t>(loaded.example)];
    for (const int64_t label : from.labels) batch.labels.data_ptr<float>()[row * classes + label] = 1;
    for (const int64_t label : from.unsure) batch.weights.data_ptr<float>()[row * classes + label] = 0;
    inputs.push_back(std::move(loaded.input));
    second_views.push_back(std::move(loaded.second_view));
    batch.examples.push_back(loaded.example);
    batch.boxes.push_back(std::move(loaded.boxes));
  }
  if (rows > 0) batch.input = at::stack(inputs);
  if (rows > 0 && options_.second_view) batch.second_view = at::stack(second_views);
}

}  // namespace attune
