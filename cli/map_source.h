// The maps of a batch that `attune heatmap` shows, and where they come from.
#pragma once

#include <ATen/core/Tensor.h>
#include <memory>
#include <string>
#include <vector>

#include <attune/consistency_loss.h>

#include "options.h"
#include "report/report.h"
#include "session.h"

namespace attune::cli {

struct BatchMaps {
  at::Tensor scores;  // [N,K] or whatever [N,..] the model gives, raw
  std::shared_ptr<Model> model;
  std::vector<ReportedMap> maps;  // values are [N,C,S1..Sd]; those of one name together, in the order of the targets
  std::vector<TermReport> terms;  // of a spec
};

class MapSource {
 public:
  virtual ~MapSource() = default;

  // Once the model is loaded: checks and makes what depends on it.
  virtual void prepare() = 0;
  // Of a batch [N,C,S1..Sd], and what is annotated in it, if anything. After prepare().
  virtual BatchMaps maps(const at::Tensor& input, const at::Tensor& annotation) = 0;
  // As the user wrote them.
  virtual std::vector<std::string> targets() const = 0;
  virtual const std::vector<TargetChoice>& choices() const = 0;
  // What a repetition of the run needs to know of it, as keys of the summary's "run".
  virtual Json settings() const = 0;
};

// The maps of --method, and those of --spec. `options` and `session` must live as long.
std::unique_ptr<MapSource> method_maps(const HeatmapOptions& options, const Session& session);
std::unique_ptr<MapSource> spec_maps(const HeatmapOptions& options, const Session& session);

// Its samples, in order, on the CPU; `asked` are the texts of the choices.
std::vector<SampleReport> reports_of(const BatchMaps& batch, const Labels& labels,
                                     const std::vector<TargetChoice>& choices, const std::vector<std::string>& asked);

}  // namespace attune::cli
