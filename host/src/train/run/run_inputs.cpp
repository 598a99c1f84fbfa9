#include <c10/util/hash.h>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>

#include "train/run/run_folder.h"

namespace attune {
namespace {

std::optional<std::string> hash_of_file(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream) return std::nullopt;
  return sha1_of({std::istreambuf_iterator<char>(stream), {}});
}

}  // namespace

std::string sha1_of(const std::string& bytes) {
  c10::sha1 hash(bytes);
  if (bytes.empty()) hash.reset();  // it is not set up by an empty text
  return hash.str();
}

RunInputs model_inputs(const TrainConfig& config) {
  const auto hash = hash_of_file(config.model);
  if (!hash) return {};
  const auto sidecar = hash_of_file(std::filesystem::path(config.model).replace_extension(".json"));
  return {{"/model", "sha1 " + *hash}, {"/model.json", sidecar ? "sha1 " + *sidecar : "none"}};
}

std::string hash_of(const Dataset& dataset) {
  std::ostringstream text;
  text.precision(17);
  for (const Example& example : dataset.examples) {
    text << example.id << '\0' << example.path.lexically_relative(dataset.list.parent_path()).string() << '\0';
    for (const int64_t label : example.labels) text << label << ' ';
    text << '|';
    for (const int64_t label : example.unsure) text << label << ' ';
    for (const Box& box : example.boxes) {
      const Region& region = box.region;
      text << '|' << box.label << ' ' << region.x << ' ' << region.y << ' ' << region.width << ' ' << region.height
           << ' ' << box.difficult;
    }
    text << '\0';
  }
  return std::to_string(dataset.examples.size()) + " examples, sha1 " + sha1_of(text.str());
}

}  // namespace attune
