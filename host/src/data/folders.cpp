// Folders of pictures or videos, with a class each or without.
#include <algorithm>

#include <attune/sdk/error.h>

#include "data/draft.h"
#include "data/inputs.h"

namespace attune {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> subfolders(const fs::path& folder) {
  std::vector<fs::path> found;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error); !error && entry != fs::directory_iterator();
       entry.increment(error)) {
    std::error_code ignored;
    if (!entry->path().filename().string().starts_with('.') && entry->is_directory(ignored)) {
      found.push_back(entry->path());
    }
  }
  if (error) refuse(folder, "the folder cannot be read: " + error.message());
  std::sort(found.begin(), found.end());
  return found;
}

fs::path split_folder(const DataSource& source, const std::string& split) {
  return split.empty() ? source.root : source.root / split;
}

// Without labels.
std::vector<Draft> files_in(const fs::path& folder, const DataSource& source) {
  std::vector<Draft> drafts;
  for (const InputFile& file : list_inputs({folder.string()}, source.clips)) {
    Draft draft;
    draft.path = file.path;
    draft.source = folder;
    draft.id = draft.path.lexically_relative(source.root).string();
    if (!file.error.empty()) draft.problem = Problem{draft.path, file.error};
    if (file.kind == InputKind::npy || file.kind == InputKind::nifti) {
      draft.problem = problem_of(draft.path, "is an array; examples are pictures or videos");
    }
    drafts.push_back(std::move(draft));
  }
  return drafts;
}

bool is_wanted(const std::string& name, const DataSource& source) {
  return source.classes.empty() ||
         std::find(source.classes.begin(), source.classes.end(), name) != source.classes.end();
}

}  // namespace

Drafts read_class_folders(const DataSource& source, const std::string& split) {
  Drafts drafts{split_folder(source, split), {}};
  for (const fs::path& folder : subfolders(drafts.list)) {
    const std::string name = folder.filename().string();
    if (!is_wanted(name, source)) {  // once, rather than for every file
      Draft draft;
      draft.problem = problem_of(
          folder, "the class \"" + name + "\" is not in the list of classes" + did_you_mean(name, source.classes));
      drafts.examples.push_back(std::move(draft));
      continue;
    }
    for (Draft& draft : files_in(folder, source)) {
      draft.labels = {name};
      drafts.examples.push_back(std::move(draft));
    }
  }
  return drafts;
}

Drafts read_image_folder(const DataSource& source, const std::string& split) {
  const fs::path folder = split_folder(source, split);
  return {folder, files_in(folder, source)};
}

}  // namespace attune
