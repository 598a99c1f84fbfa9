// What every fixture registers: a correlation of one line.
#pragma once

#include <string>

#include <attune/sdk/plugin.h>

#include "mark.h"

namespace {

class Dot : public attune::Correlation {
 public:
  explicit Dot(const attune::Parameters&) {}
  at::Tensor correlate(const attune::AttentionMap& a, const attune::AttentionMap& b) const override {
    return a.values.mul(b.values).flatten(1).sum(1);
  }
};

inline attune::Descriptor described(const std::string& id) {
  attune::Descriptor descriptor;
  descriptor.id = id;
  descriptor.title = "Fixture";
  return descriptor;
}

}  // namespace
