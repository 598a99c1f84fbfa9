// attune plugins: what is installed.

#include <iostream>

#include "commands.h"
#include "report/json.h"
#include "session.h"
#include "table.h"

namespace attune::cli {
namespace {

Json document(const Catalogue& catalogue, const std::string& kind) {
  Json components = Json::array();
  for (const auto& component : catalogue.components()) {
    const Descriptor& descriptor = component.descriptor;
    if (!kind.empty() && to_string(descriptor.kind) != kind) continue;
    components.push_back({{"id", descriptor.id},
                          {"kind", to_string(descriptor.kind)},
                          {"title", descriptor.title},
                          {"plugin", component.plugin},
                          {"version", component.version},
                          {"path", component.path.string()}});
  }
  Json refused = Json::array();
  for (const auto& refusal : catalogue.refusals()) {
    refused.push_back({{"path", refusal.path.string()}, {"reason", refusal.reason}});
  }
  return {{"components", components}, {"refused", refused}};
}

}  // namespace

int plugins(const PluginsOptions& options) {
  const Catalogue catalogue = load_catalogue(options.plugin_dirs);
  const Json listed = document(catalogue, options.kind);
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
    std::cout << "  " << padded(id, width + 2) << component["title"].get<std::string>() << "  ("
              << component["plugin"].get<std::string>() << ' ' << component["version"].get<std::string>() << ")\n";
  }
  if (!catalogue.refusals().empty()) {
    std::cerr << "attune: note: " << catalogue.refusals().size() << " refused; `attune doctor` says why\n";
  }
  return 0;
}

}  // namespace attune::cli
