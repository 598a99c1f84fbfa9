// attune validate: everything that is wrong with a spec, before anything is run.

#include <iostream>

#include <attune/spec.h>

#include "commands.h"
#include "json.h"
#include "session.h"
#include "spec/quoting.h"

namespace attune::cli {
namespace {

ModelNames model_names(const ModelFlags& flags) {
  if (flags.model.empty()) {
    return {{}, flags.labels.empty() ? std::vector<std::string>{} : read_labels(flags.labels)};
  }
  Session session = prepare_session(flags);
  load_model(session, flags);
  return names_of(session);
}

Json document(const std::vector<SpecFault>& faults) {
  Json errors = Json::array();
  for (const SpecFault& fault : faults) {
    errors.push_back(
        {{"line", fault.line}, {"column", fault.column}, {"pointer", fault.pointer}, {"message", fault.message}});
  }
  return {{"ok", faults.empty()}, {"errors", errors}};
}

void print_summary(const std::string& file, const Spec& spec) {
  std::cout << file << ": a good spec\n";
  if (!spec.description.empty()) std::cout << "  " << one_line(spec.description) << '\n';
  for (const TermSpec& term : spec.terms) {
    std::cout << "  " << term.name << ": ";
    for (size_t i = 0; i < term.maps.size(); ++i) std::cout << (i == 0 ? "" : ", ") << term.maps[i];
    std::cout << " through " << term.match.matcher.id << ", compared by " << term.compare.id << ", weight "
              << term.weight << '\n';
  }
}

}  // namespace

int validate(const ValidateOptions& options) {
  const Catalogue catalogue = load_catalogue(options.model.plugin_dirs);
  const ModelNames names = model_names(options.model);
  std::vector<SpecFault> faults;
  try {
    const auto file = spec_file(options.spec);
    const Spec spec = read_spec(file, catalogue, names);
    if (!options.json) print_summary(file.string(), spec);
  } catch (const SpecError& error) {
    if (!options.json) throw;
    faults = error.faults();
  } catch (const Error& error) {
    if (!options.json || error.fault() != Fault::spec) throw;
    faults.push_back({1, 1, "", error.what()});
  }
  if (options.json) print(document(faults));
  return faults.empty() ? 0 : static_cast<int>(Fault::spec);
}

}  // namespace attune::cli
