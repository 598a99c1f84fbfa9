#include "data/dataset.h"

#include <map>
#include <set>
#include <sstream>
#include <utility>

#include <attune/sdk/error.h>

#include "data/draft.h"
#include "data/inputs.h"
#include "image/input_file.h"

namespace attune {
namespace {

namespace fs = std::filesystem;

std::vector<fs::path> subfolders(const fs::path& folder) {
  std::vector<fs::path> found;
  try {
    for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
      std::error_code ignored;
      const bool is_hidden = entry.path().filename().string().starts_with('.');
      if (!is_hidden && entry.is_directory(ignored)) found.push_back(entry.path());
    }
  } catch (const fs::filesystem_error& error) {
    refuse_input(folder, "the folder cannot be read: " + error.code().message());
  }
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

// In the order of DataFormat.
constexpr Drafts (*kReaders[])(const DataSource&, const std::string&) = {read_voc, read_class_folders, read_csv_list,
                                                                         read_image_folder};

using ClassIndices = std::map<std::string, int64_t>;

void find_missing_files(Drafts& split) {
  for (Draft& draft : split.examples) {
    try {
      if (!draft.problem) input_size(draft.path);
    } catch (const Error& error) {
      draft.problem = Problem{draft.path, error.what()};
    }
  }
}

std::vector<std::string> names_in(const std::vector<Drafts>& splits) {
  std::set<std::string> names;
  for (const Drafts& split : splits) {
    for (const Draft& draft : split.examples) {
      if (draft.problem) continue;
      names.insert(draft.labels.begin(), draft.labels.end());
      names.insert(draft.unsure.begin(), draft.unsure.end());
    }
  }
  return {names.begin(), names.end()};
}

ClassIndices indices_of(const std::vector<std::string>& classes) {
  ClassIndices indices;
  for (const std::string& name : classes) {
    if (!indices.emplace(name, static_cast<int64_t>(indices.size())).second) {
      throw Error(Fault::spec, "the list of classes names \"" + name + "\" twice");
    }
  }
  return indices;
}

int64_t index_of(const std::string& name, const ClassIndices& indices) {
  const auto found = indices.find(name);
  if (found != indices.end()) return found->second;
  std::vector<std::string> names;
  for (const auto& [known, index] : indices) names.push_back(known);
  throw Error(Fault::input, "the class \"" + name + "\" is not in the list of classes" + did_you_mean(name, names));
}

std::vector<int64_t> sorted_indices(const std::vector<std::string>& names, const ClassIndices& indices) {
  std::set<int64_t> found;
  for (const std::string& name : names) found.insert(index_of(name, indices));
  return {found.begin(), found.end()};
}

Example finished(const Draft& draft, const ClassIndices& indices) {
  Example example{draft.id, draft.path, sorted_indices(draft.labels, indices), {}, {}, draft.height, draft.width};
  for (const int64_t index : sorted_indices(draft.unsure, indices)) {
    if (!std::binary_search(example.labels.begin(), example.labels.end(), index)) example.unsure.push_back(index);
  }
  for (const NamedBox& box : draft.boxes) {
    example.boxes.push_back({index_of(box.name, indices), box.region, box.difficult});
  }
  return example;
}

// Class names become numbers, and what is wrong with an example a problem.
Dataset resolved(const Drafts& split, const ClassIndices& indices, const DataSource& source) {
  if (split.examples.empty()) refuse_input(split.list, "the split is empty");
  Dataset dataset{split.list, {}, {}, {}, source.clips};
  for (const Draft& draft : split.examples) {
    std::optional<Problem> problem = draft.problem;
    try {
      if (!problem) dataset.examples.push_back(finished(draft, indices));
    } catch (const Error& error) {
      problem = problem_of(draft.source, (draft.place.empty() ? "" : draft.place + ": ") + error.what());
    }
    if (problem && source.on_problem == OnProblem::stop) throw Error(Fault::input, problem->sentence);
    if (problem) dataset.problems.push_back(*problem);
  }
  if (dataset.examples.empty()) {
    refuse_input(split.list, "none of the " + std::to_string(split.examples.size()) +
                                 " examples of the split can be used; the first: " + dataset.problems[0].sentence);
  }
  return dataset;
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

std::vector<Dataset> read_datasets(const DataSource& source, const std::vector<std::string>& splits) {
  if (source.format == DataFormat::voc && source.clips) {
    throw Error(Fault::spec, "PASCAL VOC holds pictures, not clips; clips come in class folders or a CSV list");
  }
  std::error_code ignored;
  if (!std::filesystem::is_directory(source.root, ignored))
    refuse_input(source.root, "there is no such folder of data");
  std::vector<Drafts> drafts;
  for (const std::string& split : splits) {
    drafts.push_back(kReaders[static_cast<size_t>(source.format)](source, split));
    find_missing_files(drafts.back());
  }
  const std::vector<std::string> classes = source.classes.empty() ? names_in(drafts) : source.classes;
  const ClassIndices indices = indices_of(classes);
  std::vector<Dataset> datasets;
  for (const Drafts& split : drafts) {
    datasets.push_back(resolved(split, indices, source));
    datasets.back().classes = classes;
  }
  return datasets;
}

Dataset subset(const Dataset& dataset, const std::vector<int64_t>& indices) {
  Dataset result{dataset.list, dataset.classes, {}, dataset.problems, dataset.clips};
  for (const int64_t index : indices) result.examples.push_back(dataset.examples.at(static_cast<size_t>(index)));
  return result;
}

Problem problem_of(const std::filesystem::path& path, const std::string& what) {
  return {path, path.string() + ": " + what};
}

std::optional<Region> clipped(const Region& region, int64_t height, int64_t width) {
  const double left = std::max(region.x, 0.0), top = std::max(region.y, 0.0);
  const double right = std::min(region.x + region.width, static_cast<double>(width));
  const double bottom = std::min(region.y + region.height, static_cast<double>(height));
  if (right <= left || bottom <= top) return {};
  return Region{left, top, right - left, bottom - top};
}

std::string outside_of(const Region& region, int64_t height, int64_t width) {
  const double right = region.x + region.width, bottom = region.y + region.height;
  const bool near = region.x >= -1 && region.y >= -1 && right <= static_cast<double>(width) + 1 &&
                    bottom <= static_cast<double>(height) + 1;
  if (near && clipped(region, height, width)) return "";
  std::ostringstream text;
  text << "has a box outside of the picture: pixels " << region.x << " to " << right << " of " << width << ", rows "
       << region.y << " to " << bottom << " of " << height;
  return text.str();
}

}  // namespace attune
