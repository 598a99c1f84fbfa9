// Where plugins are looked for, and their components: looks them up and makes them. loader.cpp fills the catalogue.
#include <algorithm>
#include <cstdlib>
#include <dlfcn.h>
#include <sstream>
#include <utility>

#include <attune/catalogue.h>
#include <attune/sdk/error.h>
#include <attune/sdk/plugin.h>

#include "plugin/contract.h"
#include "plugin/loader.h"

namespace attune {
namespace {

namespace fs = std::filesystem;

// The folder of the shared library (or the executable) that this function is part of.
fs::path own_folder() {
  Dl_info info{};
  if (!dladdr(reinterpret_cast<void*>(&own_folder), &info) || !info.dli_fname) return {};
  std::error_code error;
  const fs::path file = fs::canonical(info.dli_fname, error);
  return error ? fs::path() : file.parent_path();
}

fs::path default_folder() {
  std::error_code error;
  const fs::path executable = fs::read_symlink("/proc/self/exe", error);
  const fs::path beside_executable = executable.parent_path().parent_path() / "lib/attune/plugins";
  if (!error && fs::is_directory(beside_executable, error)) return beside_executable;
  const fs::path library = own_folder();
  return library.empty() ? beside_executable : library / "attune/plugins";
}

}  // namespace

SearchPath search_folders(const std::vector<fs::path>& named) {
  SearchPath folders;
  for (const fs::path& path : named) {
    folders.push_back({fs::absolute(path).lexically_normal(), "--plugin-dir", IfMissing::fail});
  }
  const char* variable = std::getenv("ATTUNE_PLUGIN_PATH");
  std::istringstream entries(variable ? variable : "");
  for (std::string entry; std::getline(entries, entry, ':');) {
    if (!entry.empty()) folders.push_back({entry, "ATTUNE_PLUGIN_PATH", IfMissing::note});
  }
  folders.push_back({default_folder(), "default", IfMissing::ignore});
  return folders;
}

namespace {

// Why there is no component `id`, as far as its plugin's file name tells: the file or its folder was refused.
std::string refusal_of(const std::string& id, const std::vector<Refusal>& refusals) {
  const std::string file = "attune-" + id + ".so";
  for (const Refusal& refusal : refusals) {
    std::error_code error;
    if (refusal.path.filename() == file || std::filesystem::exists(refusal.path / file, error)) {
      return "; " + refusal.path.string() + " was refused: " + refusal.reason;
    }
  }
  return "";
}

// All of them, unless that is more than one reads.
std::string known_ids(const std::string& kind, const std::vector<std::string>& ids) {
  constexpr size_t readable = 8;
  if (ids.empty()) return "no " + kind + " is installed";
  if (ids.size() > readable) return "`attune plugins` lists the " + kind + "s";
  std::string text = ids.size() == 1 ? "the only " + kind + " is " : kind + "s are ";
  for (size_t i = 0; i < ids.size(); ++i) text += (i == 0 ? "" : ", ") + quoted(ids[i]);
  return text;
}

std::string name_of(const Component& component) {
  return to_string(component.descriptor.kind) + " " + quoted(component.descriptor.id);
}

ComponentSpec resolve(const Catalogue& catalogue, ComponentKind kind, const ComponentSpec& given, int depth) {
  if (depth > deepest_nesting) {
    throw Error(Fault::spec, "methods are nested more than " + std::to_string(deepest_nesting) + " deep");
  }
  const Component& component = catalogue.component(kind, given.id);
  ComponentSpec whole{given.id, {}};
  try {
    whole.parameters = Parameters(component.descriptor.parameters, given.parameters).values();
  } catch (const Error& error) {
    throw Error(error.fault(), name_of(component) + ": " + error.what());
  }
  for (auto& [name, value] : whole.parameters) {
    auto* nested = std::get_if<ComponentSpec>(&value);
    if (nested == nullptr) continue;
    if (nested->id.empty()) {
      throw Error(Fault::spec, name_of(component) + " needs the parameter " + quoted(name) + ", the id of a method; " +
                                   known_ids("method", catalogue.ids(ComponentKind::method)));
    }
    *nested = resolve(catalogue, ComponentKind::method, *nested, depth + 1);
  }
  return whole;
}

// What nested methods are made with.
class NestedMethods final : public Parts {
 public:
  NestedMethods(const Catalogue& catalogue, const Parameters& parameters)
      : catalogue_(catalogue), parameters_(parameters) {}

  std::unique_ptr<AttentionMethod> method(const std::string& parameter,
                                          const std::map<std::string, ParameterValue>& changed) override {
    const ComponentSpec& nested = parameters_.method(parameter);
    auto values = changed;
    values.insert(nested.parameters.begin(), nested.parameters.end());  // where they are not changed
    return catalogue_.make_method(nested.id, values);
  }
  Descriptor descriptor(const std::string& parameter) const override {
    return catalogue_.descriptor(ComponentKind::method, parameters_.method(parameter));
  }

