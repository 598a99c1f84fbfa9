#include "data/draft.h"

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include <attune/sdk/error.h>

#include "image/input_file.h"

namespace attune {
namespace {

using ClassIndices = std::map<std::string, int64_t>;

void find_missing_files(std::vector<Drafts>& splits) {
  for (Drafts& split : splits) {
    for (Draft& draft : split.examples) {
      if (draft.problem) continue;
      try {
        input_size(draft.path);
      } catch (const Error& error) {
        draft.problem = Problem{draft.path, error.what()};
      }
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

Dataset resolve_split(const Drafts& split, const ClassIndices& indices, const DataSource& source) {
  if (split.examples.empty()) refuse(split.list, "the split is empty");
  Dataset dataset;
  dataset.list = split.list;
  dataset.clips = source.clips;
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
    refuse(split.list, "none of the " + std::to_string(split.examples.size()) +
                           " examples of the split can be used; the first: " + dataset.problems[0].sentence);
  }
  return dataset;
}

}  // namespace

Problem problem_of(const std::filesystem::path& path, const std::string& what) {
  return {path, path.string() + ": " + what};
}

void refuse(const std::filesystem::path& path, const std::string& what) {
  throw Error(Fault::input, path.string() + ": " + what);
}

std::string trimmed(const std::string& text) {
  constexpr const char* kSpace = " \t\r\n";
  const size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string::npos) return "";
  return text.substr(begin, text.find_last_not_of(kSpace) + 1 - begin);
}

std::vector<Dataset> resolve(std::vector<Drafts> splits, const DataSource& source) {
  find_missing_files(splits);
  const std::vector<std::string> classes = source.classes.empty() ? names_in(splits) : source.classes;
  const ClassIndices indices = indices_of(classes);
  std::vector<Dataset> datasets;
  for (const Drafts& split : splits) {
    datasets.push_back(resolve_split(split, indices, source));
    datasets.back().classes = classes;
  }
  return datasets;
}

}  // namespace attune
