// Consistency losses as a user writes them: which maps, how they are matched and compared.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <attune/catalogue.h>
#include <attune/maps.h>
#include <attune/sdk/error.h>
#include <attune/sdk/parameters.h>

namespace attune {

struct MapSpec {
  std::string name;
  ComponentSpec method;
  bool stop_gradient = false;               // no gradient reaches the model through this map
  std::string model = {};                   // name of the model that it is a map of; "": the loss's
  std::string chosen_by = {};               // and of the model on whose answer its class is chosen; "": the loss's
  std::optional<Annotated> annotated = {};  // it is the samples' annotation, not of the method
  double noise = 0;                         // the method is the mean over copies of the input with so much noise
  std::string target = {};  // what it explains instead of the spec's targets, of "topK" the K-th class; "": these
};

// Another model that maps may be of, beside the one that the loss is of.
struct ModelSpec {
  std::string name;
  std::filesystem::path file;  // "self": a copy of the loss's model, as it is when the loss is made
};

struct MatchSpec {
  ComponentSpec matcher;
  bool stop_gradient = false;  // no gradient passes through the inputs that the matcher makes (its mask)
};

// What happens to each matched map, per sample, before it is compared.
enum class Normalise {
  none,
  standardise,          // (a - mean) / standard deviation (unbiased)
  standardise_sigmoid,  // the logistic function of that
  minmax,               // (a - min) / (max - min)
  unit,                 // a / its Euclidean norm
};

// What a term may ask of each of its maps alone.
enum class Measure {
  total_variation,  // mean difference of neighbouring cells
  entropy,          // of the map's magnitudes as shares, from 0 to 1
  gini,             // their Gini coefficient, from 0 (all alike) to 1 (one cell)
  area,             // their mean beside the largest
};

// What a term may ask of the model's answer on an input that a matcher makes, larger for a better answer.
enum class Score {
  logit,          // the target's score
  probability,    // of the target's class
  cross_entropy,  // minus that of the target's class: its log-probability
  kl,             // minus the divergence from the answer on the input itself, which is a constant
};

// It compares matched maps, measures maps, or scores answers.
struct TermSpec {
  std::string name;
  std::vector<std::string> maps;
  MatchSpec match;  // none where it measures
  Normalise normalise = Normalise::none;
  ComponentSpec compare;  // no id where it measures or scores
  std::optional<Measure> measure;
  std::optional<Score> score;
  double weight = 1;
};

enum class Reduction { mean, sum };

// loss = - sum over terms of weight * reduction over samples of h (Mirzazadeh et al. 2022, Eq. 1 and 2).
struct Spec {
  int version = 1;  // of the format
  std::string description;
  std::vector<std::string> targets{"top1"};  // "topK", an index, or a label; what is explained and kept for every map
  std::vector<ModelSpec> models;
  std::vector<MapSpec> maps;  // in the order of the file
  std::vector<TermSpec> terms;
  Reduction reduction = Reduction::mean;
};

// What is wrong in a file, and where. Lines and columns (in bytes) count from 1.
struct SpecFault {
  int line = 1;
  int column = 1;
  std::string pointer;  // JSON pointer of the value
  std::string message;
};

// What is wrong in one file, a hundred faults at most. what() has a line for each, as in "spec.json:12:8 at
// /terms/0/match/source: unknown map ...", and a last one where there are more.
class SpecError : public Error {
 public:
  SpecError(const std::string& file, std::vector<SpecFault> faults);

  const std::vector<SpecFault>& faults() const { return faults_; }
  bool has_more() const { return has_more_; }

 private:
  std::vector<SpecFault> faults_;
  bool has_more_;  // than these
};

// What is known of the model that a spec will be used with; empty lists are not checked against.
struct ModelNames {
  std::vector<std::string> layers;
  std::vector<std::string> labels;
};

// Throws SpecError with everything that is wrong with the text, checked against the declarations of the installed
// components, and Error(Fault::spec) when the file cannot be read or is larger than a megabyte.
Spec read_spec(const std::filesystem::path& file, const Catalogue& catalogue, const ModelNames& model = {});
// The same for a text; `name` is what errors call it, and files that it names are relative to `folder`.
Spec parse_spec(const std::string& text, const std::string& name, const Catalogue& catalogue,
                const ModelNames& model = {}, const std::filesystem::path& folder = {});

// The JSON Schema (draft 2020-12) of specs, for editors: what the installed components allow.
std::string spec_schema(const Catalogue& catalogue);

}  // namespace attune
