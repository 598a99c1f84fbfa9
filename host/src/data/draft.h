// The formats that data comes in: examples as they are written down, before class names become numbers.
#pragma once

#include "base/text.h"
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

// Every reader gives one split; it throws Error(Fault::input) when the list or the folder itself cannot be read, and
// marks what is wrong with an example in its draft.

// <root>/ImageSets/Main/<split>.txt: an id a line; JPEGImages/<id>.jpg (or .jpeg, .png); Annotations/<id>.xml. VOC's
// boxes count pixels from 1 and include their last one. Labels are the objects' names: a class of which all objects are
// difficult is unsure. A box may reach one pixel out of the picture, as rounding makes it, and is clipped; farther is a
// problem.
Drafts read_voc(const DataSource& source, const std::string& split);

// One such annotation: size and boxes. Throws Error(Fault::input), which names the file.
Draft read_voc_annotation(const std::filesystem::path& file);

// <root>/<split>/<class>/<file>: pictures, or with `clips` videos, by extension; other files are ignored.
Drafts read_class_folders(const DataSource& source, const std::string& split);

// <root>/<split>.csv, with the columns `path` (from the list's folder) and `labels` in any order, and if there is one
// `unsure`. Labels stand apart by ';'. A field in double quotes may hold commas and, doubled, quotes.
Drafts read_csv_list(const DataSource& source, const std::string& split);

// <root>/<split>/<file>: as class folders, without labels.
Drafts read_image_folder(const DataSource& source, const std::string& split);

}  // namespace attune