 private:
  const Catalogue& catalogue_;
  const Parameters& parameters_;
};

template <class Object, class Make>
std::unique_ptr<Object> make(const Component& component, const Make& factory,
                             const std::map<std::string, ParameterValue>& given) {
  const std::string subject = name_of(component);
  std::unique_ptr<Object> object;
  try {
    object = factory(Parameters(component.descriptor.parameters, given));
  } catch (const Error& error) {
    throw Error(error.fault(), subject + ": " + error.what());
  } catch (const std::exception& error) {
    // LibTorch's exceptions go on with a stack trace.
    const std::string message = error.what();
    throw Error(Fault::run, subject + " could not be made: " + message.substr(0, message.find('\n')));
  } catch (...) {
    throw Error(Fault::run, subject + " could not be made: it threw something that is not a std::exception");
  }
  if (!object) throw Error(Fault::run, subject + " could not be made: its factory gave nothing");
  return object;
}

}  // namespace

Catalogue::Catalogue(std::shared_ptr<const Contents> contents) : contents_(std::move(contents)) {}

Catalogue Catalogue::load(const SearchPath& folders) {
  PluginLoader loader;
  for (const SearchFolder& folder : folders) loader.load_folder(folder);
  return loader.finish();
}

Catalogue Catalogue::load_file(const std::filesystem::path& file, const SearchPath& folders) {
  return load_files({file}, folders);
}

Catalogue Catalogue::load_files(const std::vector<std::filesystem::path>& files, const SearchPath& folders) {
  PluginLoader loader;
  for (const std::filesystem::path& file : files) {
    try {
      loader.load_file(std::filesystem::absolute(file).lexically_normal());
    } catch (const Error& error) {
      throw Error(error.fault(), file.string() + ": " + error.what());
    }
  }
  for (const SearchFolder& folder : folders) loader.load_folder(folder);
  return loader.finish();
}

const std::vector<Component>& Catalogue::components() const { return contents_->components; }
const std::vector<PluginFile>& Catalogue::plugins() const { return contents_->plugins; }
const std::vector<Refusal>& Catalogue::refusals() const { return contents_->refusals; }
const std::vector<std::string>& Catalogue::notes() const { return contents_->notes; }

std::vector<std::string> Catalogue::ids(ComponentKind kind) const {
  std::vector<std::string> ids;
  for (const Component& one : components()) {
    if (one.descriptor.kind == kind) ids.push_back(one.descriptor.id);
  }
  return ids;
}

const Component* Catalogue::find(const std::string& id) const {
  for (const Component& one : components()) {
    if (one.descriptor.id == id) return &one;
  }
  return nullptr;
}

const Component& Catalogue::component(ComponentKind kind, const std::string& id) const {
  const Component* found = find(id);
  if (found && found->descriptor.kind == kind) return *found;
  const std::vector<std::string> known = ids(kind);
  const std::string choices = "; " + known_ids(to_string(kind), known);
  if (found) {
    throw Error(Fault::spec,
                quoted(id) + " is a " + to_string(found->descriptor.kind) + ", not a " + to_string(kind) + choices);
  }
  std::string hint = refusal_of(id, refusals());
  if (hint.empty()) hint = did_you_mean(id, known);
  throw Error(Fault::spec, "unknown " + to_string(kind) + " " + quoted(id) + choices + hint);
}

ComponentSpec Catalogue::resolved(ComponentKind kind, const ComponentSpec& component) const {
  return resolve(*this, kind, component, 0);
}

Descriptor Catalogue::descriptor(ComponentKind kind, const ComponentSpec& given) const {
  Descriptor all = component(kind, given.id).descriptor;
  for (const auto& [name, value] : resolved(kind, given).parameters) {
    const auto* method = std::get_if<ComponentSpec>(&value);
    if (method == nullptr) continue;
    const Descriptor nested = descriptor(ComponentKind::method, *method);
    all.differentiable = all.differentiable && nested.differentiable;
    all.deterministic = all.deterministic && nested.deterministic;
    const auto is_foreign = [&](int rank) { return !std::count(nested.ranks.begin(), nested.ranks.end(), rank); };
    all.ranks.erase(std::remove_if(all.ranks.begin(), all.ranks.end(), is_foreign), all.ranks.end());
    if (name == all.resolution_of) all.at_input_resolution = nested.at_input_resolution;
  }
  return all;
}

std::unique_ptr<AttentionMethod> Catalogue::make_method(const std::string& id,
                                                        const std::map<std::string, ParameterValue>& parameters) const {
  const ComponentSpec whole = resolved(ComponentKind::method, {id, parameters});
  const auto factory = [&](const Parameters& values) {
    NestedMethods nested(*this, values);
    return std::get<MethodFactory>(contents_->factories.at(id))(values, nested);
  };
  return make<AttentionMethod>(component(ComponentKind::method, id), factory, whole.parameters);
}

std::unique_ptr<ResolutionMatcher> Catalogue::make_matcher(
    const std::string& id, const std::map<std::string, ParameterValue>& parameters) const {
  const Component& one = component(ComponentKind::matcher, id);
  return make<ResolutionMatcher>(one, std::get<MatcherFactory>(contents_->factories.at(id)), parameters);
}

std::unique_ptr<Correlation> Catalogue::make_correlation(
    const std::string& id, const std::map<std::string, ParameterValue>& parameters) const {
  const Component& one = component(ComponentKind::correlation, id);
  return make<Correlation>(one, std::get<CorrelationFactory>(contents_->factories.at(id)), parameters);
}

}  // namespace attune
