// attune describe: what a component says of itself.

#include <iostream>
#include <sstream>

#include <attune/sdk/error.h>

#include "commands.h"
#include "config/parameters.h"
#include "report/json.h"
#include "session.h"

namespace attune::cli {
namespace {

const Component& find_component(const Catalogue& catalogue, const std::string& id) {
  if (const Component* component = catalogue.find(id)) return *component;
  std::vector<std::string> ids;
  for (const auto& component : catalogue.components()) ids.push_back(component.descriptor.id);
  throw Error(Fault::usage, "no component is called '" + id + "'" + did_you_mean(id, ids) +
                                "; `attune plugins` lists them, `attune doctor` what was refused");
}

std::string default_text(const ParameterDeclaration& parameter) {
  const std::string text = to_string(parameter.default_value);
  return must_be_given(parameter) ? "must be given" : "default " + (text.empty() ? "empty" : text);
}

std::string default_code(const ParameterDeclaration& parameter) {
  const std::string text = to_string(parameter.default_value);
  return must_be_given(parameter) ? "must be given" : text.empty() ? "empty" : "`" + text + "`";
}

std::string range_text(const ParameterDeclaration& parameter) {
  std::string text;
  for (const auto& choice : parameter.choices) text += (text.empty() ? "" : ", ") + choice;
  if (parameter.type == ParameterType::choice_or_real) text += " or a number";
  const auto number = [](double value) { return to_string(ParameterValue(value)); };
  const std::string space = text.empty() ? "" : " ";
  if (parameter.minimum && parameter.maximum) {
    return text + space + number(*parameter.minimum) + " to " + number(*parameter.maximum);
  }
  if (parameter.minimum) return text + space + "from " + number(*parameter.minimum);
  return parameter.maximum ? text + space + "up to " + number(*parameter.maximum) : text;
}

Json document(const Component& component) {
  const Descriptor& d = component.descriptor;
  Json parameters = Json::array();
  for (const auto& p : d.parameters) {
    Json entry = {
        {"name", p.name}, {"type", to_string(p.type)}, {"default", parameter_json(p.default_value)}, {"help", p.help}};
    if (p.minimum) entry["minimum"] = *p.minimum;
    if (p.maximum) entry["maximum"] = *p.maximum;
    if (!p.choices.empty()) entry["choices"] = p.choices;
    parameters.push_back(entry);
  }
  Json json = {{"id", d.id},
               {"kind", to_string(d.kind)},
               {"title", d.title},
               {"summary", d.summary},
               {"citation", d.citation},
               {"parameters", parameters},
               {"differentiable", d.differentiable},
               {"deterministic", d.deterministic},
               {"ranks", d.ranks},
               {"plugin", component.plugin},
               {"version", component.version},
               {"path", component.path.string()}};
  if (d.kind == ComponentKind::method) {
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

std::string capabilities(const Descriptor& d) {
  std::ostringstream text;
  text << (d.differentiable ? "differentiable" : "not differentiable") << ", "
       << (d.deterministic ? "deterministic" : "random") << ", inputs of";
  for (size_t i = 0; i < d.ranks.size(); ++i) text << (i == 0 ? " " : ", ") << d.ranks[i];
  text << " dimensions";
  if (d.kind == ComponentKind::method) {
    text << ", passes: " << d.forward_passes << " forward, " << d.backward_passes << " backward, map at ";
    if (!d.resolution_of.empty()) {
      text << "the resolution of `" << d.resolution_of << "`";
    } else {
      text << (d.at_input_resolution ? "the input's" : "a layer's") << " resolution";
    }
  }
  if (d.kind == ComponentKind::correlation) {
    text << ", from " << d.minimum << " to " << d.maximum << (d.symmetric ? ", symmetric" : "")
         << (d.affine_invariant ? ", unchanged by scale and offset" : "");
  }
  return text.str();
}

void print_text(const Component& component) {
  const Descriptor& d = component.descriptor;
  std::cout << d.id << ": " << d.title << " (" << to_string(d.kind) << ")\n  " << d.summary << "\n  " << d.citation
            << "\n  " << capabilities(d) << "\n  from " << component.plugin << ' ' << component.version << ", "
            << component.path.string() << (d.parameters.empty() ? "\n\nno parameters\n" : "\n\nparameters\n");
  for (const auto& p : d.parameters) {
    std::cout << "  " << p.name << " (" << to_string(p.type) << ", " << default_text(p) << ")\n    " << p.help
              << (range_text(p).empty() ? "" : "\n    " + range_text(p)) << '\n';
  }
}

void print_markdown(const Component& component) {
  const Descriptor& d = component.descriptor;
  std::cout << "# " << d.title << "\n\n`" << d.id << "`, " << to_string(d.kind) << ". " << d.summary
            << ".\n\n- Source: " << d.citation << "\n- Capabilities: " << capabilities(d) << "\n\n";
  if (d.parameters.empty()) return;
  std::cout << "| parameter | type | default | values | meaning |\n|---|---|---|---|---|\n";
  for (const auto& p : d.parameters) {
    std::cout << "| `" << p.name << "` | " << to_string(p.type) << " | " << default_code(p) << " | " << range_text(p)
              << " | " << p.help << " |\n";
  }
}

}  // namespace

int describe(const DescribeOptions& options) {
  const Catalogue catalogue = load_catalogue(options.plugin_dirs);
  const Component& component = find_component(catalogue, options.id);
  if (options.json) {
    print(document(component));
  } else if (options.markdown) {
    print_markdown(component);
  } else {
    print_text(component);
  }
  return 0;
}

}  // namespace attune::cli
