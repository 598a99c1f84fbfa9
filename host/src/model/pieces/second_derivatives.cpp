#include <ATen/ATen.h>

#include "model/graph/operators.h"
#include "model/pieces/pieces.h"

namespace attune {
namespace {

using Mask = std::array<bool, 3>;
using Optional = c10::optional<at::Tensor>;

const c10::Symbol convolve_symbol = c10::Symbol::fromQualString("attune::convolve");
const c10::Symbol normalise_symbol = c10::Symbol::fromQualString("attune::normalise");
const c10::Symbol channels_last_symbol = c10::Symbol::fromQualString("attune::channels_last");

// How a convolution moves over its input.
struct Geometry : torch::CustomClassHolder {
  std::vector<int64_t> stride, padding, dilation, output_padding;
  bool transposed = false;
  int64_t groups = 1;

  at::Tensor forward(const at::Tensor& x, const at::Tensor& w, const Optional& b = {}) const {
    return at::convolution(x, w, b, stride, padding, dilation, transposed, output_padding, groups);
  }
  // The gradients of x, w and b that the mask asks for.
  std::tuple<at::Tensor, at::Tensor, at::Tensor> backward(const at::Tensor& g, const at::Tensor& x, const at::Tensor& w,
                                                          const Mask& mask) const {
    const std::vector<int64_t> bias{g.size(1)};
    return at::convolution_backward(g, x, w, bias, stride, padding, dilation, transposed, output_padding, groups, mask);
  }
};

const Geometry& geometry_of(AutogradContext* context) {
  return static_cast<const Geometry&>(*context->saved_data["geometry"].toCapsule());
}

at::Tensor sum(const at::Tensor& a, const at::Tensor& b) {
  if (!a.defined() || !b.defined()) return a.defined() ? a : b;
  return a + b;
}

// (g, x, w) -> those of the gradients of x, w and b that the mask asks for. As a convolution is linear in x and in w,
// its gradients are convolutions again.
struct ConvolveBackward : torch::autograd::Function<ConvolveBackward> {
  static variable_list forward(AutogradContext* context, const Variable& g, const Variable& x, const Variable& w,
                               const c10::intrusive_ptr<torch::CustomClassHolder>& geometry, const Mask& mask) {
    context->saved_data["geometry"] = c10::IValue::make_capsule(geometry);
    context->saved_data["mask"] = c10::List<bool>({mask[0], mask[1], mask[2]});
    context->set_materialize_grads(false);
    context->save_for_backward({g, x, w});
    const auto [of_x, of_w, of_b] = geometry_of(context).backward(g, x, w, mask);
    variable_list wanted;
    if (mask[0]) wanted.push_back(of_x);
    if (mask[1]) wanted.push_back(of_w);
    if (mask[2]) wanted.push_back(of_b);
    return wanted;
  }

  static variable_list backward(AutogradContext* context, variable_list given) {
    const auto saved = context->get_saved_variables();
    const Variable &g = saved[0], &x = saved[1], &w = saved[2];
    const Geometry& geometry = geometry_of(context);
    const auto mask = context->saved_data["mask"].toBoolList();
    size_t next = 0;
    const auto take = [&](size_t i) { return mask[i] ? given[next++] : Variable(); };
    const Variable of_x = take(0), of_w = take(1), of_b = take(2);
    variable_list result(5);
    if (context->needs_input_grad(0)) {
      if (of_x.defined()) result[0] = geometry.forward(of_x, w);
      if (of_w.defined()) result[0] = sum(result[0], geometry.forward(x, of_w));
      if (of_b.defined()) result[0] = sum(result[0], of_b.view(channels(g)).expand_as(g));
    }
    if (context->needs_input_grad(1) && of_w.defined()) {
      result[1] = std::get<0>(geometry.backward(g, x, of_w, {true, false, false}));
    }
    if (context->needs_input_grad(2) && of_x.defined()) {
      result[2] = std::get<1>(geometry.backward(g, of_x, w, {false, true, false}));
    }
    return result;
  }

