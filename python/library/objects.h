// What Python holds of attune: objects of TorchScript's registry of classes, and how their errors arrive.
#pragma once

#include <c10/core/DispatchKeySet.h>
#include <c10/core/InferenceMode.h>
#include <c10/core/impl/LocalDispatchKeySet.h>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <torch/custom_class.h>
#include <tuple>
#include <utility>
#include <vector>

#include <attune/consistency_loss.h>
#include <attune/model.h>

#include "model/failure.h"

namespace attune::python {

struct CatalogueObject : torch::CustomClassHolder {
  explicit CatalogueObject(Catalogue given) : catalogue(std::move(given)) {}
  const Catalogue catalogue;
};

struct ModelObject : torch::CustomClassHolder {
  explicit ModelObject(std::shared_ptr<ImageModel> given) : model(std::move(given)) {}
  const std::shared_ptr<ImageModel> model;
};

struct LossObject : torch::CustomClassHolder {
  explicit LossObject(ConsistencyLoss given) : loss(std::move(given)) {}
  const ConsistencyLoss loss;
};

using CatalogueHandle = c10::intrusive_ptr<CatalogueObject>;
using ModelHandle = c10::intrusive_ptr<ModelObject>;
using LossHandle = c10::intrusive_ptr<LossObject>;

// Python sees of an exception its text alone, which tells attune's own by this beginning: "attune:5:sentence".
[[noreturn]] inline void pass_on(Fault fault, const std::string& sentence) {
  throw std::runtime_error("attune:" + std::to_string(static_cast<int>(fault)) + ":" + sentence);
}

// What ends with an exception of Python's, which it will find in take_raised().
constexpr const char* interrupted = "interrupted";

// Whatever is called from Python: what it throws arrives there as a sentence.
template <class Call>
auto told(Call&& call) -> decltype(call()) {
  try {
    return std::forward<Call>(call)();
  } catch (const Error& error) {
    pass_on(error.fault(), error.what());
  } catch (...) {
    pass_on(Fault::run, reason_of_current());
  }
}

// What a caller has switched on for its own operators is not meant for maps: under torch.autocast they are computed in
// the model's own type, and under torch.inference_mode, which records no gradient, as under torch.no_grad.
class PlainMode {
 public:
  PlainMode()
      : no_autocast_(c10::autocast_dispatch_keyset),
        records_(at::GradMode::is_enabled() && !c10::InferenceMode::is_enabled()),
        no_inference_(c10::InferenceMode::is_enabled() ? std::make_unique<c10::InferenceMode>(false) : nullptr),
        mode_(records_) {}

  // A tensor of torch.inference_mode cannot be part of a graph: a copy is.
  at::Tensor usable(const at::Tensor& tensor) const {
    return tensor.defined() && tensor.is_inference() ? tensor.clone() : tensor;
  }

 private:
  const c10::impl::ExcludeDispatchKeyGuard no_autocast_;
  const bool records_;
  const std::unique_ptr<c10::InferenceMode> no_inference_;
  const at::AutoGradMode mode_;
};

// Tensors and names in two lists, as TorchScript's types have it.
using TensorTable = std::tuple<std::vector<std::string>, std::vector<at::Tensor>>;

NamedTensorList named(const std::vector<std::string>& names, const std::vector<at::Tensor>& tensors);
TensorTable table(const NamedTensorList& tensors);

// Of model.cpp and loss.cpp.
void register_model(torch::Library& library);
void register_loss(torch::Library& library);

}  // namespace attune::python
