// The registry that one plugin fills while it is loaded.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <variant>

#include <attune/sdk/plugin.h>

namespace attune {

// Lower-case letters, digits and underscores, with at most one dot between two such parts ("vendor.name").
bool is_component_id(const std::string& text);

using Factory = std::variant<MethodFactory, MatcherFactory, CorrelationFactory>;

struct Registered {
  Descriptor descriptor;
  Factory factory;
};

// Collects what a plugin registers and checks every declaration. Nothing reaches the catalogue before the whole plugin
// has registered without a fault.
class Registration : public Registry {
 public:
  // `owner` gives the file that brought an id before, or "".
  Registration(std::string file, std::function<std::string(const std::string& id)> owner);

  void add(Descriptor descriptor, MethodFactory factory) override;
  void add(Descriptor descriptor, MatcherFactory factory) override;
  void add(Descriptor descriptor, CorrelationFactory factory) override;

  // The components by id. Throws the first fault even when the plugin swallowed it.
  std::map<std::string, Registered> take();

 private:
  void stage(Descriptor descriptor, ComponentKind kind, Factory factory);

  std::string file_;
  std::function<std::string(const std::string& id)> owner_;
  std::map<std::string, Registered> staged_;
  std::string fault_;
};

}  // namespace attune
