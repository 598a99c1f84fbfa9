// attune heatmap --spec: every map of a spec, what its matchers make of the input, and the loss of each picture.

#include <ATen/core/grad_mode.h>
#include <algorithm>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>

#include "heatmap_maps.h"

namespace attune::cli {
namespace {

// A name for files: "masked input" -> "masked_input"; the second of a target that has it gets "#2".
std::string file_name(std::string name, std::map<std::string, int>& seen) {
  std::replace(name.begin(), name.end(), ' ', '_');
  const int count = ++seen[name];
  return count == 1 ? name : name + "#" + std::to_string(count);
}

// Matchers may show other tensors for every target and batch: those of one name are brought together.
std::vector<ShownMap> ordered_by_name(const std::vector<ShownMap>& maps) {
  std::vector<std::string> names;
  for (const ShownMap& map : maps) {
    if (std::find(names.begin(), names.end(), map.name) == names.end()) names.push_back(map.name);
  }
  std::vector<ShownMap> ordered;
  for (const std::string& name : names) {
    std::copy_if(maps.begin(), maps.end(), std::back_inserter(ordered),
                 [&](const ShownMap& map) { return map.name == name; });
  }
  return ordered;
}

class SpecMaps final : public MapSource {
 public:
  SpecMaps(const HeatmapOptions& options, const Session& session)
      : session_(session), given_(options.spec), file_(spec_file(options.spec)) {
    read_spec(file_, session_.catalogue);  // before the model is loaded, which may take long
  }

  void prepare() override { loss_.emplace(make_loss(session_, given_)); }

  BatchMaps maps(const at::Tensor& input) const override {
    const at::AutoGradMode mode(false);
    LossTrace trace;
    const LossResult result = (*loss_)(input, &trace);
    std::map<size_t, std::map<std::string, int>> seen;  // names of each target
    std::vector<ShownMap> maps;
    for (const LossTrace::Item& item : trace.items) {
      const std::string title = item.match.empty() ? item.name : item.name + " (" + item.match + ")";
      maps.push_back({file_name(item.name, seen[item.target]), title, only(item.layers), item.target, item.values,
                      item.at_input_resolution, item.shown, item.input});
    }
    return {result.scores, result.targets, ordered_by_name(maps), result.terms};
  }

  std::vector<std::string> targets() const override { return loss_->spec().targets; }

  Json settings() const override {
    std::ifstream stream(file_);
    return {{"spec", {{"file", given_}, {"document", Json::parse(stream, nullptr, /*allow_exceptions=*/false)}}},
            {"targets", targets()}};
  }

 private:
  const Session& session_;
  const std::string given_;
  const std::filesystem::path file_;
  std::optional<ConsistencyLoss> loss_;
};

}  // namespace

std::unique_ptr<MapSource> spec_maps(const HeatmapOptions& options, const Session& session) {
  return std::make_unique<SpecMaps>(options, session);
}

}  // namespace attune::cli
