#include "demo/train.h"

#include <ATen/Parallel.h>
#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>
#include <string>
#include <torch/csrc/autograd/autograd.h>
#include <torch/optim/adam.h>
#include <utility>
#include <vector>

#include <attune/sdk/error.h>

#include "base/random.h"
#include "demo/pictures.h"

namespace attune {
namespace {

constexpr double peak_rate = 4e-3;
constexpr double warm_up = 0.06;  // share of the steps
constexpr double weight_decay = 1e-4;
constexpr int64_t check_batch = 64;

struct Drawn {
  at::Tensor images;   // uint8 [N, 3, S, S]
  at::Tensor targets;  // float [N, K], 1 where the class is there
};

Drawn draw(uint64_t first_seed, int64_t count, int size) {
  const auto classes = static_cast<int64_t>(demo_labels().size());
  Drawn drawn = {at::empty({count, 3, size, size}, at::kByte), at::zeros({count, classes})};
  at::parallel_for(0, count, 8, [&](int64_t begin, int64_t end) {
    const at::NoGradGuard no_grad;
    for (int64_t i = begin; i < end; ++i) {
      const DemoPicture picture = demo_picture(first_seed + static_cast<uint64_t>(i), size);
      drawn.images.select(0, i).copy_(picture.image.permute({2, 0, 1}));
      auto* target = drawn.targets.data_ptr<float>() + i * classes;
      for (const DemoBox& box : picture.boxes) target[box.label] = 1;
    }
  });
  return drawn;
}

at::Tensor scaled(const at::Tensor& images) {
  return images.to(at::kFloat).div_(255).sub_(demo_mean).div_(demo_deviation);
}

at::Device device_of(const TrainingModel& network) { return network.state().begin()->second.device(); }

double rate_at(int64_t step, int64_t steps) {
  const double done = (static_cast<double>(step) + 0.5) / static_cast<double>(steps);
  if (done < warm_up) return peak_rate * done / warm_up;
  return peak_rate * 0.5 * (1 + std::cos(std::numbers::pi * (done - warm_up) / (1 - warm_up)));
}

void check(const DemoTraining& training) {
  const auto refuse = [](const std::string& what) { throw Error(Fault::usage, "training the demo network: " + what); };
  if (training.epochs < 1) refuse(std::to_string(training.epochs) + " epochs, at least 1 is needed");
  if (training.batch < 2) refuse("a batch of " + std::to_string(training.batch) + ", at least 2 is needed");
  if (training.pictures < training.batch) {
    refuse(std::to_string(training.pictures) + " pictures do not fill a batch of " + std::to_string(training.batch));
  }
}

class Trainer {
 public:
  Trainer(TrainingModel& network, const DemoTraining& training)
      : network_(network),
        training_(training),
        random_(training.seed),
        device_(device_of(network)),
        optimiser_(network.freeze({}), torch::optim::AdamOptions(peak_rate).weight_decay(weight_decay)),
        // Scrambled, so that the trainings of neighbouring seeds share no pictures; the top bit is kept for others.
        drawn_(draw(scramble(training.seed) & (demo_held_out_seed - 1), training.pictures, training.size)) {}

  double run() {
    const int64_t per_epoch = training_.pictures / training_.batch, steps = per_epoch * training_.epochs;
    std::vector<int64_t> order(static_cast<size_t>(training_.pictures));
    std::iota(order.begin(), order.end(), 0);
    double sum = 0;
    for (int64_t step = 0; step < steps; ++step) {
      const int64_t at = step % per_epoch;
      if (at == 0) random_.shuffle(order);
      const double loss = this->step(order.data() + at * training_.batch, rate_at(step, steps));
      sum = (at == 0 ? 0 : sum) + loss;
      const bool stop = training_.progress && !training_.progress(step + 1, steps, loss);
      if (stop || step + 1 == steps) return sum / static_cast<double>(at + 1);
    }
    return sum;
  }

 private:
  double step(int64_t* chosen, double rate) {
    const at::Tensor indices = at::from_blob(chosen, {training_.batch}, at::kLong);
    at::Tensor images = scaled(drawn_.images.index_select(0, indices));
    for (int64_t i = 0; i < training_.batch; ++i) {
      if (random_.chance(0.5)) images.select(0, i).copy_(images.select(0, i).flip({2}));
    }
    static_cast<torch::optim::AdamOptions&>(optimiser_.param_groups()[0].options()).lr(rate);
    for (at::Tensor& parameter : optimiser_.param_groups()[0].params()) parameter.mutable_grad() = at::Tensor();
    const at::Tensor logits = network_.forward(images.to(device_), "auto");
    const at::Tensor targets = drawn_.targets.index_select(0, indices).to(device_);
    const at::Tensor loss = at::binary_cross_entropy_with_logits(logits, targets);
    loss.backward();
    optimiser_.step();
    return loss.item<double>();
  }

  TrainingModel& network_;
  const DemoTraining& training_;
  Random random_;
  at::Device device_;
  torch::optim::Adam optimiser_;
  Drawn drawn_;
};

}  // namespace

at::Tensor demo_input(const at::Tensor& image) { return scaled(image.permute({2, 0, 1}).contiguous()); }

double train_demo(TrainingModel& network, const DemoTraining& training) {
  check(training);
  const at::AutoGradMode with_gradients(true);
  network.train(true);
  const double loss = Trainer(network, training).run();
  for (at::Tensor& parameter : network.freeze({})) parameter.mutable_grad() = at::Tensor();
  network.restore_flags();
  return loss;
}

double demo_f1(TrainingModel& network, uint64_t first_seed, int64_t pictures, int size) {
  const at::NoGradGuard no_grad;
  network.restore_flags();
  const auto classes = static_cast<int64_t>(demo_labels().size());
  at::Tensor hits = at::zeros({classes}), claims = at::zeros({classes}), truths = at::zeros({classes});
  for (int64_t first = 0; first < pictures; first += check_batch) {
    const Drawn drawn = draw(first_seed + static_cast<uint64_t>(first), std::min(check_batch, pictures - first), size);
    const at::Tensor logits = network.forward(scaled(drawn.images).to(device_of(network)), "auto");
    const at::Tensor found = logits.cpu().gt(0).to(at::kFloat);
    hits += (found * drawn.targets).sum(0);
    claims += found.sum(0);
    truths += drawn.targets.sum(0);
  }
  return (2 * hits / (claims + truths).clamp_min(1)).mean().item<double>();
}

}  // namespace attune
