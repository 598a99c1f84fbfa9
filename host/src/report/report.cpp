#include "report/report.h"

#include <cctype>
#include <cmath>

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
    const ClassScore& about = report.targets[target].about;
    return other.about.index == about.index && other.about.measure == about.measure;
  };
  return std::any_of(report.targets.begin(), report.targets.begin() + static_cast<std::ptrdiff_t>(target), is_same);
}

std::string stem_of(const SampleReport& report, const ReportedMap& map) {
  std::string stem = report.stem + "." + map.name;
  if (report.targets.size() < 2) return stem;
  const ClassScore& about = report.targets[map.target].about;
  if (about.index >= 0) stem += "." + std::to_string(about.index);
  std::string measure = about.measure.substr(0, 80);
  std::replace_if(
      measure.begin(), measure.end(), [](unsigned char c) { return c != '_' && std::isalnum(c) == 0; }, '-');
  return measure.empty() ? stem : stem + "." + measure;
}

}  // namespace

std::string ClassScore::name() const {
  if (index < 0) return measure;
  return (label.empty() ? "class " + std::to_string(index) : label) + (measure.empty() ? "" : ":" + measure);
}

std::string ClassScore::drawn() const {
  return index < 0 || has_letters(name()) ? name() : "class " + std::to_string(index) + ": " + name();
}

std::string ClassScore::shown() const {
  return std::isnan(probability) ? "score " + fixed(score) : percent(probability);
}

std::string ReportedMap::cost() const {
  if (forward_passes == 0 && backward_passes == 0) return "";
  return significant(forward_passes, 6) + " forward, " + significant(backward_passes, 6) + " backward";
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
