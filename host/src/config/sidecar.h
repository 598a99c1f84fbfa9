// What a file beside a model says of it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/text.h"

namespace attune {

// model.json beside model.pt.
struct Sidecar {
  std::vector<std::string> labels;
  PreprocessText preprocess;
  std::string output = "auto";
  std::string layer = "auto";
  std::string layout = "auto";
  std::optional<int64_t> frames;            // of a clip
  std::optional<double> frames_per_second;  // that it takes of a video, around the middle; else evenly over all of it
  bool multi_label = false;  // "task": "multi_label": a probability per class rather than one distribution
};

// The sidecar of a model; the defaults when there is none. Throws SpecError with everything that is wrong with it.
Sidecar read_sidecar(const std::filesystem::path& model);
// What read_sidecar reads back.
std::string sidecar_text(const Sidecar& sidecar);

// The JSON Schema (draft 2020-12) of sidecars, for editors.
std::string sidecar_schema();

// The same object as a sidecar's "preprocess", in a file of its own.
PreprocessText read_preprocess(const std::filesystem::path& file);

// One label a line; a JSON list of strings; a JSON object of labels by index ({"0": "cat"}) or of indices by label
// ({"cat": 0}); or one that has the former under "id2label", as Hugging Face's config.json. Throws Error(Fault::input).
std::vector<std::string> read_labels(const std::filesystem::path& file);

}  // namespace attune
