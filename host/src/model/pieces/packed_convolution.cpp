#include "model/pieces/packed_convolution.h"

#include <ATen/ATen.h>
#include <ATen/core/LegacyTypeDispatch.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <ATen/core/grad_mode.h>
#include <c10/core/InferenceMode.h>

#include "model/graph/operators.h"

namespace attune {
namespace {

constexpr auto channels_last_order = at::MemoryFormat::ChannelsLast;

// Calls an operator that has no C++ function.
c10::IValue call(const c10::OperatorHandle& function, Stack arguments) {
  function.callBoxed(&arguments);
  return arguments.back();
}

c10::OperatorHandle prepacked(const char* name) { return c10::Dispatcher::singleton().findSchemaOrThrow(name, ""); }

// With strides that say so even where a kernel of one pixel, or a single channel, makes both orders the same.
at::Tensor channels_last_weight(const at::Tensor& weight) {
  const int64_t in = weight.size(1), height = weight.size(2), width = weight.size(3);
  return weight.contiguous(channels_last_order).as_strided(weight.sizes(), {in * height * width, 1, width * in, in});
}

// Without oneDNN's own rectifier, which makes zero of NaN.
c10::IValue pack(const at::Tensor& weight, const at::Tensor& bias, const Window& window, at::IntArrayRef size) {
  static const c10::OperatorHandle prepack = prepacked("mkldnn_prepacked::conv2d_prepack");
  at::Tensor plain = channels_last_weight(weight).detach();  // a view would hold what it is of
  auto packed = call(prepack, {plain, bias.defined() ? c10::IValue(bias) : c10::IValue(), window.stride, window.padding,
                               window.dilation, window.groups, size.vec(), "none"});
  const at::AutoDispatchBelowADInplaceOrView no_new_version;  // which the user's weight would have, too
  plain.set_();  // it is kept beside the packed weight, for the sake of files that nobody writes
  return packed;
}

// Whether the padded input is as large as the kernel.
bool is_covered(const at::Tensor& x, const at::Tensor& weight, const Window& window) {
  for (size_t axis = 0; axis < 2; ++axis) {
    const auto at = static_cast<int64_t>(axis) + 2;
    if (x.size(at) + 2 * window.padding[axis] <= window.dilation[axis] * (weight.size(at) - 1)) return false;
  }
  return true;
}

struct ConvolvePacked : torch::autograd::Function<ConvolvePacked> {
  static Variable forward(AutogradContext* context, const Variable& x,
                          const c10::intrusive_ptr<torch::CustomClassHolder>& convolution) {
    context->saved_data["convolution"] = c10::IValue::make_capsule(convolution);
    context->set_materialize_grads(false);
    context->save_for_backward({x});
    return static_cast<PackedConvolution&>(*convolution).forward(x.detach());
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    if (!gradients[0].defined()) return {Variable(), Variable()};
    TORCH_CHECK(!at::GradMode::is_enabled(), "a pass without a graph has no gradients of gradients");
    const auto convolution = context->saved_data["convolution"].toCapsule();
    const Variable x = context->get_saved_variables()[0];
    return {static_cast<PackedConvolution&>(*convolution).input_gradient(gradients[0], x), Variable()};
  }
};

torch::jit::Operation run_convolve_packed(const torch::jit::Node* node) {
  const auto convolution = node->ival(c10::attr::value).toCapsule();
  return [convolution](Stack& stack) {
    const at::Tensor x = torch::jit::pop(stack).toTensor();
    auto& packed = static_cast<PackedConvolution&>(*convolution);
    const bool recorded = at::GradMode::is_enabled() && x.requires_grad() && packed.fits(x);
    torch::jit::push(stack, recorded ? ConvolvePacked::apply(x, convolution) : packed.forward(x));
  };
}

// Without a schema: of an operator with one, a program would run a single node's operation everywhere.
const torch::jit::RegisterOperators packed_convolutions({
    torch::jit::Operator(c10::Symbol::fromQualString("attune::convolve_packed"), run_convolve_packed,
                         c10::AliasAnalysisKind::PURE_FUNCTION),
});

}  // namespace

std::pair<at::Tensor, at::Tensor> WeightSources::fold() const {
  if (!normed) return {weight, bias};
  const c10::InferenceMode ordinary(false);  // passes with gradients use the result too
  const at::NoGradGuard no_grad;
  at::Tensor factor = (variance.to(at::kDouble) + epsilon).rsqrt();
  if (scale.defined()) factor = factor * scale.to(at::kDouble);
  std::vector<int64_t> shape(static_cast<size_t>(weight.dim()), 1);
  shape[0] = -1;
  at::Tensor offset = -mean.to(at::kDouble);
  if (bias.defined()) offset = offset + bias.to(at::kDouble);
  offset = offset * factor;
  if (shift.defined()) offset = offset + shift.to(at::kDouble);
  return {(weight.to(at::kDouble) * factor.view(shape)).to(weight.scalar_type()), offset.to(weight.scalar_type())};
}

bool can_be_packed(const at::Tensor& weight) {
  auto& operators = c10::Dispatcher::singleton();
  static const bool supported = at::hasMKLDNN() && operators.findSchema({"mkldnn_prepacked::conv2d_prepack", ""}) &&
                                operators.findSchema({"mkldnn_prepacked::conv2d_run", ""});
  return supported && at::globalContext().userEnabledMkldnn() && weight.dim() == 4 && weight.is_cpu() &&
         weight.layout() == at::kStrided && weight.scalar_type() == at::kFloat && weight.numel() > 0;
}

at::Tensor Packing::run(const at::Tensor& x) {
  const at::Tensor input = x.contiguous(channels_last_order);
  static const c10::OperatorHandle run = prepacked("mkldnn_prepacked::conv2d_run");
  return call(run, {input, packed_for(input.sizes())}).toTensor();
}

c10::IValue Packing::packed_for(at::IntArrayRef size) {
  const std::lock_guard<std::mutex> lock(mutex_);
  const bool again = size == at::IntArrayRef(last_size_);
  if (packed_.isNone() || (again && size != at::IntArrayRef(size_))) {
    const at::NoGradGuard no_grad;
    packed_ = pack_(size);
    size_ = size.vec();
  }
  last_size_ = size.vec();
  return packed_;
}

PackedConvolution::PackedConvolution(WeightSources sources, Window window)
    : sources_(std::move(sources)),
      window_(std::move(window)),
      forward_([this](at::IntArrayRef size) {
        const auto [weight, bias] = sources_.fold();
        return pack(weight, bias, window_, size);
      }),
      backward_([this](at::IntArrayRef size) { return pack_gradient(size); }) {
  if (turned(window_, sources_.weight)) {
    gradient_ = Gradient::convolution;
  } else if (Phases::are_cheaper(window_, sources_.weight)) {
    gradient_ = Gradient::by_phase;
  }
}

c10::IValue PackedConvolution::pack_gradient(at::IntArrayRef size) const {
  const at::Tensor weight = sources_.fold().first;
  if (gradient_ == Gradient::convolution) {
    return pack(turned(weight, window_.groups), {}, *turned(window_, weight), size);
  }
  const Phases phases(window_, weight);
  return pack(phases.weight_of(weight), {}, phases.window(), size);
}

bool PackedConvolution::fits(const at::Tensor& x) const {
  return x.dim() == 4 && x.is_cpu() && x.layout() == at::kStrided && x.scalar_type() == at::kFloat && x.numel() > 0 &&
         x.size(1) == sources_.weight.size(1) * window_.groups && is_covered(x, sources_.weight, window_);
}

at::Tensor PackedConvolution::forward(const at::Tensor& x) {
  if (fits(x)) return forward_.run(x);
  const auto [weight, bias] = sources_.fold();
  return at::conv2d(x, weight, bias, window_.stride, window_.padding, window_.dilation, window_.groups);
}

const at::Tensor& PackedConvolution::plain_weight() {
  const std::lock_guard<std::mutex> lock(mutex_);
  if (!plain_weight_.defined()) plain_weight_ = sources_.fold().first.contiguous(channels_last_order);
  return plain_weight_;
}

at::Tensor PackedConvolution::input_gradient(const at::Tensor& g, const at::Tensor& x) {
  if (gradient_ == Gradient::convolution) return backward_.run(g);
  if (gradient_ == Gradient::by_phase) {
    return Phases(window_, sources_.weight).join(backward_.run(g), window_, x.sizes());
  }
  return std::get<0>(at::convolution_backward(g, x, plain_weight(), at::OptionalIntArrayRef(), window_.stride,
                                              window_.padding, window_.dilation, false, {0, 0}, window_.groups,
                                              {true, false, false}));
}

at::Tensor turned(const at::Tensor& weight, int64_t groups) {
  const int64_t out = weight.size(0), in = weight.size(1);
  return weight.reshape({groups, out / groups, in, weight.size(2), weight.size(3)})
      .transpose(1, 2)
      .reshape({groups * in, out / groups, weight.size(2), weight.size(3)})
      .flip({2, 3});
}

std::optional<Window> turned(const Window& window, const at::Tensor& weight) {
  Window result{{1, 1}, {}, window.dilation, window.groups};
  for (size_t axis = 0; axis < 2; ++axis) {
    const int64_t reach = window.dilation[axis] * (weight.size(static_cast<int64_t>(axis) + 2) - 1);
    if (window.stride[axis] != 1 || window.padding[axis] > reach) return std::nullopt;
    result.padding.push_back(reach - window.padding[axis]);
  }
  return result;
}

Phases::Phases(const Window& window, const at::Tensor& weight)
    : stride_(window.stride[0]),
      high_((weight.size(2) + stride_ - 1) / stride_),
      wide_((weight.size(3) + stride_ - 1) / stride_) {}

bool Phases::are_cheaper(const Window& window, const at::Tensor& weight) {
  if (window.groups != 1 || window.stride[0] != window.stride[1] || window.dilation[0] * window.dilation[1] != 1) {
    return false;
  }
  const auto rounded = [](int64_t channels) { return (channels + 15) / 16 * 16; };
  const Phases phases(window, weight);
  const int64_t in = weight.size(1);
  return rounded(in * phases.stride_ * phases.stride_) * phases.high_ * phases.wide_ <
         rounded(in) * weight.size(2) * weight.size(3);
}

at::Tensor Phases::weight_of(const at::Tensor& weight) const {
  const int64_t out = weight.size(0), in = weight.size(1);
  return at::constant_pad_nd(weight, {0, wide_ * stride_ - weight.size(3), 0, high_ * stride_ - weight.size(2)})
      .reshape({out, in, high_, stride_, wide_, stride_})
      .permute({1, 3, 5, 0, 2, 4})
      .reshape({in * stride_ * stride_, out, high_, wide_})
      .flip({2, 3});
}

Window Phases::window() const { return {{1, 1}, {high_ - 1, wide_ - 1}, {1, 1}, 1}; }

at::Tensor Phases::join(const at::Tensor& phases, const Window& window, at::IntArrayRef size) const {
  const at::Tensor padded = at::pixel_shuffle(phases, stride_);
  const int64_t top = window.padding[0], left = window.padding[1];
  return at::constant_pad_nd(padded, {-left, size[3] + left - padded.size(3), -top, size[2] + top - padded.size(2)});
}

}  // namespace attune
