// What the model loses when it does not see a place. A window is moved over the input, what is in it is replaced, and
// the class score of the rest is taken. The map has the size of the input, one channel, and a sign: positive where the
// score drops without the place, negative where it rises.
//
// ## Equation
//
// With the input `x`, the score `y` of the class before softmax, the windows `W` on the grid, and `x \ W` the input
// whose cells in `W` hold the fill:
//
// ```
// map(s) = mean over the windows W that hide s of  y(x) - y(x \ W)
// ```
//
// Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", 2014, section 4.2, who show the score
// itself by the place of the window. Windows stand `stride` apart; the last of each axis ends with the input, so that
// every cell is hidden once at least.
//
// ## Parameters
//
// Lists hold a number for each axis in the input's order, or one for all: height and width of a picture; frames, height
// and width of a clip (`window=4,32,32`). Without `window` it is a seventh of each axis, 32 at 224, and a quarter where
// there are three axes; without `stride` it is half a window. A window that is longer than the input along one axis is
// cut; one that hides the whole input is refused, as every place would look alike. `fill` 0 is the mean colour where
// the input is normalised.
//
// ## Cost
//
// A forward pass of each window, without gradients: 169 at 224 x 224 with the defaults, 2,809 with
// `window=16,stride=4`, some 300 for a clip or a volume. They are streamed through the model in chunks, for all inputs
// of the batch together, and serve every target. There is no gradient through the map: specs that use it say
// `"stop_gradient": true`.
//
// ## Where it misleads
//
// - The map is as coarse as the window. Two places that can stand in for one another both look unimportant, as either
//   is enough while the other is hidden.
// - A filled window is a picture that the model never saw. Edges of a grey square can make the score rise or fall by
//   themselves; compare two fills.
// - A window that is larger than the thing also hides its surroundings, one much smaller hides nothing.
//
// ## Example
//
// ```sh
// attune heatmap model.pt photo.jpg --method occlusion:window=48,stride=16 --signed
// ```
//
// ```json
// {
//   "version": 1,
//   "description": "Grad-CAM is drawn towards what occlusion finds, which has no gradient of its own",
//   "target": "top1",
//   "maps": {
//     "cam": {"use": "gradcam"},
//     "occlusion": {"use": "occlusion", "window": [48], "stop_gradient": true}
//   },
//   "terms": [
//     {"maps": ["cam", "occlusion"], "match": {"use": "upsample"}, "compare": "pearson"}
//   ]
// }
// ```

#include <ATen/TensorOperators.h>
#include <ATen/core/grad_mode.h>
#include <ATen/ops/arange.h>
#include <ATen/ops/logical_and.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/where.h>
#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <vector>

#include <attune/sdk/error.h>
#include <attune/sdk/plugin.h>

#include "common/matching.h"
#include "common/rows.h"
#include "common/variants.h"

namespace {

using namespace attune;

Descriptor descriptor() {
  Descriptor d;
  d.id = "occlusion";
  d.title = "Occlusion";
  d.summary = "How far the class score drops where a window hides the input, mean over the windows at each place";
  d.citation = "Zeiler and Fergus 2014, section 4.2";
  d.formula = "mean over windows W at s of y(x) - y(x without W)";
  d.misleads = "Two places that can stand in for one another both look unimportant";
  d.reads = {"answers"};
  d.groups = {"perturbation"};
  d.parameters = {
      list("window", {}, {1, 65536},
           "Extent of the window along each axis of the input, or one for all; none: a share of each"),
      list("stride", {}, {1, 65536}, "Step from window to window along each axis, or one for all; none: half a window"),
      plugins::fill_parameter(),
  };
  d.differentiable = false;
  d.forward_passes = 170;  // at 224 x 224
  d.at_input_resolution = true;
  return d;
}

std::vector<int64_t> whole_numbers(const Parameters& parameters, const std::string& name) {
  std::vector<int64_t> numbers;
  for (const double number : parameters.list(name)) {
    numbers.push_back(std::llround(number));
    if (static_cast<double>(numbers.back()) == number) continue;
    throw Error(Fault::spec, "parameter \"" + name + "\" must hold whole numbers, not " + to_string(number));
  }
  return numbers;
}

// That of an axis, or the one for all.
int64_t of_axis(const std::vector<int64_t>& numbers, size_t axis) { return numbers[numbers.size() == 1 ? 0 : axis]; }

void check_stride(int64_t stride, int64_t window) {
  if (stride <= window) return;
  throw Error(Fault::spec, "parameter \"stride\" must not be larger than the window, " + std::to_string(window) +
                               ", or no window would hide what lies between; it is " + std::to_string(stride));
}

// Windows of one size on a grid that covers the input; the last of each axis ends with it.
class Windows {
 public:
  Windows(const at::Tensor& input, const std::vector<int64_t>& window, const std::vector<int64_t>& stride) {
    const std::vector<int64_t> extents = plugins::extents(input);
    std::vector<int64_t> lengths;
    for (size_t axis = 0; axis < extents.size(); ++axis) {
      const int64_t extent = extents[axis], share = std::max<int64_t>(1, extent / (extents.size() < 3 ? 7 : 4));
      const int64_t length = window.empty() ? share : std::min(of_axis(window, axis), extent);
      const int64_t step = stride.empty() ? std::max<int64_t>(1, length / 2) : of_axis(stride, axis);
      const int64_t last = extent - length;
      if (last > 0) check_stride(step, length);
      const auto whole = input.options().dtype(at::kLong);
      const at::Tensor starts = (at::arange((last + step - 1) / step + 1, whole) * step).clamp_max(last).unsqueeze(1);
      const at::Tensor cells = at::arange(extent, whole);
      inside_.push_back(at::logical_and(cells >= starts, cells < starts + length));
      count_ *= starts.size(0);
      lengths.push_back(length);
    }
    if (count_ == 1) refuse(lengths, extents);
  }

