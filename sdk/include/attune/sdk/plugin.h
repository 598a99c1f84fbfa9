// The entry of a plugin. One library registers any number of components:
//
//   ATTUNE_PLUGIN("gradcam", "0.1.0", registry) { registry.add_method<GradCam>(descriptor()); }
//
// It stands once in a library, at namespace scope and outside of any namespace.
//
// The binary contract (exported struct, ELF section, load order) is written down in docs/plugin-abi.md.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <type_traits>
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

// What the host makes of a component's parameters, for the time of its factory's call.
class ATTUNE_SDK_API Parts {
 public:
  virtual ~Parts();

  // The method that the parameter names, a new object with each call; `changed` parameters of it take other values than
  // those given, such as another layer. Throws what making it throws.
  virtual std::unique_ptr<AttentionMethod> method(const std::string& parameter,
                                                  const std::map<std::string, ParameterValue>& changed = {}) = 0;
  // What that method says of itself, with what methods nested in it decide filled in.
  virtual Descriptor descriptor(const std::string& parameter) const = 0;
};

using MethodFactory = std::function<std::unique_ptr<AttentionMethod>(const Parameters&, Parts&)>;
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

  // The usual case: T is made from a `const Parameters&`, or, where methods are nested, from that and a `Parts&`.
  template <class T>
  void add_method(Descriptor descriptor) {
    add(std::move(descriptor), MethodFactory([](const Parameters& p, Parts& parts) {
          if constexpr (std::is_constructible_v<T, const Parameters&, Parts&>) {
            return std::make_unique<T>(p, parts);
          } else {
            (void)parts;
            return std::make_unique<T>(p);
          }
        }));
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
