// The formats that data comes in. Every reader gives one split as drafts; it throws Error(Fault::input) when the list
// or the folder itself cannot be read, and marks what is wrong with an example in its draft.
#pragma once

#include "data/draft.h"

namespace attune {

// <root>/ImageSets/Main/<split>.txt: an id a line; JPEGImages/<id>.jpg (or .jpeg, .png); Annotations/<id>.xml. VOC's
// boxes count pixels from 1 and include their last one. Labels are the objects' names: a class of which all objects are
// difficult is unsure. A box may reach one pixel out of the picture, as rounding makes it, and is clipped; farther is a
// problem.
Drafts read_voc(const DataSource& source, const std::string& split);

// <root>/<split>/<class>/<file>: pictures, or with `clips` videos, by extension; other files are ignored.
Drafts read_class_folders(const DataSource& source, const std::string& split);

// <root>/<split>.csv, with the columns `path` (from the list's folder) and `labels` in any order, and if there is one
// `unsure`. Labels stand apart by ';'. A field in double quotes may hold commas and, doubled, quotes.
Drafts read_csv_list(const DataSource& source, const std::string& split);

// <root>/<split>/<file>: as class folders, without labels.
Drafts read_image_folder(const DataSource& source, const std::string& split);

}  // namespace attune
