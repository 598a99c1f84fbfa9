#include <ATen/TensorOperators.h>
#include <cstring>
#include <functional>
#include <initializer_list>
#include <optional>
#include <torch/csrc/jit/ir/constants.h>
#include <tuple>

#include "model/pieces/packed_convolution.h"
#include "model/pieces/pieces.h"

namespace attune {
namespace {

// A convolution and what runs together with it.
struct Site {
  Node* convolution;
  Node* norm = nullptr;
  WeightSources sources{};

  Node* last() const { return norm != nullptr ? norm : convolution; }
};

// False unless `value` is a constant tensor, or None, which leaves `tensor` undefined.
bool read_constant(const Value* value, at::Tensor& tensor) {
  const auto known = torch::jit::toIValue(value);
  if (!known || !(known->isNone() || known->isTensor())) return false;
  if (known->isTensor()) tensor = known->toTensor();
  return true;
}

// The node of this kind that alone reads what `node` gives, as its first input.
Node* only_reader(const Node* node, c10::Symbol kind) {
  const auto& uses = node->output()->uses();
  if (uses.size() != 1 || uses[0].offset != 0 || uses[0].user->kind() != kind) return nullptr;
  return uses[0].user->owningBlock() == node->owningBlock() ? uses[0].user : nullptr;
}

void find_norm(Site& site) {
  Node* norm = only_reader(site.convolution, c10::aten::batch_norm);
  if (norm == nullptr) return;
  WeightSources with_norm = site.sources;
  const auto training = torch::jit::constant_as<bool>(norm->input(5));
  const auto epsilon = torch::jit::constant_as<double>(norm->input(7));
  const bool constant =
      read_constant(norm->input(1), with_norm.scale) && read_constant(norm->input(2), with_norm.shift) &&
      read_constant(norm->input(3), with_norm.mean) && read_constant(norm->input(4), with_norm.variance);
  if (!constant || training != false || !epsilon || !with_norm.mean.defined() || !with_norm.variance.defined()) return;
  with_norm.normed = true;
  with_norm.epsilon = *epsilon;
  site.norm = norm;
  site.sources = with_norm;
}

std::optional<Site> site_of(Node* convolution) {
  Site site{convolution};
  if (!read_constant(convolution->input(1), site.sources.weight) || !site.sources.weight.defined() ||
      !read_constant(convolution->input(2), site.sources.bias)) {
    return std::nullopt;
  }
  find_norm(site);
  return site;
}

// Nothing when the window is computed, or is "same".
std::optional<Window> window_of(const Node* convolution) {
  Window window;
  size_t index = 3;
  for (auto* list : {&window.stride, &window.padding, &window.dilation}) {
    const auto value = torch::jit::toIValue(convolution->input(index++));
    if (!value || !value->isIntList()) return std::nullopt;
    *list = value->toIntVector();
    if (list->size() == 1) list->resize(2, list->front());
    if (list->size() != 2) return std::nullopt;
  }
  const size_t groups = convolution->kind() == c10::aten::_convolution ? 8 : 6;
  const auto count = torch::jit::constant_as<int64_t>(convolution->input(groups));
  if (!count) return std::nullopt;
  window.groups = *count;
  return window;
}

void add_to_key(const at::Tensor& tensor, std::vector<int64_t>& key) {
  key.push_back(tensor.defined() ? reinterpret_cast<int64_t>(tensor.data_ptr()) : 0);
  if (!tensor.defined()) return;
  key.insert(key.end(), tensor.sizes().begin(), tensor.sizes().end());
  key.insert(key.end(), tensor.strides().begin(), tensor.strides().end());
}

std::vector<int64_t> key_of(const WeightSources& sources) {
  std::vector<int64_t> key;
  for (const auto* tensor :
       {&sources.weight, &sources.bias, &sources.scale, &sources.shift, &sources.mean, &sources.variance}) {
    add_to_key(*tensor, key);
  }
  int64_t epsilon = 0;
  std::memcpy(&epsilon, &sources.epsilon, sizeof(epsilon));
  key.push_back(epsilon);
  return key;
}

c10::IValue made_once(MadeWeights& made, const std::vector<int64_t>& key, const std::function<c10::IValue()>& make) {
  c10::IValue& value = made[key];
  if (value.isNone()) value = make();
  return value;
}

void fold_norm(const Site& site, MadeWeights& made) {
  const auto folded = made_once(made, key_of(site.sources), [&] {
    const auto [weight, bias] = site.sources.fold();
    return c10::IValue(std::make_tuple(weight, bias));
  });
  Node* convolution = site.convolution;
  Graph& graph = *convolution->owningGraph();
  torch::jit::WithInsertPoint point(convolution);
  for (size_t i = 0; i < 2; ++i) {
    convolution->replaceInput(i + 1, graph.insertConstant(folded.toTupleRef().elements()[i].toTensor()));
  }
  site.norm->output()->replaceAllUsesWith(convolution->output());
  site.norm->destroy();
}

void pack(const Site& site, const Window& window, MadeWeights& made) {
  auto key = key_of(site.sources);
  for (const auto* list : {&window.stride, &window.padding, &window.dilation}) {
    key.insert(key.end(), list->begin(), list->end());
  }
  key.push_back(window.groups);
  const auto packed = made_once(made, key, [&] {
    return c10::IValue::make_capsule(c10::make_intrusive<PackedConvolution>(site.sources, window));
  });
  Node* node = site.convolution->owningGraph()->create(convolve_packed_symbol, {site.convolution->input(0)});
  node->ival_(c10::attr::value, packed);
  node->output()->setType(c10::TensorType::get());
  node->insertBefore(site.convolution);
  site.last()->output()->replaceAllUsesWith(node->output());
  for (Node* replaced : {site.norm, site.convolution}) {
    if (replaced != nullptr) replaced->destroy();
  }
}

const c10::Symbol fold_symbol = c10::Symbol::fromQualString("attune::fold");

// The weight and bias of a convolution with the batch norm behind it.
void run_fold(Stack& stack) {
  at::Tensor w, mean, var;
  c10::optional<at::Tensor> b, scale, shift;
  double eps = 0;
  torch::jit::pop(stack, w, b, scale, shift, mean, var, eps);
  at::Tensor factor = (var + eps).rsqrt();
  if (scale) factor = factor * *scale;
  at::Tensor bias = (b ? *b - mean : -mean) * factor;
  if (shift) bias = bias + *shift;
  std::vector<int64_t> shape(static_cast<size_t>(w.dim()), 1);
  shape[0] = -1;
  const auto type = w.scalar_type();
  torch::jit::push(stack, w * factor.view(shape).to(type), bias.to(type));
}

const torch::jit::RegisterOperators live_folding({
    own_operator("attune::fold(Tensor w, Tensor? b, Tensor? scale, Tensor? shift, Tensor mean, Tensor var, float eps) "
                 "-> (Tensor, Tensor)",
                 run_fold),
});

// The batch norm that alone reads the values of a convolution; checks may read its shape.
Node* norm_behind(const Node* convolution) {
  Node* norm = nullptr;
  for (const auto& use : convolution->output()->uses()) {
    if (use.user->kind() == c10::aten::dim || use.user->kind() == c10::aten::size) continue;
    const bool same_block = use.user->owningBlock() == convolution->owningBlock();
    if (norm != nullptr || use.offset != 0 || !same_block || !is_constant_norm(use.user)) return nullptr;
    norm = use.user;
  }
  return norm;
}

// Attributes and constants may be read earlier than they are.
bool move_before(Value* value, Node* node) {
  Node* made = value->node();
  if (made->kind() == c10::prim::Param || made->isBefore(node)) return true;
  if (made->kind() != c10::prim::GetAttr && made->kind() != c10::prim::Constant) return false;
  for (Value* input : made->inputs()) {
    if (!move_before(input, node)) return false;
  }
  made->moveBefore(node);
  return true;
}

}  // namespace

void prepare_convolutions(const LayeredGraph& graph, bool pack_weights, MadeWeights& made) {
  for (Node* convolution : nodes_where(graph->block(), is_plain_convolution)) {
    auto site = site_of(convolution);
    if (!site) continue;
    const auto window = pack_weights && can_be_packed(site->sources.weight) ? window_of(convolution) : std::nullopt;
    if (window) {
      pack(*site, *window, made);
    } else if (site->norm != nullptr) {
      fold_norm(*site, made);
    }
  }
}

bool is_plain_convolution(const Node* node) {
  const auto kind = node->kind();
  if (kind == c10::aten::_convolution) return torch::jit::constant_as<bool>(node->input(6)) == false;
  return kind == c10::aten::conv1d || kind == c10::aten::conv2d || kind == c10::aten::conv3d;
}

bool is_constant_norm(const Node* node) {
  if (node->kind() != c10::aten::batch_norm || node->input(3)->mustBeNone()) return false;
  const auto training = torch::jit::constant_as<bool>(node->input(5));
  return training.has_value() && !*training;
}

void fold_norm_behind(Node* convolution) {
  Node* norm = norm_behind(convolution);
  if (norm == nullptr) return;
  for (const size_t i : std::initializer_list<size_t>{1, 2, 3, 4, 7}) {
    if (!move_before(norm->input(i), convolution)) return;
  }
  Graph& graph = *convolution->owningGraph();
  Node* fold = graph.create(fold_symbol,
                            {convolution->input(1), convolution->input(2), norm->input(1), norm->input(2),
                             norm->input(3), norm->input(4), norm->input(7)},
                            2);
  fold->insertBefore(convolution);
  for (size_t i = 0; i < 2; ++i) convolution->replaceInput(i + 1, fold->output(i));
  norm->output()->replaceAllUsesWith(convolution->output());
  norm->destroy();
}

}  // namespace attune
