// The components that plugins bring: found, checked, loaded and made from parameters.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <attune/sdk/correlation.h>
#include <attune/sdk/descriptor.h>
#include <attune/sdk/matcher.h>
#include <attune/sdk/method.h>
#include <attune/sdk/parameters.h>

namespace attune {

enum class IfMissing { fail, note, ignore };

// One folder that is looked through for files named attune-<name>.so.
struct SearchFolder {
  std::filesystem::path path;
  std::string origin;  // who asked for it, for messages: "--plugin-dir", "ATTUNE_PLUGIN_PATH" or "default"
  IfMissing if_missing = IfMissing::fail;
};
using SearchPath = std::vector<SearchFolder>;

// `named` folders, then those in the environment variable ATTUNE_PLUGIN_PATH (colon separated, absolute), then
// <executable>/../lib/attune/plugins or, in a program that embeds attune from elsewhere, <folder of libattune.so>/
// attune/plugins. Never the working directory.
SearchPath search_folders(const std::vector<std::filesystem::path>& named = {});

// A plugin that was loaded.
struct PluginFile {
  std::filesystem::path path;
  std::string name;
  std::string version;
};

// A file or folder that was not, and why, in one sentence.
struct Refusal {
  std::filesystem::path path;
  std::string reason;
};

// Methods may be made of others that are made of others..., so many in a row.
constexpr int deepest_nesting = 8;

// What a plugin registered.
struct Component {
  Descriptor descriptor;
  std::string plugin;  // name and version of the plugin
  std::string version;
  std::filesystem::path path;  // of its library
};

// Everything that the plugins on a search path registered. Copies share their contents, which never change; every
// function may be called concurrently. Loaded libraries stay in the process for good.
class Catalogue {
 public:
  // Loads every plugin of the folders, in their order and by file name. Files that cannot be trusted or do not fit are
  // refused, not loaded, and listed; the first of two components with one id stays. Throws Error(Fault::usage) when a
  // folder that must exist does not.
  static Catalogue load(const SearchPath& folders);
  // Loads one plugin file, then the plugins of the folders, whose methods its own may be made of. Throws
  // Error(Fault::plugin) with the reason when the file is refused.
  static Catalogue load_file(const std::filesystem::path& file, const SearchPath& folders = {});
  // The same of several files, in their order.
  static Catalogue load_files(const std::vector<std::filesystem::path>& files, const SearchPath& folders = {});

  const std::vector<Component>& components() const;  // by kind, then id
  const std::vector<PluginFile>& plugins() const;    // in the order of loading
  const std::vector<Refusal>& refusals() const;
  const std::vector<std::string>& notes() const;  // what a person should know but nothing was refused for

  std::vector<std::string> ids(ComponentKind kind) const;
  const Component* find(const std::string& id) const;  // null when unknown
  // Throws Error(Fault::spec) with the known ids and the nearest one, or why its plugin was refused.
  const Component& component(ComponentKind kind, const std::string& id) const;

  // All parameters of a component, given or default, and in turn those of the methods nested in it. Throws
  // Error(Fault::spec) for an unknown id or parameter, a value that its declaration does not allow, and methods nested
  // deeper than `deepest_nesting`.
  ComponentSpec resolved(ComponentKind kind, const ComponentSpec& component) const;
  // What a component says of itself with what its nested methods decide: it is differentiable and deterministic when
  // they are, too, takes inputs that they take, and a wrapper's map has the resolution of what it wraps.
  Descriptor descriptor(ComponentKind kind, const ComponentSpec& component) const;

  // Throw what `resolved` throws, and Error(Fault::run) when the plugin fails to make the object.
  std::unique_ptr<AttentionMethod> make_method(const std::string& id,
                                               const std::map<std::string, ParameterValue>& parameters = {}) const;
  std::unique_ptr<ResolutionMatcher> make_matcher(const std::string& id,
                                                  const std::map<std::string, ParameterValue>& parameters = {}) const;
  std::unique_ptr<Correlation> make_correlation(const std::string& id,
                                                const std::map<std::string, ParameterValue>& parameters = {}) const;

 private:
  struct Contents;
  friend class PluginLoader;
  explicit Catalogue(std::shared_ptr<const Contents> contents);

  std::shared_ptr<const Contents> contents_;
};

}  // namespace attune
