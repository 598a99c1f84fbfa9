// Whether a folder or file may be loaded from: a plugin is code that runs as the user.
#pragma once

#include <filesystem>
#include <string>

namespace attune {

struct Trust {
  std::string refusal;  // why not, or ""
  std::string note;     // what the user should know, or ""
};

// Others must not be able to put a plugin there: refuses folders and files that anyone may write to (folders with the
// sticky bit excepted) or that belong to neither root nor this user.
Trust inspect_folder(const std::filesystem::path& folder);
Trust inspect_file(const std::filesystem::path& file);

}  // namespace attune
