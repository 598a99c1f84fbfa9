// The components of specs: what reads them, and their JSON Schema, made from the declarations of those installed.

#include <algorithm>

#include "config/spec_keys.h"

namespace attune {
namespace {

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

const ParameterDeclaration* declaration(const Descriptor& descriptor, const std::string& name) {
  const auto is_it = [&](const ParameterDeclaration& declared) { return declared.name == name; };
  const auto found = std::find_if(descriptor.parameters.begin(), descriptor.parameters.end(), is_it);
  return found == descriptor.parameters.end() ? nullptr : &*found;
}

Json stop_gradient_schema(ComponentKind kind) {
  const bool is_map = kind == ComponentKind::method;
  return {{"type", "boolean"},
          {"default", false},
          {"description", is_map ? "No gradient reaches the model through this map"
                                 : "No gradient passes through the inputs that the matcher makes from maps"}};
}

// Of maps, beside the parameters of their methods.
Json map_keys() {
  return {
      {"target", {{"$ref", "#/$defs/target"}, {"description", "What this map explains; of topK the K-th class"}}},
      {"noise",
       {{"type", "number"},
        {"minimum", 0},
        {"maximum", 10},
        {"default", 0},
        {"description", "The mean over eight copies of the input with this noise, a share of its range"}}},
      {"model", {{"type", "string"}, {"description", "Which of \"models\" it is a map of; without it the loss's"}}},
      {"chosen_by", {{"type", "string"}, {"description", "On the answer of which of \"models\" its class is chosen"}}}};
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
  if (descriptor.kind == ComponentKind::method && place != Place::nested) {
    const Json keys = map_keys();
    for (const auto& [name, schema] : keys.items()) {
      if (!properties.contains(name)) properties[name] = schema;  // "smooth" has a parameter "noise" of its own
    }
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

ComponentSpec ComponentReader::read(const JsonAt& at, ComponentKind kind, const Keys& own, const KnownMaps& maps) {
  const Descriptor* found = descriptor(at, kind);
  if (found == nullptr) return {};
  ComponentSpec component{found->id, {}};
  const bool are_good = read_parameters(at, own, maps, *found, component);
  const bool is_enough = needs_no_more(at, *found);
  return are_good && is_enough && can_be_made(at, *found, component) ? component : ComponentSpec{};
}

const Descriptor* ComponentReader::descriptor(const JsonAt& at, ComponentKind kind) {
  const bool is_object = at.node.kind == JsonNode::Kind::object;
  if (is_object && !at.has("use")) {
    const std::string name = to_string(kind);
    const auto ids = catalogue_.ids(kind);
    const bool is_readable = ids.size() <= 8;
    reader_.fail_without_use(at, "the id of a " + name + "; " +
                                     (is_readable ? name + "s are " + quoted_list(ids)
                                                  : "`attune plugins` lists the " + name + "s"));
    return nullptr;
  }
  const JsonAt named = at.at("use");
  const JsonNode& id = named.node;
  if (id.kind != JsonNode::Kind::string) {
    const std::string object = is_object ? "" : " or an object {\"use\": ...}";
    reader_.fail(named, "must be the id of a " + to_string(kind) + object + ", not " + shown(id));
    return nullptr;
  }
  try {
    // The search for a similar id takes long for a long text.
    const bool is_known = catalogue_.find(id.text) != nullptr;
    return &catalogue_.component(kind, is_known ? id.text : shortened(id.text)).descriptor;
  } catch (const Error& error) {
    reader_.fail(named, error.what());
    return nullptr;
  }
}

bool ComponentReader::read_parameters(const JsonAt& at, const Keys& own, const KnownMaps& maps,
                                      const Descriptor& descriptor, ComponentSpec& component) {
  bool good = true;
  for (const JsonMember& member : at.node.members) {
    if (member.key == "use") continue;
    const auto is_it = [&](const DocumentReader::Key& key) { return key.name == member.key; };
    const auto key = std::find_if(own.begin(), own.end(), is_it);
    const ParameterDeclaration* declared = declaration(descriptor, member.key);
    if (key != own.end() && declared == nullptr) {
      key->read(at.member(member));
    } else if (declared == nullptr) {
      fail_for_unknown(at, member, descriptor, own);
      good = false;
    } else if (declared->type == ParameterType::method) {
      const ComponentSpec nested = read_nested(at.member(member));
      component.parameters[member.key] = nested;
      good = good && !nested.id.empty();
    } else {
      std::string fault = parameter_fault(*declared, member.value);
      if (fault.empty()) fault = name_fault(*declared, member.value, maps);
      if (fault.empty()) component.parameters[member.key] = *parameter_value(*declared, member.value);
      if (!fault.empty()) reader_.fail(at.member(member), fault);
      good = good && fault.empty();
    }
  }
  return good;
}

ComponentSpec ComponentReader::read_nested(const JsonAt& at) {
  if (depth_ == deepest_nesting) {
    reader_.fail(at, "methods are nested more than " + std::to_string(deepest_nesting) + " deep");
    return {};
  }
  ++depth_;
  ComponentSpec nested = read(at, ComponentKind::method);
  --depth_;
  return nested;
}

bool ComponentReader::needs_no_more(const JsonAt& at, const Descriptor& descriptor) {
  bool is_enough = true;
  for (const ParameterDeclaration& declared : descriptor.parameters) {
    if (!must_be_given(declared) || at.node.find(declared.name) != nullptr) continue;
    const std::string example = "{\"use\": \"" + descriptor.id + "\", \"" + declared.name + "\": ...}";
    reader_.fail(at, in_quotes(descriptor.id) + " needs \"" + declared.name + "\", as in " + example);
    is_enough = false;
  }
  return is_enough;
}

void ComponentReader::fail_for_unknown(const JsonAt& at, const JsonMember& member, const Descriptor& descriptor,
                                       const Keys& own) {
  std::vector<std::string> names;
  for (const ParameterDeclaration& declared : descriptor.parameters) names.push_back(declared.name);
  for (const DocumentReader::Key& key : own) {
    if (declaration(descriptor, key.name) == nullptr) names.push_back(key.name);
  }
  reader_.fail(at, member, unknown_parameter(descriptor.id, member.key, names));
}

std::string ComponentReader::name_fault(const ParameterDeclaration& declared, const JsonNode& node,
                                        const KnownMaps& maps) const {
  const std::string& name = node.text;
  if (declared.type == ParameterType::map && !contains(maps.of_term, name) && !maps.of_term.empty()) {
    const std::string choices = quoted_list(maps.of_term);
    return contains(maps.of_spec, name) ? "map " + in_quotes(name) + " is none of this term's, which are " + choices
                                        : unknown_map(name, maps.of_term);
  }
  if (declared.type == ParameterType::layer) return layer_fault(name);
  std::string fault;
  if (declared.type != ParameterType::layers) return fault;
  for (const JsonNode& item : node.items) fault = fault.empty() ? layer_fault(item.text) : fault;
  return fault;
}

std::string ComponentReader::layer_fault(const std::string& name) const {
  if (name == "auto" || model_.layers.empty() || contains(model_.layers, name)) return "";
  return "unknown layer " + in_quotes(name) + nearest_of(name, model_.layers) + "; `attune layers` lists all " +
         std::to_string(model_.layers.size());
}

// Some combinations of parameters only the component itself can refuse.
bool ComponentReader::can_be_made(const JsonAt& at, const Descriptor& descriptor, const ComponentSpec& component) {
  try {
    if (descriptor.kind == ComponentKind::method) catalogue_.make_method(component.id, component.parameters);
    if (descriptor.kind == ComponentKind::matcher) catalogue_.make_matcher(component.id, component.parameters);
    if (descriptor.kind == ComponentKind::correlation) catalogue_.make_correlation(component.id, component.parameters);
    return true;
  } catch (const Error& error) {
    reader_.fail(at, error.what());
    return false;
  }
}

std::string unknown_map(const std::string& name, const std::vector<std::string>& known) {
  return "unknown map " + in_quotes(name) + "; maps are " + quoted_list(known) + nearest_of(name, known);
}

std::string spec_schema(const Catalogue& catalogue) {
  Json schema = {{"$schema", "https://json-schema.org/draft/2020-12/schema"}, {"title", "attune consistency loss"}};
  schema.update(object_schema(spec_table(nullptr)));
  schema["$defs"] = {{"method", any_component(catalogue, ComponentKind::method)},
                     {"nested_method", any_component(catalogue, ComponentKind::method, Place::nested)},
                     {"matcher", any_component(catalogue, ComponentKind::matcher)},
                     {"correlation", any_component(catalogue, ComponentKind::correlation)},
                     {"target", target_schema()}};
  return schema.dump(2) + "\n";
}

}  // namespace attune
