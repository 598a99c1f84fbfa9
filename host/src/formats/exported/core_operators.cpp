// Operators that torch.export writes and that have no place in a graph that is differentiated: what
// run_decompositions() makes of layers (they return statistics too, and some have no second derivative), and what older
// versions of LibTorch lack.
#include <torch/csrc/jit/api/compilation_unit.h>
#include <torch/csrc/jit/frontend/resolver.h>

#include "formats/exported/program.h"

namespace attune {
namespace {

// Functions of the operators' names, which take the operators' arguments.
const char* const source = R"(
def convolution(input, weight, bias: Optional[Tensor], stride: List[int], padding: List[int], dilation: List[int],
                transposed: bool, output_padding: List[int], groups: int):
    if transposed:
        if len(stride) == 1:
            y = torch.conv_transpose1d(input, weight, bias, stride, padding, output_padding, groups, dilation)
        elif len(stride) == 2:
            y = torch.conv_transpose2d(input, weight, bias, stride, padding, output_padding, groups, dilation)
        else:
            y = torch.conv_transpose3d(input, weight, bias, stride, padding, output_padding, groups, dilation)
    elif len(stride) == 1:
        y = torch.conv1d(input, weight, bias, stride, padding, dilation, groups)
    elif len(stride) == 2:
        y = torch.conv2d(input, weight, bias, stride, padding, dilation, groups)
    else:
        y = torch.conv3d(input, weight, bias, stride, padding, dilation, groups)
    return y

def _native_batch_norm_legit_no_training(input, weight: Optional[Tensor], bias: Optional[Tensor], running_mean,
                                         running_var, momentum: float, eps: float):
    y = torch.batch_norm(input, weight, bias, running_mean, running_var, False, momentum, eps, False)
    return y, running_mean, running_var

def _native_batch_norm_legit(input, weight: Optional[Tensor], bias: Optional[Tensor], training: bool, momentum: float,
                             eps: float):
    y = torch.batch_norm(input, weight, bias, None, None, training, momentum, eps, False)
    return y, y, y

def native_layer_norm(input, normalized_shape: List[int], weight: Optional[Tensor], bias: Optional[Tensor],
                      eps: float):
    y = torch.layer_norm(input, normalized_shape, weight, bias, eps)
    return y, y, y

def native_group_norm(input, weight: Optional[Tensor], bias: Optional[Tensor], N: int, C: int, HxW: int, group: int,
                      eps: float):
    y = torch.group_norm(input, group, weight, bias, eps)
    return y, y, y

def native_dropout(input, p: float, train: Optional[bool]):
    return input, input

def _softmax(self, dim: int, half_to_float: bool):
    return torch.softmax(self, dim)

def _safe_softmax(self, dim: int, dtype: Optional[int] = None):
    return torch.softmax(self, dim)

def _log_softmax(self, dim: int, half_to_float: bool):
    return torch.log_softmax(self, dim)

def _adaptive_avg_pool2d(self, output_size: List[int]):
    return torch.adaptive_avg_pool2d(self, output_size)

def _adaptive_avg_pool3d(self, output_size: List[int]):
    return torch.adaptive_avg_pool3d(self, output_size)

def max_pool2d_with_indices(self, kernel_size: List[int], stride: List[int] = [], padding: List[int] = [0, 0],
                            dilation: List[int] = [1, 1], ceil_mode: bool = False):
    y = torch.max_pool2d(self, kernel_size, stride, padding, dilation, ceil_mode)
    return y, y

def max_pool3d_with_indices(self, kernel_size: List[int], stride: List[int] = [], padding: List[int] = [0, 0, 0],
                            dilation: List[int] = [1, 1, 1], ceil_mode: bool = False):
    y = torch.max_pool3d(self, kernel_size, stride, padding, dilation, ceil_mode)
    return y, y

def lift_fresh_copy(self):
    return self

def alias(self):
    return self

def detach_(self):
    return self.detach()

def _unsafe_view(self, size: List[int]):
    return self.reshape(size)

def _unsafe_index(self, indices: List[Optional[Tensor]]):
    return torch.index(self, indices)
)";

// LibTorch before 2.0 has no such operator. 11 is the type of booleans.
const char* const attention_source = R"(
def scaled_dot_product_attention(query, key, value, attn_mask: Optional[Tensor] = None, dropout_p: float = 0.0,
                                 is_causal: bool = False, scale: Optional[float] = None, enable_gqa: bool = False):
    factor = float(query.size(-1)) ** -0.5
    if scale is not None:
        factor = scale
    logits = torch.matmul(query * factor, key.transpose(-2, -1))
    if is_causal:
        ones = torch.ones([query.size(-2), key.size(-2)], dtype=11, device=query.device)
        logits = logits.masked_fill(ones.tril().logical_not(), float("-inf"))
    if attn_mask is not None:
        if attn_mask.dtype == 11:
            logits = logits.masked_fill(attn_mask.logical_not(), float("-inf"))
        else:
            logits = logits + attn_mask
    return torch.matmul(torch.softmax(logits, -1), value)
)";

const char* const fused_attention_source = R"(
def _scaled_dot_product_flash_attention_for_cpu(query, key, value, dropout_p: float = 0.0, is_causal: bool = False,
                                                attn_mask: Optional[Tensor] = None, scale: Optional[float] = None):
    y = scaled_dot_product_attention(query, key, value, attn_mask, dropout_p, is_causal, scale)
    return y, y

def _scaled_dot_product_efficient_attention(query, key, value, attn_bias: Optional[Tensor], compute_log_sumexp: bool,
                                            dropout_p: float = 0.0, is_causal: bool = False,
                                            scale: Optional[float] = None):
    y = scaled_dot_product_attention(query, key, value, attn_bias, dropout_p, is_causal, scale)
    return y, y, y, y
)";

const char* const attention_operator = R"(
def scaled_dot_product_attention(query, key, value, attn_mask: Optional[Tensor] = None, dropout_p: float = 0.0,
                                 is_causal: bool = False, scale: Optional[float] = None, enable_gqa: bool = False):
    return torch.scaled_dot_product_attention(query, key, value, attn_mask, dropout_p, is_causal, scale=scale)
)";

std::shared_ptr<torch::jit::CompilationUnit> compile() {
  const bool has_attention =
      !torch::jit::getAllOperatorsFor(c10::Symbol::fromQualString("aten::scaled_dot_product_attention")).empty();
  auto unit = std::make_shared<torch::jit::CompilationUnit>();
  const std::string text =
      std::string(source) + (has_attention ? attention_operator : attention_source) + fused_attention_source;
  unit->define({}, text, torch::jit::nativeResolver(), nullptr);
  return unit;
}

}  // namespace

torch::jit::GraphFunction* core_operator(const std::string& name) {
  static const auto unit = compile();
  torch::jit::Function* function = unit->find_function(name);
  return function == nullptr ? nullptr : &torch::jit::toGraphFunction(*function);
}

}  // namespace attune
