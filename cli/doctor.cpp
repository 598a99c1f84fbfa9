// attune doctor: where plugins were looked for, what was refused and why.

#include <iostream>
#include <torch/version.h>

#include <attune/sdk/version.h>

#include "commands.h"
#include "report/json.h"
#include "session.h"

namespace attune::cli {

int doctor(const DoctorOptions& options) {
  const SearchPath folders = search_folders({options.plugin_dirs.begin(), options.plugin_dirs.end()});
  const Catalogue catalogue = Catalogue::load(folders);
  Json report = {
      {"attune", ATTUNE_VERSION},  {"sdk", std::to_string(ATTUNE_SDK_MAJOR) + "." + std::to_string(ATTUNE_SDK_MINOR)},
      {"torch", TORCH_VERSION},    {"folders", Json::array()},
      {"plugins", Json::array()},  {"refused", Json::array()},
      {"notes", catalogue.notes()}};
  for (const auto& folder : folders) {
    report["folders"].push_back({{"path", folder.path.string()}, {"origin", folder.origin}});
  }
  for (const auto& file : catalogue.plugins()) {
    report["plugins"].push_back({{"name", file.name}, {"version", file.version}, {"path", file.path.string()}});
  }
  for (const auto& refusal : catalogue.refusals()) {
    report["refused"].push_back({{"path", refusal.path.string()}, {"reason", refusal.reason}});
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
