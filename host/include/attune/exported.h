// Programs of torch.export over tensors that are there already.
#pragma once

#include <memory>
#include <string>

#include <attune/model.h>

namespace attune {

// `program` is the text that torch.export.save writes into a file as models/NAME.json, and `tensors` are its
// parameters, buffers and constants by the names that it has for them. They become the model's own, and nothing of them
// is copied or changed: an optimizer's step shows in the maps, and gradients arrive in the tensors that were given.
// Tensors that the program does not name are parameters too. Throws Error(Fault::input).
std::shared_ptr<ImageModel> exported_model(const std::string& program, const NamedTensorList& tensors,
                                           const ModelOptions& options = {});

}  // namespace attune
