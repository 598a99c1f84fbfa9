// What is known of the maps of one sample, and who makes something of it: a sink for pictures, arrays, the summary,
// contact sheets. A sink takes everything from these structs; another one is a file of its own.
#pragma once

#include <ostream>

#include <attune/sdk/matcher.h>

#include "data/preprocess.h"
#include "data/sample_stream.h"
#include "report/json.h"
#include "report/map_picture.h"

namespace attune {

struct ClassScore {
  int64_t index = 0;         // -1: no class
  std::string label = "";    // "" when the model has no labels
  double score = 0;          // the model's raw output
  double probability = 0;    // 0..1; NaN for what has none
  std::string measure = "";  // keys of a target that is more than a class, whose own value `score` is: "minus=similar3"

  std::string name() const;   // the label, or "class 3", and the keys behind it
  std::string shown() const;  // the probability, "98.3 %", or else the score
  std::string drawn() const;  // the same, with the index where the label's letters cannot be drawn
};

// As in every document.
Json json_of(const ClassScore& score);

// Two targets may mean one class: "top1" and its name.
struct ExplainedClass {
  ClassScore about;
  std::string asked;  // as it was asked for, and of "top5" the place: "top 2"; "" when there is but one target
};

// A map for one target, or what a matcher shows.
struct ReportedMap {
  std::string name;                 // in file names and the summary: "gradcam", "masked_input"
  std::string method;               // in words: "Grad-CAM"
  std::vector<std::string> layers;  // that it came from
  size_t target = 0;                // index of the targets
  at::Tensor values;                // [C,S1..Sd], on the CPU in float32
  bool at_input_resolution = false;
  double forward_passes = 0;  // that it takes by itself, for one target; both 0: not known
  double backward_passes = 0;
  std::optional<Shown> shown;  // what a matcher shows; nothing: a map
  at::Tensor input;            // that the map was computed on, where it is not the sample's own; shaped like it

  // What Report::add() finds out.
  std::string stem;       // of its files: "beagle.gradcam.162"
  bool repeated = false;  // its class has been explained for another target already: it keeps its place, no more
  Image cell;             // the map as it is drawn, in a small place; undefined when it cannot be drawn
  std::map<std::string, std::string> files;  // names that sinks have given, by key of the summary: "overlay"

  std::string cost() const;  // "1 forward, 1 backward"; "" when it is not known
  std::string layer() const { return layers.size() == 1 ? layers[0] : ""; }  // where there is exactly one
};

// A spec's term of one sample.
struct SampleTerm {
  std::string name;
  std::vector<double> values;  // h, one per target
  bool degenerate = false;
  bool saturated = false;

  std::string text() const;  // "agreement h = 0.442 (saturated)"
};

struct SampleReport {
  const Sample* sample = nullptr;  // lives as long as the call of a sink
  std::string stem;                // unique among the inputs, for the names of files
  ClassScore answer;               // the class with the highest score; of index -1 where there are no classes
  std::vector<ExplainedClass> targets;
  std::vector<ReportedMap> maps;  // of one name together, in the order of the targets
  std::vector<SampleTerm> terms;
  Image cell;  // the input as it is drawn, in a small place; undefined when it cannot be drawn
};

// An input that could not be done, and why.
struct FailedInput {
  std::string path;
  std::optional<int64_t> row;  // in a .npy batch
  std::string sentence;
};

struct RunReport {
  std::string model;
  std::vector<FailedInput> failed;
  bool stopped = false;
  Json settings;  // what a repetition of the run needs to know
};

struct ReportOptions {
  std::filesystem::path folder;  // that files go to
  PictureStyle pictures;
  Preprocess preprocess;                                              // undone to draw inputs that matchers have made
  bool arrays_at_input_size = false;                                  // instead of the maps' own
  std::function<void(std::string)> note = [](const std::string&) {};  // what a user should know, a sentence
};

class Sink {
 public:
  explicit Sink(ReportOptions options = {}) : options_(std::move(options)) {}
  virtual ~Sink() = default;

  // A map of a sample that is on its way; `picture` is undefined where it cannot be drawn. Files that are written of
  // the map are put down in `map.files`.
  virtual void add_map(const SampleReport& /*sample*/, ReportedMap& /*map*/, const MapPicture& /*picture*/) {}
  // The sample, when every sink has had all of its maps.
  virtual void add(const SampleReport& /*sample*/) {}
  virtual void finish(const RunReport& /*run*/) {}

 protected:
  const ReportOptions options_;
};

// Before long work: throws Error(Fault::usage) for an unknown colour map, and makes the folder.
void prepare(const ReportOptions& options);

using Sinks = std::vector<std::unique_ptr<Sink>>;

// Everything of a run, sample by sample.
class Report {
 public:
  Report(ReportOptions options, Sinks sinks);

  // Draws each map once and hands it to all sinks. Throws Error(Fault::run) for a map that cannot be drawn; then no
  // sink has the sample, though files of its other maps may have been written.
  void add(const Sample& sample, SampleReport report);
  // Nothing happens when no sample was added.
  void finish(const RunReport& run);
  int64_t samples() const { return samples_; }

 private:
  void draw(const SampleReport& report, ReportedMap& map);

  ReportOptions options_;
  Sinks sinks_;
  int64_t samples_ = 0;
};

// Pictures with their legends: NAME.png ("overlay").
std::unique_ptr<Sink> picture_files(const ReportOptions& options);
// Raw maps: NAME.npy ("raw"), and of volumes NAME.nii.gz ("raw_nifti"), which lies where the volume does.
std::unique_ptr<Sink> array_files(const ReportOptions& options);
// All inputs on few pages, contact_sheet.png and so on: with several maps a row per input and a column per map, with
// more maps than fit side by side a block of rows per input, and with one map a grid. Of several methods the last page
// says how much their maps agree.
std::unique_ptr<Sink> contact_sheet_files(const ReportOptions& options);
// summary.json, for which it comes behind all that write files; the same text on `copy`, when there is one.
std::unique_ptr<Sink> summary_file(const ReportOptions& options, std::ostream* copy = nullptr);

}  // namespace attune
