// attune plugins: what is installed. attune describe: what a component says of itself. attune doctor: where plugins
// were looked for, what was refused and why.

#include <algorithm>
#include <iostream>
#include <sstream>
#include <torch/version.h>
#include <utility>
#include <vector>

#include <attune/sdk/error.h>
#include <attune/sdk/version.h>

#include "base/numbers.h"
#include "commands.h"
#include "config/description.h"
#include "config/parameters.h"
#include "report/json.h"
#include "session.h"
#include "table.h"

namespace attune::cli {
namespace {

Json refused(const Catalogue& catalogue) {
  Json refused = Json::array();
  for (const auto& refusal : catalogue.refusals()) {
    refused.push_back({{"path", refusal.path.string()}, {"reason", refusal.reason}});
  }
  return refused;
}

Json plugins_document(const Catalogue& catalogue, const std::string& kind) {
  Json components = Json::array();
  for (const auto& component : catalogue.components()) {
    const Descriptor& descriptor = component.descriptor;
    if (!kind.empty() && to_string(descriptor.kind) != kind) continue;
    components.push_back({{"id", descriptor.id},
                          {"kind", to_string(descriptor.kind)},
                          {"title", descriptor.title},
                          {"groups", descriptor.groups},
                          {"plugin", component.plugin},
                          {"version", component.version},
                          {"path", component.path.string()}});
  }
  return {{"components", components}, {"refused", refused(catalogue)}};
}

// With something before a default, and around its text.
std::string default_text(const ParameterDeclaration& parameter, const std::string& before, const std::string& quote) {
  const std::string text = to_string(parameter.default_value);
  if (must_be_given(parameter)) return "must be given";
  return before + (text.empty() ? "empty" : quote + text + quote);
}

std::string range_text(const ParameterDeclaration& parameter) {
  std::string text = listed(parameter.choices);
  if (parameter.type == ParameterType::choice_or_real) text += " or a number";
  const auto number = [](double value) { return to_string(ParameterValue(value)); };
  const std::string space = text.empty() ? "" : " ";
  if (parameter.minimum && parameter.maximum) {
    return text + space + number(*parameter.minimum) + " to " + number(*parameter.maximum);
  }
  if (parameter.minimum) return text + space + "from " + number(*parameter.minimum);
  return parameter.maximum ? text + space + "up to " + number(*parameter.maximum) : text;
}

// What a method is of that wraps another one depends on that.
bool wraps(const Descriptor& d) {
  return std::any_of(d.parameters.begin(), d.parameters.end(),
                     [](const ParameterDeclaration& p) { return p.type == ParameterType::method; });
}

std::vector<std::string> works_on(const Descriptor& d) {
  std::vector<std::string> kinds = d.models;
  const auto has = [&](int rank) { return std::count(d.ranks.begin(), d.ranks.end(), rank) > 0; };
  if (has(3)) kinds.push_back("clips");
  if (has(1)) kinds.push_back("signals");
  return kinds;
}

// What a method is, in a few words each, for people and for docs/reference/make.sh.
std::vector<std::pair<std::string, std::string>> in_short(const Descriptor& d) {
  if (d.kind != ComponentKind::method) return {};
  const int derivatives = derivatives_of_loss(d);
  const std::string reads = d.reads.empty() ? "nothing of the model" : listed(d.reads);
  const std::string takes = derivatives == 0 ? "none" : "derivatives of order " + std::to_string(derivatives);
  std::vector<std::pair<std::string, std::string>> all;
  if (!d.formula.empty()) all.emplace_back("Formula", "`" + d.formula + "`");
  all.emplace_back("Reads", wraps(d) ? "what `of` reads" : reads);
  all.emplace_back("Works on", wraps(d) ? "what `of` works on" : listed(works_on(d)));
  all.emplace_back("In a loss", wraps(d) ? "as `of`" : takes);
  if (!d.misleads.empty()) all.emplace_back("Misleads", d.misleads);
  return all;
}

std::string capabilities(const Descriptor& d) {
  std::ostringstream text;
  text << (d.differentiable ? "differentiable" : "not differentiable") << ", "
       << (d.deterministic ? "deterministic" : "random") << ", inputs of";
  for (size_t i = 0; i < d.ranks.size(); ++i) text << (i == 0 ? " " : ", ") << d.ranks[i];
  text << " dimensions";
  if (!d.groups.empty()) text << (d.groups.size() == 1 ? ", of the group " : ", of the groups ") << listed(d.groups);
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
            << "\n  " << capabilities(d);
  for (const auto& [what, text] : in_short(d)) std::cout << "\n  " << what << ": " << text;
  std::cout << "\n  from " << component.plugin << ' ' << component.version << ", " << component.path.string()
            << (d.parameters.empty() ? "\n\nno parameters\n" : "\n\nparameters\n");
  for (const auto& p : d.parameters) {
    std::cout << "  " << p.name << " (" << to_string(p.type) << ", " << default_text(p, "default ", "") << ")\n    "
              << p.help << (range_text(p).empty() ? "" : "\n    " + range_text(p)) << '\n';
  }
}

void print_markdown(const Component& component) {
  const Descriptor& d = component.descriptor;
  std::cout << "# " << d.title << "\n\n`" << d.id << "`, " << to_string(d.kind) << ". " << d.summary
            << ".\n\n- Source: " << d.citation << "\n- Capabilities: " << capabilities(d) << '\n';
  for (const auto& [what, text] : in_short(d)) std::cout << "- " << what << ": " << text << '\n';
  std::cout << '\n';
  if (d.parameters.empty()) return;
  std::cout << "| parameter | type | default | values | meaning |\n|---|---|---|---|---|\n";
  for (const auto& p : d.parameters) {
    std::cout << "| `" << p.name << "` | " << to_string(p.type) << " | " << default_text(p, "", "`") << " | "
              << range_text(p) << " | " << p.help << " |\n";
  }
}

}  // namespace

int plugins(const PluginsOptions& options) {
  const Catalogue catalogue = load_catalogue(options.plugin_dirs);
  const Json listed = plugins_document(catalogue, options.kind);
  if (options.json) {
    print(listed);
    return 0;
  }
  if (listed["components"].empty()) {
    std::cerr << "attune: note: no " << (options.kind.empty() ? "plugin" : options.kind) << " is installed\n";
  }
  size_t width = 0;
  for (const auto& component : listed["components"]) width = std::max(width, component["id"].get<std::string>().size());
  std::string kind;
  for (const auto& component : listed["components"]) {
    if (component["kind"] != kind) {
      kind = component["kind"];
      std::cout << kind << "s\n";
    }
    const std::string id = component["id"];
    const std::string groups = attune::listed(component["groups"].get<std::vector<std::string>>());
    std::cout << "  " << padded(id, width + 2) << component["title"].get<std::string>()
              << (groups.empty() ? "" : ": " + groups) << "  (" << component["plugin"].get<std::string>() << ' '
              << component["version"].get<std::string>() << ")\n";
  }
  if (!catalogue.refusals().empty()) {
    std::cerr << "attune: note: " << catalogue.refusals().size() << " refused; `attune doctor` says why\n";
  }
  return 0;
}

int describe(const DescribeOptions& options) {
  const Catalogue catalogue = load_catalogue(options.plugin_dirs);
  const Component& component =
      find_component(catalogue, options.id, "`attune plugins` lists them, `attune doctor` what was refused");
  if (options.json) {
    print(component_json(component));
  } else if (options.markdown) {
    print_markdown(component);
  } else {
    print_text(component);
  }
  return 0;
}

int doctor(const DoctorOptions& options) {
  const SearchPath folders = search_folders({options.plugin_dirs.begin(), options.plugin_dirs.end()});
  const Catalogue catalogue = Catalogue::load(folders);
  Json report = {
      {"attune", ATTUNE_VERSION},  {"sdk", std::to_string(ATTUNE_SDK_MAJOR) + "." + std::to_string(ATTUNE_SDK_MINOR)},
      {"torch", TORCH_VERSION},    {"folders", Json::array()},
      {"plugins", Json::array()},  {"refused", refused(catalogue)},
      {"notes", catalogue.notes()}};
  for (const auto& folder : folders) {
    report["folders"].push_back({{"path", folder.path.string()}, {"origin", folder.origin}});
  }
  for (const auto& file : catalogue.plugins()) {
    report["plugins"].push_back({{"name", file.name}, {"version", file.version}, {"path", file.path.string()}});
  }
  if (options.json) {
    print(report);
  } else {
    const auto text = [](const Json& value) { return value.get<std::string>(); };
    std::cout << "attune " << text(report["attune"]) << ", SDK " << text(report["sdk"]) << ", LibTorch "
              << text(report["torch"]) << "\n\nsearched\n";
    for (const auto& folder : report["folders"]) {
      std::cout << "  " << text(folder["path"]) << "  (" << text(folder["origin"]) << ")\n";
    }
    std::cout << "loaded\n";
    for (const auto& file : report["plugins"]) {
      std::cout << "  " << text(file["name"]) << ' ' << text(file["version"]) << "  " << text(file["path"]) << '\n';
    }
    if (!report["refused"].empty()) std::cout << "refused\n";
    for (const auto& refusal : report["refused"]) {
      std::cout << "  " << text(refusal["path"]) << "\n    " << text(refusal["reason"]) << '\n';
    }
    if (!report["notes"].empty()) std::cout << "notes\n";
    for (const auto& note : report["notes"]) std::cout << "  " << text(note) << '\n';
  }
  return catalogue.refusals().empty() ? 0 : 4;
}

}  // namespace attune::cli
