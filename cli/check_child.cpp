#include "check_child.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include <attune/catalogue.h>
#include <attune/model.h>
#include <attune/sdk/error.h>

#include "conformance/checks.h"
#include "conformance/process.h"
#include "conformance/subject.h"
#include "model/failure.h"
#include "report/json.h"
#include "session.h"

namespace attune::cli {
namespace {

using namespace conformance;

Catalogue load(const CheckOptions& options) {
  if (!names_file(options.target)) return load_catalogue(options.plugin_dirs);
  const Catalogue alone = Catalogue::load_file(options.target);
  const auto nests = [](const Component& component) { return nests_methods(component.descriptor); };
  if (std::none_of(alone.components().begin(), alone.components().end(), nests)) return alone;
  return Catalogue::load_file(options.target, search_folders({options.plugin_dirs.begin(), options.plugin_dirs.end()}));
}

const Component& find(const Catalogue& catalogue, const std::string& id) {
  return find_component(catalogue, id, "give the path of a plugin, or an id that `attune plugins` lists");
}

Json of_component(const Component& component) {
  return {{"id", component.descriptor.id}, {"kind", to_string(component.descriptor.kind)}};
}

// The model that methods are run on, where the user gives one.
class OwnModel {
 public:
  OwnModel(const CheckOptions& options, const Catalogue& catalogue) {
    if (options.model.empty()) return;
    ModelFlags flags;
    flags.model = options.model;
    Session session{catalogue, read_sidecar(options.model), {}, nullptr};
    load_model(session, flags);
    auto shape = trial_shape(session, options.input);
    shape.erase(shape.begin());
    model_ = session.model;
    at_place("model '" + options.model + "'", [&] { trial_.emplace(*model_, std::move(shape)); });
  }

  const TrialModel* trial() const { return trial_ ? &*trial_ : nullptr; }

 private:
  std::shared_ptr<ImageModel> model_;
  std::optional<TrialModel> trial_;
};

// Says what is wrong with the model once, before the checks are run.
void try_model(const CheckOptions& options, const Catalogue& catalogue, const Json& components) {
  if (options.model.empty()) return;
  const auto is_method = [](const Json& component) { return component["kind"] == to_string(ComponentKind::method); };
  if (std::none_of(components.begin(), components.end(), is_method)) {
    throw Error(Fault::usage, "--model is for methods, and " + options.target + " has none");
  }
  const OwnModel model(options, catalogue);
}

Json inspection(const CheckOptions& options) {
  const Catalogue catalogue = load(options);
  if (names_file(options.target)) {
    const PluginFile& plugin = catalogue.plugins().front();
    Json components = Json::array();
    for (const Component& component : catalogue.components()) {
      if (component.path == plugin.path) components.push_back(of_component(component));
    }
    try_model(options, catalogue, components);
    return {{"plugin", plugin.name},
            {"version", plugin.version},
            {"path", plugin.path.string()},
            {"components", std::move(components)}};
  }
  const Component& component = find(catalogue, options.target);
  Json components = Json::array({of_component(component)});
  try_model(options, catalogue, components);
  return {{"plugin", component.plugin},
          {"version", component.version},
          {"path", component.path.string()},
          {"components", std::move(components)}};
}

std::string word(Verdict verdict) {
  if (verdict == Verdict::passed) return "passed";
  return verdict == Verdict::skipped ? "skipped" : "failed";
}

Json verdict(const CheckOptions& options) {
  const Catalogue catalogue = load(options);
  const Check& check = find_check(options.child);
  const auto run = [&] {
    if (check.kinds.empty()) return check_exports(options.target);
    const OwnModel own(options, catalogue);
    return run_check(check, catalogue, find(catalogue, options.component), options.seed, own.trial());
  };
  const Outcome outcome = run();
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
