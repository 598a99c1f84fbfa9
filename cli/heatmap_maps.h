// The maps that `attune heatmap` shows, of a batch and of a sample, and where they come from.
#pragma once

#include <ATen/core/Tensor.h>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <attune/consistency_loss.h>

#include "json.h"
#include "options.h"
#include "session.h"

namespace attune::cli {

// A map for one target, or what a matcher shows.
struct ShownMap {
  std::string name;   // in file names and the summary: "gradcam", "masked_input"
  std::string title;  // in legends: "Grad-CAM"
  std::string layer;  // "" when it is about no single layer
  size_t target = 0;  // index of the targets
  at::Tensor values;  // [N,C,S1..Sd] of a batch, [C,S1..Sd] of a sample
  bool at_input_resolution = false;
  std::optional<Shown> shown;  // what a matcher shows; nothing: a map
  at::Tensor input;            // that the map was computed on, where it is not the sample's own; shaped as `values`
};

struct BatchMaps {
  at::Tensor scores;  // [N,K], the model's raw output
  std::vector<Target> targets;
  std::vector<ShownMap> maps;     // maps of one name stand together, in the order of the targets
  std::vector<TermReport> terms;  // of a spec
};

// A spec's term of one sample.
struct SampleTerm {
  std::string name;
  std::vector<double> values;  // h, one per target
  bool degenerate = false;
  bool saturated = false;
};

// One sample's answers and maps, on the CPU in float32.
struct SampleMaps {
  at::Tensor scores;             // [K]
  at::Tensor probabilities;      // [K]
  std::vector<int64_t> classes;  // one per target; two targets may mean one class
  std::vector<ShownMap> maps;
  std::vector<SampleTerm> terms;
};

// Rows of a batch; `probabilities` [N,K] on the CPU.
std::vector<SampleMaps> samples_of(const BatchMaps& batch, const at::Tensor& probabilities);

class MapSource {
 public:
  virtual ~MapSource() = default;

  // Once the model is loaded: checks and makes what depends on it.
  virtual void prepare() = 0;
  // Of a batch [N,C,S1..Sd]. After prepare().
  virtual BatchMaps maps(const at::Tensor& input) const = 0;
  // As the user wrote them.
  virtual std::vector<std::string> targets() const = 0;
  // What a repetition of the run needs to know of it, as keys of the summary's "run".
  virtual Json settings() const = 0;
};

// The maps of --method, and those of --spec. `options` and `session` must live as long.
std::unique_ptr<MapSource> method_maps(const HeatmapOptions& options, const Session& session);
std::unique_ptr<MapSource> spec_maps(const HeatmapOptions& options, const Session& session);

// The layer that a map came from, when there is exactly one; otherwise "".
std::string only(const std::vector<std::string>& layers);

}  // namespace attune::cli