  int64_t count() const { return count_; }

  // [rows,1,S1..Sd], true in the windows of the given numbers.
  at::Tensor masks(const at::Tensor& numbers) const {
    std::vector<int64_t> shape(inside_.size() + 2, 1);
    shape[0] = numbers.size(0);
    at::Tensor masks = at::ones(shape, numbers.options().dtype(at::kBool));
    int64_t behind = count_;  // windows of all later axes
    for (size_t axis = 0; axis < inside_.size(); ++axis) {
      const int64_t places = inside_[axis].size(0);
      behind /= places;
      const at::Tensor place = numbers.div(behind, "floor").remainder(places);
      auto along_axis = shape;
      along_axis[axis + 2] = inside_[axis].size(1);
      masks = at::logical_and(masks, inside_[axis].index_select(0, place).view(along_axis));
    }
    return masks;
  }

  // [N,1,S1..Sd]: at each cell the mean of `values` [N,count] over the windows that hide it.
  at::Tensor mean(const at::Tensor& values) const {
    std::vector<int64_t> shape{values.size(0), 1};
    for (const at::Tensor& axis : inside_) shape.push_back(axis.size(0));
    at::Tensor sums = values.view(shape);
    at::Tensor counts = at::ones(shape, values.options());
    for (size_t axis = 0; axis < inside_.size(); ++axis) {
      const at::Tensor cells = inside_[axis].t().to(values.options());
      sums = plugins::along(sums, static_cast<int64_t>(axis) + 2, cells);
      counts = plugins::along(counts, static_cast<int64_t>(axis) + 2, cells);
    }
    return sums / counts;
  }

 private:
  [[noreturn]] static void refuse(const std::vector<int64_t>& window, const std::vector<int64_t>& input) {
    const int64_t longest = *std::max_element(input.begin(), input.end());
    throw Error(Fault::run, "a window of " + plugins::to_text(window) + " hides the whole input of " +
                                plugins::to_text(input) + ", so that every place looks alike; " +
                                (longest == 1 ? "an input of one cell has no other"
                                              : "\"window\" must be less than " + std::to_string(longest) +
                                                    ", or left out for a share of each axis"));
  }

  std::vector<at::Tensor> inside_;  // [windows,cells] of each axis
  int64_t count_ = 1;
};

class Occlusion final : public AttentionMethod {
 public:
  explicit Occlusion(const Parameters& parameters)
      : window_(whole_numbers(parameters, "window")),
        stride_(whole_numbers(parameters, "stride")),
        fill_(parameters.number("fill")) {
    if (window_.empty() || stride_.empty()) return;
    if (window_.size() != stride_.size() && window_.size() != 1 && stride_.size() != 1) {
      throw Error(Fault::spec, "parameters \"window\" and \"stride\" must hold as many numbers, or one for all");
    }
    for (size_t axis = 0; axis < std::max(window_.size(), stride_.size()); ++axis) {
      check_stride(of_axis(stride_, axis), of_axis(window_, axis));
    }
  }

  Needs needs(const Model&) const override { return {}; }

  AttentionMap attend(Pass& pass, const Target& target) const override {
    return attend(pass, std::vector<Target>{target})[0];
  }

  std::vector<AttentionMap> attend(Pass& pass, const std::vector<Target>& targets) const override {
    const at::NoGradGuard no_graph;
    const at::Tensor& input = pass.input();
    check_axes(window_, "window", input);
    check_axes(stride_, "stride", input);
    const Windows windows(input, window_, stride_);
    const at::Tensor fill = plugins::filling(input, fill_);
    const auto hidden = [&](const at::Tensor& sample, const at::Tensor& window) {
      return at::where(windows.masks(window), fill.index_select(0, sample), input.index_select(0, sample));
    };
    const auto scores = plugins::scores_of(pass, targets, windows.count(), hidden);
    std::vector<AttentionMap> maps;
    for (size_t t = 0; t < targets.size(); ++t) {
      maps.push_back({windows.mean(pass.score(targets[t]).unsqueeze(1) - scores[t]), true});
    }
    return maps;
  }

 private:
  static void check_axes(const std::vector<int64_t>& numbers, const std::string& name, const at::Tensor& input) {
    const auto axes = static_cast<size_t>(input.dim()) - 2;
    if (numbers.size() <= 1 || numbers.size() == axes) return;
    throw Error(Fault::run, "parameter \"" + name + "\" holds " + std::to_string(numbers.size()) +
                                " numbers, but the input has " + std::to_string(axes) +
                                (axes == 1 ? " axis" : " axes"));
  }

  std::vector<int64_t> window_;
  std::vector<int64_t> stride_;
  std::optional<double> fill_;
};

}  // namespace

ATTUNE_PLUGIN("occlusion", ATTUNE_VERSION, registry) { registry.add_method<Occlusion>(descriptor()); }
