#include "report/report.h"

#include "base/numbers.h"
#include "image/output_file.h"

namespace attune {
namespace {

constexpr int64_t longest_side = 224;  // of a picture in a small place

Image small(const Image& picture) {
  if (!picture.defined()) return picture;
  const int64_t longest = std::max(picture.size(0), picture.size(1));
  if (longest <= longest_side) return picture;
  return scaled(picture, static_cast<double>(longest_side) / static_cast<double>(longest));
}

bool is_repeated(const SampleReport& report, size_t target) {
  const auto is_same = [&](const ExplainedClass& other) {
    return other.about.index == report.targets[target].about.index;
  };
  return std::any_of(report.targets.begin(), report.targets.begin() + static_cast<std::ptrdiff_t>(target), is_same);
}

std::string stem_of(const SampleReport& report, const ReportedMap& map) {
  const std::string stem = report.stem + "." + map.name;
  return report.targets.size() > 1 ? stem + "." + std::to_string(report.targets[map.target].about.index) : stem;
}

}  // namespace

std::string ClassScore::name() const { return label.empty() ? "class " + std::to_string(index) : label; }

std::string ClassScore::drawn() const {
  return has_letters(name()) ? name() : "class " + std::to_string(index) + ": " + label;
}

std::string SampleTerm::text() const {
  std::string text = name + " h =";
  for (const double value : values) text += " " + fixed(value);
  return text + (degenerate ? " (degenerate)" : saturated ? " (saturated)" : "");
}

void prepare(const ReportOptions& options) {
  const std::string& name = options.pictures.heat.colormap;
  if (!name.empty()) colormap(name);
  prepare_output_folder(options.folder);
}

Report::Report(ReportOptions options, Sinks sinks) : options_(std::move(options)), sinks_(std::move(sinks)) {}

void Report::add(const Sample& sample, SampleReport report) {
  report.sample = &sample;
  if (has_picture(sample)) report.cell = small(input_picture(sample).cell);
  for (ReportedMap& map : report.maps) {
    map.stem = stem_of(report, map);
    map.repeated = is_repeated(report, map.target);
    if (!map.repeated) draw(report, map);
  }
  for (const auto& sink : sinks_) sink->add(report);
  ++samples_;
}

// One at a time: pictures of large photos take a lot of memory.
void Report::draw(const SampleReport& report, ReportedMap& map) {
  const MapPicture picture = map_picture(*report.sample, map, options_.pictures, options_.preprocess);
  map.cell = small(picture.cell);
  for (const auto& sink : sinks_) sink->add_map(report, map, picture);
}

void Report::finish(const RunReport& run) {
  if (samples_ == 0) return;
  for (const auto& sink : sinks_) sink->finish(run);
}

}  // namespace attune
