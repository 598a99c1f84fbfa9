// Small datasets on disk, and what the tests of datasets share.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "data/dataset.h"
#include "errors.h"
#include "folder.h"

namespace attune::test {

// Writes with the folders that lead there.
inline std::filesystem::path write_at(const TemporaryFolder& folder, const std::string& name,
                                      const std::string& bytes = "not looked into") {
  std::filesystem::create_directories((folder / name).parent_path());
  return folder.write(name, bytes);
}

inline std::vector<std::string> ids_of(const Dataset& dataset) {
  std::vector<std::string> ids;
  for (const Example& example : dataset.examples) ids.push_back(example.id);
  return ids;
}

inline std::vector<std::string> sentences_of(const Dataset& dataset) {
  std::vector<std::string> sentences;
  for (const Problem& problem : dataset.problems) sentences.push_back(problem.sentence);
  return sentences;
}

using Strings = std::vector<std::string>;
using Labels = std::vector<int64_t>;

// Examples that only have labels.
inline Dataset labelled(int64_t classes, const std::vector<Labels>& labels) {
  Dataset dataset;
  dataset.list = "train.txt";
  for (int64_t i = 0; i < classes; ++i) dataset.classes.push_back(std::string(1, static_cast<char>('a' + i)));
  for (const Labels& one : labels) {
    dataset.examples.emplace_back();
    dataset.examples.back().labels = one;
  }
  return dataset;
}

}  // namespace attune::test
