// attune heatmap: what a model looks at, as pictures, raw maps and a summary.

#include <ATen/core/Tensor.h>
#include <algorithm>
#include <c10/util/Exception.h>
#include <filesystem>
#include <future>
#include <iostream>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <sstream>
#include <torch/version.h>

#include <attune/sdk/error.h>
#include <attune/sdk/version.h>

#include "base/numbers.h"
#include "commands.h"
#include "input_run.h"
#include "map_source.h"
#include "model/failure.h"
#include "progress.h"
#include "report/report.h"
#include "session.h"

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

ReportOptions report_options(const HeatmapOptions& options, const Preprocess& preprocess) {
  ReportOptions report;
  report.folder = options.output;
  report.pictures.heat.colormap = options.colormap;
  report.pictures.heat.alpha = options.alpha;
  report.pictures.heat.opacity = options.opacity == "uniform" ? Opacity::uniform : Opacity::heat;
  report.pictures.heat.signed_ = options.signed_maps;
  report.pictures.shown = options.strip;
  report.pictures.heat_only = options.heat_only;
  report.pictures.plain = options.plain;
  report.preprocess = preprocess;
  report.arrays_at_input_size = options.raw_size == "input";
  report.note = [](const std::string& note) { say("attune: note: " + note); };
  return report;
}

// What people read of the maps while and after they are drawn.
class Listing final : public Sink {
 public:
  explicit Listing(const HeatmapOptions& options) : options_(options) {}

  // A picture without heat looks like a fault of the program: say why there is none.
  void add_map(const SampleReport& sample, ReportedMap& map, const MapPicture& picture) override {
    if (map.shown) return;
    std::string note;
    const bool is_drawn = picture.image.defined();
    const double least = map.values.min().item<double>(), greatest = map.values.max().item<double>();
    if (greatest == 0 && least == 0) {
      note = "is 0 everywhere: the score does not depend on what it looks at";
    } else if (is_drawn && picture.full == 0) {
      note = "has no positive values: everything speaks against the class; --signed draws that";
    } else if (!is_drawn && !options_.raw) {
      note = sample.cell.defined() ? "cannot be drawn, as its axes are not those of the input"
                                   : "cannot be drawn, as the input is no picture";
      note += "; --raw writes the map itself";
    }
    if (!note.empty()) say("attune: note: map '" + map.stem + "' " + note);
  }

  void add(const SampleReport& report) override {
    if (options_.json) return;
    text_ << report.sample->path;
    if (report.sample->row) text_ << " row " << *report.sample->row;
    for (const SampleTerm& term : report.terms) text_ << "  " << term.text();
    text_ << '\n';
    for (const ReportedMap& map : report.maps) {
      if (map.repeated) continue;
      const ClassScore& explained = report.targets[map.target].about;
      text_ << "  " << map.name << "  " << explained.name() << ' ' << explained.shown();
      const auto picture = map.files.find("overlay");
      if (picture != map.files.end()) {
        text_ << "  " << (std::filesystem::path(options_.output) / picture->second).string();
      }
      text_ << '\n';
    }
  }

  void finish(const RunReport& /*run*/) override { std::cout << text_.str(); }

 private:
  const HeatmapOptions& options_;
  std::ostringstream text_;
};

class HeatmapRun {
 public:
  explicit HeatmapRun(const HeatmapOptions& options)
      : options_(without_jet(options)),
        session_(prepare_session(options_.model)),
        inputs_(session_, options_.inputs, options_.output) {
    source_ = options_.spec.empty() ? method_maps(options_, session_) : spec_maps(options_, session_);
    prepare(report_options(options_, inputs_.preprocess()));
    load_model(session_, options_.model);
    source_->prepare();
    inputs_.open();
  }

  int run() {
    Progress progress("inputs", inputs_.inputs());
    Report report(report_options(options_, inputs_.preprocess()), sinks());
    catch_stop();
    std::future<Failures> drawing;  // of a batch, beside the model's work on the next
    while (!stop_requested()) {
      auto samples = inputs_.next();
      if (!samples) break;
      Reports maps = attend(*samples);
      if (drawing.valid()) complain(drawing.get());
      progress.advance(static_cast<int64_t>(samples->size()));
      drawing =
          std::async(std::launch::async, [&report, samples = std::move(*samples), maps = std::move(maps)]() mutable {
            return draw(report, samples, maps);
          });
    }
    if (drawing.valid()) complain(drawing.get());
    progress.finish();
    const bool stopped = stop_requested() && progress.done() < inputs_.inputs();
    report.finish({options_.model.model, inputs_.failures(), stopped, settings()});
    say_done(report, progress.seconds());
    return stopped ? say_stopped(report) : inputs_.code();
  }

 private:
  using Reports = std::map<size_t, SampleReport>;  // by place in the batch
  using Failures = std::vector<std::pair<Sample, Error>>;

  Sinks sinks() const {
    const ReportOptions options = report_options(options_, inputs_.preprocess());
    Sinks sinks;
    sinks.push_back(picture_files(options));
    if (options_.raw) sinks.push_back(array_files(options));
    sinks.push_back(contact_sheet_files(options));
    sinks.push_back(summary_file(options, options_.json ? &std::cout : nullptr));
    sinks.push_back(std::make_unique<Listing>(options_));
    return sinks;
  }

  Reports attend(const std::vector<Sample>& samples) {
    Reports reports;
    inputs_.process(samples, [&](const SampleList& good, const at::Tensor& input) {
      const BatchMaps batch = source_->maps(input, inputs_.annotations(good));
      auto rows = reports_of(batch, session_.labels, source_->choices(), source_->targets());
      for (size_t row = 0; row < good.size(); ++row) {
        rows[row].stem = inputs_.stem_of(*good[row]);
        reports[static_cast<size_t>(good[row] - samples.data())] = std::move(rows[row]);
      }
    });
    return reports;
  }

  // A map that cannot be drawn is the fault of its input alone.
  static Failures draw(Report& report, const std::vector<Sample>& samples, Reports& maps) {
    Failures failures;
    for (auto& [place, of_sample] : maps) {
      try {
        report.add(samples[place], std::move(of_sample));
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

  static std::string count_of(const Report& report) {
    return std::to_string(report.samples()) + (report.samples() == 1 ? " input" : " inputs");
  }

  static void say_done(const Report& report, double seconds) {
    if (report.samples() == 0) return;
    const double rate = static_cast<double>(report.samples()) / std::max(seconds, 1e-9);
    say(count_of(report) + " in " + fixed(seconds, 1) + " s (" + fixed(rate, 1) + " per second)");
  }

  int say_stopped(const Report& report) const {
    say("attune: stopped after " + count_of(report) +
        (report.samples() == 0 ? "" : "; what is done lies in " + options_.output + " with its summary.json"));
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
    if (!options_.model.extra.empty()) run["extra"] = options_.model.extra;
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
