// attune new: a repository for a plugin, from the templates that come with the SDK.

#include <algorithm>
#include <cctype>
#include <fstream>
#include <iostream>
#include <iterator>
#include <map>
#include <sstream>
#include <unistd.h>

#include <attune/sdk/error.h>
#include <attune/sdk/version.h>

#include "commands.h"
#include "image/output_file.h"
#include "plugin/registration.h"
#include "session.h"

namespace attune::cli {
namespace {

namespace fs = std::filesystem;
using Values = std::map<std::string, std::string>;  // of the placeholders
using Files = std::map<fs::path, std::string>;      // path in the repository, text

bool is_letter(char c) { return c >= 'a' && c <= 'z'; }

bool is_plugin_name(const std::string& text) {
  const size_t dot = text.find('.');
  return is_component_id(text) && dot != std::string::npos && is_letter(text[dot + 1]);
}

// "Acme.Edge-Energy" -> `; write acme.edge_energy`, or "" when that is no name either.
std::string remedy(std::string name) {
  for (char& c : name) c = c == '-' || c == ' ' ? '_' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  if (name.find('.') == std::string::npos) name = "acme." + name;
  return is_plugin_name(name) ? "; write for example " + name : "";
}

void check_name(const std::string& name) {
  if (is_plugin_name(name)) return;
  if (is_component_id(name) && name.find('.') == std::string::npos) {
    throw Error(Fault::usage,
                "'" + name + "' does not say whose it is: names without a dot are attune's own" + remedy(name));
  }
  throw Error(Fault::usage, "'" + name +
                                "' is no name for a plugin; it is vendor.name, of lower-case letters, digits and "
                                "underscores, with a letter behind the dot" +
                                remedy(name));
}

// "edge_energy" -> "EdgeEnergy", "Edge energy".
std::string class_name(const std::string& name) {
  std::string result;
  std::istringstream words(name);
  for (std::string word; std::getline(words, word, '_');) {
    if (word.empty()) continue;
    word[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(word[0])));
    result += word;
  }
  return result;
}

std::string title(std::string name) {
  std::replace(name.begin(), name.end(), '_', ' ');
  name[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(name[0])));
  return name;
}

Values placeholders(const std::string& id) {
  const std::string name = id.substr(id.find('.') + 1);
  const std::string version = ATTUNE_VERSION;
  return {{"@id@", id},
          {"@name@", name},
          {"@Class@", class_name(name)},
          {"@title@", title(name)},
          {"@version@", version.substr(0, version.rfind('.'))}};  // packages of one minor version fit
}

std::string filled(std::string text, const Values& values) {
  for (const auto& [placeholder, value] : values) {
    for (size_t at = text.find(placeholder); at != std::string::npos; at = text.find(placeholder, at + value.size())) {
      text.replace(at, placeholder.size(), value);
    }
  }
  return text;
}

// A file that both the kind and all kinds have is the former, followed by the latter.
Files fill_template(const std::string& kind, const Values& values) {
  Files files;
  for (const std::string& part : {kind, std::string("common")}) {
    const fs::path folder = data_folder() / "template" / part;
    std::error_code error;
    for (const auto& entry : fs::recursive_directory_iterator(folder, error)) {
      if (!entry.is_regular_file()) continue;
      std::ifstream file(entry.path(), std::ios::binary);
      const std::string text(std::istreambuf_iterator<char>(file), {});
      files[filled(entry.path().lexically_relative(folder).string(), values)] += filled(text, values);
    }
    if (error || files.empty()) {
      throw Error(Fault::run, folder.lexically_normal().string() +
                                  ": the templates are not there; install attune's SDK (on Debian, the package "
                                  "attune-sdk of this version)");
    }
  }
  return files;
}

// A clone that is still empty has a folder .git.
bool is_empty_but_for_git(const fs::path& folder) {
  return std::all_of(fs::directory_iterator(folder), fs::directory_iterator(),
                     [](const fs::directory_entry& entry) { return entry.path().filename() == ".git"; });
}

void check_output(const fs::path& target) {
  if (!fs::exists(target)) return;
  if (!fs::is_directory(target)) throw Error(Fault::output, target.string() + ": exists and is not a folder");
  if (!is_empty_but_for_git(target)) {
    throw Error(Fault::output, target.string() + ": is not empty; name a new folder with --output");
  }
}

// A folder beside the final one, where the repository is made; gone at the end.
class Workshop {
 public:
  explicit Workshop(const fs::path& beside)
      : path_(beside.parent_path() / (".attune-" + std::to_string(getpid()) + ".part")) {
    prepare_output_folder(path_);
  }
  ~Workshop() {
    std::error_code error;
    fs::remove_all(path_, error);
  }
  Workshop(const Workshop&) = delete;
  Workshop& operator=(const Workshop&) = delete;

  const fs::path& path() const { return path_; }

 private:
  fs::path path_;
};

void write_repository(const Files& files, const fs::path& target) {
  const Workshop workshop(target);
  for (const auto& [path, text] : files) {
    prepare_output_folder((workshop.path() / path).parent_path());
    write_file(workshop.path() / path, text);
  }
  if (!fs::exists(target)) return fs::rename(workshop.path(), target);
  for (const auto& [path, text] : files) {
    prepare_output_folder((target / path).parent_path());
    fs::rename(workshop.path() / path, target / path);
  }
}

// CMake looks into these by itself.
std::string where_attune_is() {
  const fs::path prefix = fs::canonical(data_folder() / ".." / "..");
  if (prefix == "/usr" || prefix == "/usr/local") return "";
  return " -DCMAKE_PREFIX_PATH=\"" + prefix.string() + '"';
}

// The guide for authors, as installed or in attune's sources.
std::string guide() {
  std::error_code error;
  const fs::path installed = data_folder() / ".." / "doc" / "attune" / "docs" / "plugin-guide.md";
  return fs::exists(installed, error) ? fs::canonical(installed, error).string()
                                      : "docs/plugin-guide.md in attune's sources";
}

void print_next_steps(const Files& files, const fs::path& folder) {
  std::cout << folder.string() << '\n';
  for (const auto& [path, text] : files) std::cout << "  " << path.string() << '\n';
  std::cout << "\nnext\n  cd \"" << folder.string() << "\"\n  cmake -S . -B build" << where_attune_is()
            << "\n  cmake --build build\n  ctest --test-dir build\n"
               "  attune loss MODEL build/example.json PHOTO --plugin-dir build\n"
               "\nguide\n  "
            << guide() << '\n';
}

}  // namespace

int scaffold(const NewOptions& options) {
  check_name(options.name);
  const Values values = placeholders(options.name);
  const std::string given = options.output.empty() ? "attune-" + values.at("@name@") : options.output;
  fs::path target = fs::absolute(given).lexically_normal();
  if (!target.has_filename()) target = target.parent_path();  // DIR/
  try {
    check_output(target);
    const Files files = fill_template(options.kind, values);
    write_repository(files, target);
    print_next_steps(files, given);
  } catch (const fs::filesystem_error& error) {
    throw Error(Fault::output, target.string() + ": cannot be written: " + error.code().message());
  }
  return 0;
}

}  // namespace attune::cli
