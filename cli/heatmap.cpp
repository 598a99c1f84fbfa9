// attune heatmap: what a model looks at, as pictures, raw maps and a summary.

#include <ATen/core/Tensor.h>
#include <c10/util/Exception.h>
#include <filesystem>
#include <future>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <torch/version.h>

#include <attune/sdk/error.h>
#include <attune/sdk/version.h>

#include "commands.h"
#include "heatmap_maps.h"
#include "heatmap_report.h"
#include "image/output_file.h"
#include "input_run.h"
#include "model/failure.h"
#include "progress.h"
#include "render/colormap.h"
#include "session.h"
#include "stop.h"

namespace attune::cli {
namespace {

// Papers draw heat in jet, whose bands are no property of the map.
HeatmapOptions without_jet(HeatmapOptions options) {
  if (options.colormap != "jet") return options;
  options.colormap = "turbo";
  say("attune: note: the colormap jet is drawn as turbo, which has its colours without its false bands");
  return options;
}

// As --strip takes it; null: a few.
Json strip_json(std::optional<int64_t> strip) {
  if (!strip) return Json();
  return *strip == std::numeric_limits<int64_t>::max() ? Json("all") : Json(*strip);
}

class HeatmapRun {
 public:
  explicit HeatmapRun(const HeatmapOptions& options)
      : options_(without_jet(options)),
        session_(prepare_session(options_.model)),
        inputs_(session_, options_.inputs, options_.output) {
    if (!options_.colormap.empty()) colormap(options_.colormap);
    source_ = options_.spec.empty() ? method_maps(options_, session_) : spec_maps(options_, session_);
    prepare_output_folder(options_.output);
    load_model(session_, options_.model);
    source_->prepare();
    inputs_.open();
  }

  int run() {
    Progress progress("inputs", inputs_.inputs());
    HeatmapReport report(options_, session_.labels, inputs_.preprocess(), source_->targets());
    catch_stop();
    std::future<Failures> drawing;  // of a batch, beside the model's work on the next
    while (!stop_requested()) {
      auto samples = inputs_.next();
      if (!samples) break;
      Attended maps = attend(*samples);
      if (drawing.valid()) complain(drawing.get());
      progress.advance(static_cast<int64_t>(samples->size()));
      drawing = std::async(std::launch::async, [this, &report, samples = std::move(*samples), maps = std::move(maps)] {
        return draw(report, samples, maps);
      });
    }
    if (drawing.valid()) complain(drawing.get());
    progress.finish();
    const bool stopped = stop_requested() && progress.done() < inputs_.inputs();
    report.finish(settings(), inputs_.failures(), stopped, progress.seconds());
    return stopped ? say_stopped(report) : inputs_.code();
  }

 private:
  using Attended = std::map<size_t, SampleMaps>;  // by place in the batch
  using Failures = std::vector<std::pair<Sample, Error>>;

  Attended attend(const std::vector<Sample>& samples) {
    Attended attended;
    inputs_.process(samples, [&](const SampleList& good, const at::Tensor& input) {
      const BatchMaps batch = source_->maps(input);
      check_labels(session_.labels, batch.scores.size(1));
      auto rows = samples_of(batch, probabilities(batch.scores, *session_.model));
      for (size_t row = 0; row < good.size(); ++row) {
        attended[static_cast<size_t>(good[row] - samples.data())] = std::move(rows[row]);
      }
    });
    return attended;
  }

  // A map that cannot be drawn is the fault of its input alone.
  Failures draw(HeatmapReport& report, const std::vector<Sample>& samples, const Attended& maps) const {
    Failures failures;
    for (const auto& [place, of_sample] : maps) {
      try {
        report.add(samples[place], inputs_.stem_of(samples[place]), of_sample);
      } catch (const Error& error) {
        if (!is_about_input(error)) throw;
        failures.emplace_back(samples[place], error);
      } catch (...) {
        failures.emplace_back(samples[place], Error(Fault::run, reason_of_current()));
      }
    }
    return failures;
  }

  void complain(const Failures& failures) {
    for (const auto& [sample, error] : failures) inputs_.failed(sample, error);
  }

  int say_stopped(const HeatmapReport& report) const {
    const std::string count = std::to_string(report.inputs());
    say("attune: stopped after " + count + (report.inputs() == 1 ? " input" : " inputs") +
        (report.inputs() == 0 ? "" : "; what is done lies in " + options_.output + " with its summary.json"));
    return stop_code();
  }

  Json settings() const {
    const Preprocess& preprocess = inputs_.preprocess();
    std::error_code error;
    Json run = {
        {"attune", ATTUNE_VERSION},
        {"libtorch", TORCH_VERSION},
        {"model", std::filesystem::absolute(options_.model.model, error).lexically_normal().string()},
        {"device", session_.model->device().str()},
        {"batch", options_.inputs.batch},
        {"layer", options_.model.layer.empty() ? session_.sidecar.layer : options_.model.layer},
        {"layout", options_.model.layout.empty() ? session_.sidecar.layout : options_.model.layout},
        {"preprocess",
         {{"size", preprocess.size}, {"crop", preprocess.crop}, {"mean", preprocess.mean}, {"std", preprocess.std}}},
        {"pictures",
         {{"colormap", options_.colormap.empty() ? default_colormap(options_.signed_maps) : options_.colormap},
          {"alpha", options_.alpha},
          {"opacity", options_.opacity},
          {"signed", options_.signed_maps},
          {"plain", options_.plain},
          {"heat_only", options_.heat_only},
          {"strip", strip_json(options_.strip)}}},
        {"raw", options_.raw ? Json(options_.raw_size) : Json()}};
    if (inputs_.frames() > 0) run["frames"] = inputs_.frames();
    if (inputs_.frames() > 0 && session_.sidecar.frames_per_second) {
      run["frames_per_second"] = *session_.sidecar.frames_per_second;
    }
    run.update(source_->settings());
    return run;
  }

  const HeatmapOptions options_;
  Session session_;
  InputRun inputs_;
  std::unique_ptr<MapSource> source_;
};

}  // namespace

int heatmap(const HeatmapOptions& options) { return HeatmapRun(options).run(); }

}  // namespace attune::cli
