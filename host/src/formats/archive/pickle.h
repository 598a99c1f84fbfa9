// What torch.save writes, as far as it is tensors by name. Nothing of it is run.
#pragma once

#include <c10/core/ScalarType.h>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace attune {

// A tensor in one of an archive's records.
struct StoredTensor {
  std::string record;
  c10::ScalarType type = c10::ScalarType::Float;
  std::vector<int64_t> sizes, strides;
  int64_t offset = 0;  // in elements
};

// Of the record data.pkl; the tensors lie in the records data/N. Throws Error(Fault::input) for anything but a
// dictionary of tensors by name, and for one that is damaged.
std::map<std::string, StoredTensor> pickled_tensors(const std::string& pickle);

}  // namespace attune
