// What a model is trained and judged on: files, and what is known of them.
#pragma once

#include <optional>
#include <string>

#include "base/data_choices.h"
#include "image/image.h"

namespace attune {

// An object in a picture.
struct Box {
  int64_t label = 0;  // index of its class
  Region region;      // in pixels of the picture
  bool difficult = false;
};

struct Example {
  std::string id;  // as its list calls it
  std::filesystem::path path;
  std::vector<int64_t> labels;  // classes it has, ascending
  std::vector<int64_t>
      unsure;  // classes of which it only has difficult objects, ascending: it neither has them nor not
  std::vector<Box> boxes;
  int64_t height = 0;  // of the picture that the boxes were drawn in; 0 when that is not known
  int64_t width = 0;
};

// An example that is left out.
struct Problem {
  std::filesystem::path path;  // of the file that is wrong
  std::string sentence;        // begins with the path
};

// One part (training, validation, test) of what a source holds.
struct Dataset {
  std::filesystem::path list;        // that names the examples: a file or a folder
  std::vector<std::string> classes;  // none: unlabelled
  std::vector<Example> examples;
  std::vector<Problem> problems;
  bool clips = false;  // videos rather than pictures

  int64_t size() const { return static_cast<int64_t>(examples.size()); }
};

struct DataSource {
  DataFormat format = DataFormat::voc;
  std::filesystem::path root;
  std::vector<std::string> classes;  // in their order; none: all that occur in the splits, sorted
  bool clips = false;                // files are videos; not with voc
  OnProblem on_problem = OnProblem::stop;
};

// One dataset per split, all with the same classes; draft.h says what is read and what is wrong with a file. What is
// wrong with the pictures and videos themselves shows when they are loaded (batch_loader.h); that they are there is
// checked here. Throws Error(Fault::input) for a list or folder that cannot be read, for a split in which no example
// can be used and, with OnProblem::stop, for the first problem.
std::vector<Dataset> read_datasets(const DataSource& source, const std::vector<std::string>& splits);

// Those examples, in that order, and all problems.
Dataset subset(const Dataset& dataset, const std::vector<int64_t>& indices);

// The part of a region that lies in a picture of that size; nothing when none does.
std::optional<Region> clipped(const Region& region, int64_t height, int64_t width);

// "has a box outside of the picture: ..." for a region that reaches more than one pixel out of a picture of that size,
// or lies there altogether; "" for one that does not.
std::string outside_of(const Region& region, int64_t height, int64_t width);

// Every region replaced by what `change` makes of it, cut off at the borders of a picture of that size; boxes of which
// nothing remains are dropped.
template <typename Change>
void change_boxes(std::vector<Box>& boxes, int64_t height, int64_t width, const Change& change) {
  std::vector<Box> kept;
  for (const Box& box : boxes) {
    if (const auto region = clipped(change(box.region), height, width)) {
      kept.push_back({box.label, *region, box.difficult});
    }
  }
  boxes = std::move(kept);
}

// Choosing examples: a few of every class, or a part that is held out. Indices of examples, ascending; every choice is
// a function of the dataset and the seed.

// At least `per_class` examples of every class, and none that could be left out: where examples have one class, exactly
// that many. Where they have several, rare classes are served first, by examples that add little to classes that have
// enough, so that frequent classes may get more than they need. Throws Error(Fault::spec) for less than 1 per class,
// Error(Fault::input) for a dataset without labels and, with TooFew::stop, for classes with fewer examples.
std::vector<int64_t> few_shot(const Dataset& dataset, int64_t per_class, uint64_t seed, TooFew too_few = TooFew::stop);

struct HoldOut {
  std::vector<int64_t> kept;
  std::vector<int64_t> held;
};

// Holds out that share of the examples of every class, rounded; rare classes are divided first. Examples without a
// class are divided alike. Throws Error(Fault::spec) for a share that is not between 0 and 1, Error(Fault::input) when
// one part would be empty.
HoldOut hold_out(const Dataset& dataset, double share, uint64_t seed);

}  // namespace attune
