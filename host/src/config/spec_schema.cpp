// The JSON Schema of specs, made from the declarations of the installed components.

#include <attune/spec.h>

#include "config/spec_keys.h"

namespace attune {
namespace {

Json stop_gradient_schema(ComponentKind kind) {
  const bool is_map = kind == ComponentKind::method;
  return {{"type", "boolean"},
          {"default", false},
          {"description", is_map ? "No gradient reaches the model through this map"
                                 : "No gradient passes through the inputs that the matcher makes from maps"}};
}

enum class Place { map, nested };

// {"use": "id", parameters...}
Json component_schema(const Descriptor& descriptor, Place place) {
  Json properties = {{"use", {{"const", descriptor.id}}}};
  Json required = {"use"};
  for (const ParameterDeclaration& declared : descriptor.parameters) {
    properties[declared.name] = parameter_schema(declared);
    if (must_be_given(declared)) required.push_back(declared.name);
  }
  if (descriptor.kind != ComponentKind::correlation && place != Place::nested) {
    properties["stop_gradient"] = stop_gradient_schema(descriptor.kind);
  }
  return {{"title", descriptor.title}, {"description", descriptor.summary},
          {"type", "object"},          {"properties", properties},
          {"required", required},      {"additionalProperties", false}};
}

// "id" or the object, of any installed component of a kind.
Json any_component(const Catalogue& catalogue, ComponentKind kind, Place place = Place::map) {
  Json names = Json::array(), choices = Json::array();
  for (const Component& component : catalogue.components()) {
    const Descriptor& descriptor = component.descriptor;
    if (descriptor.kind != kind) continue;
    const Json schema = component_schema(descriptor, place);
    if (schema["required"].size() == 1) names.push_back(descriptor.id);
    choices.push_back(schema);
  }
  choices.insert(choices.begin(), Json{{"enum", names}});
  return {{"anyOf", choices}};
}

}  // namespace

std::string spec_schema(const Catalogue& catalogue) {
  Json schema = {{"$schema", "https://json-schema.org/draft/2020-12/schema"}, {"title", "attune consistency loss"}};
  schema.update(object_schema(spec_table(nullptr)));
  schema["$defs"] = {{"method", any_component(catalogue, ComponentKind::method)},
                     {"nested_method", any_component(catalogue, ComponentKind::method, Place::nested)},
                     {"matcher", any_component(catalogue, ComponentKind::matcher)},
                     {"correlation", any_component(catalogue, ComponentKind::correlation)}};
  return schema.dump(2) + "\n";
}

}  // namespace attune
