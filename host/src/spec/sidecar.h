// What a file beside a model says of it.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace attune {

// How pictures become inputs; what is not said keeps its default.
struct PreprocessText {
  std::optional<std::array<int64_t, 2>> size;  // height, width
  std::optional<bool> crop;
  std::optional<std::vector<double>> mean;
  std::optional<std::vector<double>> std;
};

// model.json beside model.pt.
struct Sidecar {
  std::vector<std::string> labels;
  PreprocessText preprocess;
  std::string output = "auto";
  std::string layer = "auto";
  std::string layout = "auto";
  std::optional<int64_t> frames;  // of a clip
  bool multi_label = false;       // "task": "multi_label": a probability per class rather than one distribution
};

// The sidecar of a model; the defaults when there is none. Throws Error(Fault::spec) with the file and the key.
Sidecar read_sidecar(const std::filesystem::path& model);

// The same object as a sidecar's "preprocess", in a file of its own.
PreprocessText read_preprocess(const std::filesystem::path& file);

// One label a line, or a JSON list of strings. Throws Error(Fault::input).
std::vector<std::string> read_labels(const std::filesystem::path& file);

}  // namespace attune
