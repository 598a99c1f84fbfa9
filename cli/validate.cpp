// attune validate: everything that is wrong with a spec, before anything is run. attune schema: what files may say, for
// editors.

#include <iostream>

#include <attune/spec.h>

#include "commands.h"
#include "config/sidecar.h"
#include "config/train_config.h"
#include "json/quoting.h"
#include "report/json.h"
#include "session.h"

namespace attune::cli {
namespace {

Json document(const std::vector<SpecFault>& faults, bool has_more) {
  Json errors = Json::array();
  for (const SpecFault& fault : faults) {
    errors.push_back(
        {{"line", fault.line}, {"column", fault.column}, {"pointer", fault.pointer}, {"message", fault.message}});
  }
  return {{"ok", faults.empty()}, {"errors", errors}, {"more", has_more}};
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
  Session session = prepare_session(options.model);
  std::vector<SpecFault> faults;
  bool has_more = false;
  try {
    const auto file = spec_file(options.spec);
    ModelNames names{{}, session.labels.names()};
    if (!options.model.model.empty()) {
      read_spec(file, session.catalogue);  // before the model is loaded, which may take long
      load_model(session, options.model);
      names = names_of(session);
    }
    const Spec spec = read_spec(file, session.catalogue, names);
    if (!options.json) print_summary(file.string(), spec);
  } catch (const SpecError& error) {
    if (!options.json) throw;
    faults = error.faults();
    has_more = error.has_more();
  } catch (const Error& error) {
    if (!options.json || error.fault() != Fault::spec) throw;
    faults.push_back({1, 1, "", error.what()});
  }
  if (options.json) print(document(faults, has_more));
  return faults.empty() ? 0 : static_cast<int>(Fault::spec);
}

int schema(const SchemaOptions& options) {
  std::cout << (options.of == "train"   ? train_schema()
                : options.of == "model" ? sidecar_schema()
                                        : spec_schema(load_catalogue(options.plugin_dirs)));
  return 0;
}

}  // namespace attune::cli
