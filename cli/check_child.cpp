#include "check_child.h"

#include <attune/catalogue.h>
#include <attune/sdk/error.h>

#include "conformance/checks.h"
#include "conformance/process.h"
#include "json.h"
#include "session.h"

namespace attune::cli {
namespace {

using namespace conformance;

Catalogue load(const CheckOptions& options) {
  if (names_file(options.target)) return Catalogue::load_file(options.target);
  return load_catalogue(options.plugin_dirs);
}

const Component& find(const Catalogue& catalogue, const std::string& id) {
  if (const Component* component = catalogue.find(id)) return *component;
  std::vector<std::string> ids;
  for (const auto& component : catalogue.components()) ids.push_back(component.descriptor.id);
  throw Error(Fault::usage, "no component is called '" + id + "'" + did_you_mean(id, ids) +
                                "; give the path of a plugin, or an id that `attune plugins` lists");
}

Json of_component(const Component& component) {
  return {{"id", component.descriptor.id}, {"kind", to_string(component.descriptor.kind)}};
}

Json inspection(const CheckOptions& options) {
  const Catalogue catalogue = load(options);
  if (names_file(options.target)) {
    const PluginFile& plugin = catalogue.plugins().front();
    Json components = Json::array();
    for (const Component& component : catalogue.components()) components.push_back(of_component(component));
    return {{"plugin", plugin.name},
            {"version", plugin.version},
            {"path", plugin.path.string()},
            {"components", std::move(components)}};
  }
  const Component& component = find(catalogue, options.target);
  return {{"plugin", component.plugin},
          {"version", component.version},
          {"path", component.path.string()},
          {"components", Json::array({of_component(component)})}};
}

std::string word(Verdict verdict) {
  if (verdict == Verdict::passed) return "passed";
  return verdict == Verdict::skipped ? "skipped" : "failed";
}

Json verdict(const CheckOptions& options) {
  const Catalogue catalogue = load(options);
  const Check& check = find_check(options.child);
  const Outcome outcome = check.kinds.empty()
                              ? check_exports(options.target)
                              : run_check(check, catalogue, find(catalogue, options.component), options.seed);
  return {{"verdict", word(outcome.verdict)}, {"message", outcome.message}};
}

}  // namespace

bool names_file(const std::string& target) {
  return target.find('/') != std::string::npos ||
         (target.size() > 3 && target.compare(target.size() - 3, 3, ".so") == 0);
}

int check_child(const CheckOptions& options) {
  become_child();
  use_threads(1);
  Json report;
  try {
    report = options.child == inspect_plugin ? inspection(options) : verdict(options);
  } catch (const Error& error) {
    report = {{"fault", static_cast<int>(error.fault())}, {"message", error.what()}};
  }
  send_report(text_of(report));
  return 0;
}

}  // namespace attune::cli