  static std::vector<int64_t> channels(const at::Tensor& g) {
    std::vector<int64_t> shape(static_cast<size_t>(g.dim()), 1);
    shape[1] = g.size(1);
    return shape;
  }
};

struct Convolve : torch::autograd::Function<Convolve> {
  static Variable forward(AutogradContext* context, const Variable& x, const Variable& w, const Optional& b,
                          const c10::intrusive_ptr<torch::CustomClassHolder>& geometry) {
    context->saved_data["geometry"] = c10::IValue::make_capsule(geometry);
    context->saved_data["bias"] = b.has_value();
    context->set_materialize_grads(false);
    context->save_for_backward({x, w});
    return geometry_of(context).forward(x, w, b);
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    variable_list result(4);
    const bool bias = context->saved_data["bias"].toBool();
    const Mask mask{context->needs_input_grad(0), context->needs_input_grad(1), bias && context->needs_input_grad(2)};
    if (!gradients[0].defined() || !(mask[0] || mask[1] || mask[2])) return result;
    const auto saved = context->get_saved_variables();
    const auto geometry = context->saved_data["geometry"].toCapsule();
    const variable_list found = ConvolveBackward::apply(gradients[0], saved[0], saved[1], geometry, mask);
    size_t next = 0;
    for (size_t i = 0; i < 3; ++i) {
      if (mask[i]) result[i] = found[next++];
    }
    return result;
  }
};

// y = (x - mean) / sqrt(var + eps) * w + b with statistics that are constants.
struct Normalise : torch::autograd::Function<Normalise> {
  static Variable forward(AutogradContext* context, const Variable& x, const Optional& w, const Optional& b,
                          const Variable& mean, const Variable& var, double eps) {
    context->saved_data["eps"] = eps;
    context->saved_data["weight"] = w.has_value();
    context->saved_data["bias"] = b.has_value();
    context->set_materialize_grads(false);
    context->save_for_backward({x, w.value_or(at::Tensor()), mean, var});
    return at::batch_norm(x, w, b, mean, var, false, 0, eps, true);
  }

  static variable_list backward(AutogradContext* context, variable_list gradients) {
    variable_list result(6);
    const Variable& g = gradients[0];
    if (!g.defined()) return result;
    size_t edge = 1;  // inputs that are not there have none
    const auto needs = [&](const char* name) {
      return context->saved_data[name].toBool() && context->needs_input_grad(edge++);
    };
    const bool weight = needs("weight"), bias = needs("bias");
    const Mask mask{context->needs_input_grad(0), weight, bias};
    const auto saved = context->get_saved_variables();
    const double eps = context->saved_data["eps"].toDouble();
    if (!(mask[0] || mask[1] || mask[2])) return result;
    const bool only_x = mask == Mask{true, false, false};  // one product, where LibTorch sums for w and b as well
    if (at::GradMode::is_enabled() || only_x) {
      differentiable(g, saved, eps, mask, result);
    } else {
      std::tie(result[0], result[1], result[2]) =
          at::native_batch_norm_backward(g, saved[0], saved[1], saved[2], saved[3], {}, {}, false, eps, mask);
    }
    return result;
  }

