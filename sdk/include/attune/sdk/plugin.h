// The entry of a plugin. One library registers any number of components:
//
//   ATTUNE_PLUGIN("gradcam", "0.1.0", registry) { registry.add_method<GradCam>(descriptor()); }
//
// It stands once in a library, at namespace scope and outside of any namespace.
//
// The binary contract (exported struct, ELF section, load order) is written down in docs/plugin-abi.md.
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include <ATen/TensorOperators.h>

#include <attune/sdk/abi.h>
#include <attune/sdk/correlation.h>
#include <attune/sdk/descriptor.h>
#include <attune/sdk/export.h>
#include <attune/sdk/matcher.h>
#include <attune/sdk/method.h>
#include <attune/sdk/parameters.h>

namespace attune {

using MethodFactory = std::function<std::unique_ptr<AttentionMethod>(const Parameters&)>;
using MatcherFactory = std::function<std::unique_ptr<ResolutionMatcher>(const Parameters&)>;
using CorrelationFactory = std::function<std::unique_ptr<Correlation>(const Parameters&)>;

// Where a plugin leaves its components. Registering creates no component: factories are called when a spec or a command
// asks for one. Throws Error(Fault::plugin) for an id or parameter name that is not allowed, or a duplicate id.
class ATTUNE_SDK_API Registry {
 public:
  virtual ~Registry();

  virtual void add(Descriptor descriptor, MethodFactory factory) = 0;
  virtual void add(Descriptor descriptor, MatcherFactory factory) = 0;
  virtual void add(Descriptor descriptor, CorrelationFactory factory) = 0;

  // The usual case: T is made from a `const Parameters&`.
  template <class T>
  void add_method(Descriptor descriptor) {
    add(std::move(descriptor), MethodFactory([](const Parameters& p) { return std::make_unique<T>(p); }));
  }
  template <class T>
  void add_matcher(Descriptor descriptor) {
    add(std::move(descriptor), MatcherFactory([](const Parameters& p) { return std::make_unique<T>(p); }));
  }
  template <class T>
  void add_correlation(Descriptor descriptor) {
    add(std::move(descriptor), CorrelationFactory([](const Parameters& p) { return std::make_unique<T>(p); }));
  }
};

}  // namespace attune
