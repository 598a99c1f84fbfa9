// What the readers of the formats have in common: examples as they are written down, before class names become numbers.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "data/dataset.h"

namespace attune {

struct NamedBox {
  std::string name;
  Region region;
  bool difficult = false;
};

struct Draft {
  std::string id;
  std::filesystem::path path;    // of the picture or video
  std::filesystem::path source;  // that names the classes: an annotation, a list, a folder
  std::string place;             // in the source: "line 3"; empty when it is about this example alone
  std::vector<std::string> labels;
  std::vector<std::string> unsure;  // may repeat labels, which count
  std::vector<NamedBox> boxes;
  int64_t height = 0;
  int64_t width = 0;
  std::optional<Problem> problem;  // found by the reader
};

// A split.
struct Drafts {
  std::filesystem::path list;  // that names the examples: a file or a folder
  std::vector<Draft> examples;
};

Problem problem_of(const std::filesystem::path& path, const std::string& what);

// Throws Error(Fault::input).
[[noreturn]] void refuse(const std::filesystem::path& path, const std::string& what);

// Text without the white space around it.
std::string trimmed(const std::string& text);

// As read_datasets, from what a reader has found.
std::vector<Dataset> resolve(std::vector<Drafts> splits, const DataSource& source);

}  // namespace attune