  static void differentiable(const Variable& g, const variable_list& saved, double eps, const Mask& mask,
                             variable_list& result) {
    const Variable &x = saved[0], &w = saved[1], &mean = saved[2], &var = saved[3];
    const auto shape = ConvolveBackward::channels(g);
    std::vector<int64_t> others;
    for (int64_t axis = 0; axis < g.dim(); ++axis) {
      if (axis != 1) others.push_back(axis);
    }
    const at::Tensor scale = (var + eps).rsqrt();
    if (mask[0]) result[0] = g * (w.defined() ? scale * w : scale).view(shape);
    if (mask[1]) result[1] = (g * (x - mean.view(shape))).sum(others) * scale;
    if (mask[2]) result[2] = g.sum(others);
  }
};

void run_convolve(Stack& stack) {
  at::Tensor x, w;
  Optional b;
  auto geometry = c10::make_intrusive<Geometry>();
  torch::jit::pop(stack, x, w, b, geometry->stride, geometry->padding, geometry->dilation, geometry->transposed,
                  geometry->output_padding, geometry->groups);
  const int64_t rank = w.dim() - 2;
  for (auto* list : {&geometry->stride, &geometry->padding, &geometry->dilation, &geometry->output_padding}) {
    if (list->size() == 1) list->resize(static_cast<size_t>(rank), list->front());  // one number for all axes
  }
  const bool one_sample = x.dim() == rank + 1;  // [C,S1..Sd], which convN takes too
  if (one_sample) x = x.unsqueeze(0);
  const at::Tensor y = at::GradMode::is_enabled() ? Convolve::apply(x, w, b, geometry) : geometry->forward(x, w, b);
  torch::jit::push(stack, one_sample ? y.squeeze(0) : y);
}

// Of what a processor convolves faster in that order; anything else as it is.
void run_channels_last(Stack& stack) {
  at::Tensor& x = torch::jit::peek(stack, 0, 1).toTensor();
  const bool faster = at::hasMKLDNN() && x.is_cpu() && x.dim() == 4 && x.scalar_type() == at::kFloat;
  if (faster) x = x.contiguous(at::MemoryFormat::ChannelsLast);
}

void run_normalise(Stack& stack) {
  at::Tensor x, mean, var;
  Optional w, b;
  double eps = 0;
  torch::jit::pop(stack, x, w, b, mean, var, eps);
  torch::jit::push(stack, at::GradMode::is_enabled() ? Normalise::apply(x, w, b, mean, var, eps)
                                                     : at::batch_norm(x, w, b, mean, var, false, 0, eps, true));
}

const torch::jit::RegisterOperators twice_differentiable({
    own_operator("attune::channels_last(Tensor(a) x) -> Tensor(a)", run_channels_last),
    own_operator("attune::convolve(Tensor x, Tensor w, Tensor? b, int[] stride, int[] padding, int[] dilation, "
                 "bool transposed, int[] output_padding, int groups) -> Tensor",
                 run_convolve),
    own_operator("attune::normalise(Tensor x, Tensor? w, Tensor? b, Tensor mean, Tensor var, float eps) -> Tensor",
                 run_normalise),
});

void replace_convolution(Node* node, bool reorder) {
  const bool is_general = node->kind() == c10::aten::_convolution;
  Graph& graph = *node->owningGraph();
  torch::jit::WithInsertPoint point(node);
  if (node->input(4)->type()->kind() != c10::TypeKind::ListType) return;  // padding = "same"
  for (size_t i = 0; reorder && i < 2; ++i) {
    node->replaceInput(i, insert(graph, channels_last_symbol, {node->input(i)}, node->input(i)->type()));
  }
  if (!is_general || torch::jit::constant_as<bool>(node->input(6)) == false) fold_norm_behind(node);
  std::vector<Value*> inputs(node->inputs().begin(), node->inputs().begin() + 6);
  if (is_general) {
    for (size_t i = 6; i < 9; ++i) inputs.push_back(node->input(i));
  } else {
    inputs.push_back(graph.insertConstant(false));
    inputs.push_back(graph.insertConstant(std::vector<int64_t>{0}));
    inputs.push_back(node->input(6));
  }
  replace_by(node, graph.create(convolve_symbol, inputs));
}

bool is_some_convolution(const Node* node) { return is_one_of(node, {"conv1d", "conv2d", "conv3d", "_convolution"}); }

}  // namespace

void ease_second_derivatives(const LayeredGraph& graph, bool channels_last) {
  // Convolutions first, which take the norm behind them along.
  for (Node* node : nodes_where(graph->block(), is_some_convolution)) replace_convolution(node, channels_last);
  for (Node* node : nodes_where(graph->block(), is_constant_norm)) {
    const auto inputs = node->inputs();
    replace_by(node,
               graph->create(normalise_symbol, {inputs[0], inputs[1], inputs[2], inputs[3], inputs[4], inputs[7]}));
  }
}

}  // namespace attune
