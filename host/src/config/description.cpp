#include "config/description.h"

#include "config/parameters.h"

namespace attune {

using nlohmann::ordered_json;

int derivatives_of_loss(const Descriptor& method) {
  if (!method.differentiable) return 0;
  return method.curvature ? 3 : method.backward_passes > 0 ? 2 : 1;
}

ordered_json component_json(const Component& component) {
  const Descriptor& d = component.descriptor;
  ordered_json parameters = ordered_json::array();
  for (const auto& p : d.parameters) {
    ordered_json entry = {
        {"name", p.name}, {"type", to_string(p.type)}, {"default", parameter_json(p.default_value)}, {"help", p.help}};
    if (p.minimum) entry["minimum"] = *p.minimum;
    if (p.maximum) entry["maximum"] = *p.maximum;
    if (!p.choices.empty()) entry["choices"] = p.choices;
    parameters.push_back(entry);
  }
  ordered_json json = {{"id", d.id},
                       {"kind", to_string(d.kind)},
                       {"title", d.title},
                       {"summary", d.summary},
                       {"citation", d.citation},
                       {"groups", d.groups},
                       {"parameters", parameters},
                       {"differentiable", d.differentiable},
                       {"deterministic", d.deterministic},
                       {"ranks", d.ranks},
                       {"plugin", component.plugin},
                       {"version", component.version},
                       {"path", component.path.string()}};
  if (d.kind == ComponentKind::method) {
    json["formula"] = d.formula;
    json["misleads"] = d.misleads;
    json["reads"] = d.reads;
    json["models"] = d.models;
    json["derivatives_of_loss"] = derivatives_of_loss(d);
    json["forward_passes"] = d.forward_passes;
    json["backward_passes"] = d.backward_passes;
    json["at_input_resolution"] = d.at_input_resolution;
    if (!d.resolution_of.empty()) json["resolution_of"] = d.resolution_of;
  }
  if (d.kind == ComponentKind::correlation) {
    json["symmetric"] = d.symmetric;
    json["affine_invariant"] = d.affine_invariant;
    json["range"] = {d.minimum, d.maximum};
  }
  return json;
}

}  // namespace attune
