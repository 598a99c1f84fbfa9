// The JSON Schema of specs, made from the declarations of the installed components.

#include <nlohmann/json.hpp>

#include <attune/spec.h>

#include "config/parameters.h"
#include "config/rules.h"

namespace attune {
namespace {

using Json = nlohmann::ordered_json;

Json text(const std::string& description) { return {{"type", "string"}, {"description", description}}; }

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

Json term_schema() {
  const Json name = {{"type", "string"}, {"pattern", name_pattern}};
  return {{"type", "object"},
          {"properties",
           {{"name", name},
            {"maps", {{"type", "array"}, {"items", name}, {"minItems", 2}, {"uniqueItems", true}}},
            {"match", {{"$ref", "#/$defs/matcher"}}},
            {"normalise",
             {{"enum", names_of(normalise_words)},
              {"default", "none"},
              {"description", "What happens to each matched map, per sample, before it is compared"}}},
            {"compare", {{"$ref", "#/$defs/correlation"}}},
            {"weight", {{"type", "number"}, {"default", 1}}}}},
          {"required", {"maps", "match", "compare"}},
          {"additionalProperties", false}};
}

Json target_schema() {
  const Json no_label = {{"pattern", "^(top0+|-[0-9]+|(top)?[0-9]{10,})$"}};
  const Json name = {{"type", "string"}, {"minLength", 1}, {"not", no_label}};
  const Json index = {{"type", "integer"}, {"minimum", 0}, {"maximum", 999999999}};
  const Json one = {{"anyOf", {name, index}}};
  return {{"description", "The class that is explained: top1, topK, an index or a label; or a list of them"},
          {"default", "top1"},
          {"anyOf", {one, {{"type", "array"}, {"items", one}, {"minItems", 1}, {"uniqueItems", true}}}}};
}

}  // namespace

std::string spec_schema(const Catalogue& catalogue) {
  const Json maps = {{"type", "object"},
                     {"propertyNames", {{"pattern", name_pattern}}},
                     {"additionalProperties", {{"$ref", "#/$defs/method"}}},
                     {"minProperties", 1}};
  const Json properties = {
      {"$schema", text("The schema that an editor checks this file with")},
      {"version", {{"const", 1}}},
      {"description", text("What the loss is for")},
      {"target", target_schema()},
      {"maps", maps},
      {"terms", {{"type", "array"}, {"items", term_schema()}, {"minItems", 1}}},
      {"reduction",
       {{"enum", names_of(reduction_words)}, {"default", "mean"}, {"description", "Over the samples of a batch"}}}};
  const Json schema = {{"$schema", "https://json-schema.org/draft/2020-12/schema"},
                       {"title", "attune consistency loss"},
                       {"type", "object"},
                       {"properties", properties},
                       {"required", {"version", "maps", "terms"}},
                       {"additionalProperties", false},
                       {"$defs",
                        {{"method", any_component(catalogue, ComponentKind::method)},
                         {"nested_method", any_component(catalogue, ComponentKind::method, Place::nested)},
                         {"matcher", any_component(catalogue, ComponentKind::matcher)},
                         {"correlation", any_component(catalogue, ComponentKind::correlation)}}}};
  return schema.dump(2) + "\n";
}

}  // namespace attune
