#include "model/output.h"

#include <vector>

#include <attune/sdk/error.h>

#include "model/layout.h"

namespace attune {
namespace {

bool is_index(const std::string& text) {
  return !text.empty() && text.size() < 10 && text.find_first_not_of("0123456789") == std::string::npos;
}

at::Tensor from_sequence(const std::vector<c10::IValue>& elements, const std::string& selector) {
  if (selector == "auto") {
    for (const auto& element : elements) {
      if (element.isTensor() && element.toTensor().defined()) return element.toTensor();
    }
    throw Error(Fault::input, "the model returns a tuple without a tensor");
  }
  if (is_index(selector) && std::stoul(selector) < elements.size() && elements[std::stoul(selector)].isTensor()) {
    return elements[std::stoul(selector)].toTensor();
  }
  throw Error(Fault::input, "the model returns a tuple of " + std::to_string(elements.size()) + " and output '" +
                                selector + "' is no tensor of it; expected an index from 0");
}

at::Tensor from_dict(const c10::Dict<c10::IValue, c10::IValue>& dict, const std::string& selector) {
  std::vector<std::string> keys;
  std::vector<at::Tensor> tensors;
  for (const auto& entry : dict) {
    if (!entry.value().isTensor()) continue;
    keys.push_back(entry.key().isString() ? entry.key().toStringRef() : std::to_string(keys.size()));
    tensors.push_back(entry.value().toTensor());
  }
  const auto find = [&](const std::string& key) {
    for (size_t i = 0; i < keys.size(); ++i) {
      if (keys[i] == key) return tensors[i];
    }
    return at::Tensor();
  };
  if (selector != "auto") {
    if (const auto tensor = find(selector); tensor.defined()) return tensor;
  } else {
    for (const char* usual : {"out", "logits"}) {
      if (const auto tensor = find(usual); tensor.defined()) return tensor;
    }
    if (tensors.size() == 1) return tensors[0];
  }
  std::string list;
  for (const auto& key : keys) list += (list.empty() ? "" : ", ") + key;
  throw Error(Fault::input, "the model returns a dict with the tensors " + list + "; name one as its output" +
                                did_you_mean(selector, keys));
}

}  // namespace

at::Tensor select_output(const c10::IValue& value, const std::string& selector) {
  if (value.isTensor()) return value.toTensor();
  if (value.isTuple()) return from_sequence(value.toTupleRef().elements().vec(), selector);
  if (value.isTensorList() || value.isList()) return from_sequence(value.toListRef().vec(), selector);
  if (value.isGenericDict()) return from_dict(value.toGenericDict(), selector);
  throw Error(Fault::input, "the model returns a " + value.tagKind() + "; expected a tensor, a tuple or a dict");
}

void check_scores(const at::Tensor& output, int64_t rows) {
  if (output.dim() == 2 && output.size(0) == rows && output.size(1) > 0 && output.is_floating_point()) return;
  throw Error(Fault::input, "the model's output has shape " + shape_text(output.sizes().vec()) + " for a batch of " +
                                std::to_string(rows) + "; expected class scores [N,K]");
}

}  // namespace attune
