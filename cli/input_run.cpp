#include "input_run.h"

#include <ATen/ops/stack.h>
#include <filesystem>
#include <iostream>
#include <set>

#include <attune/sdk/error.h>

#include "model/failure.h"
#include "naming.h"

namespace attune::cli {
namespace {

bool is_named_preprocess(const std::string& text) { return text == "imagenet" || text == "unit"; }

// What the command line says comes first, then the sidecar.
PreprocessText preprocess_text(const Sidecar& sidecar, const InputFlags& flags) {
  PreprocessText text = flags.preprocess.empty() ? sidecar.preprocess : PreprocessText{};
  if (!flags.preprocess.empty() && !is_named_preprocess(flags.preprocess)) {
    if (!std::filesystem::exists(flags.preprocess)) {
      throw Error(Fault::usage, "--preprocess '" + flags.preprocess +
                                    "' is no file; expected imagenet, unit, or a JSON file" +
                                    did_you_mean(flags.preprocess, {"imagenet", "unit"}));
    }
    text = read_preprocess(flags.preprocess);
  }
  if (flags.size.size() > 2) throw Error(Fault::usage, "--size takes H or H,W");
  if (!flags.size.empty()) text.size = {flags.size.front(), flags.size.back()};
  if (flags.crop) text.crop = true;
  return text;
}

Preprocess make_preprocess(const Sidecar& sidecar, const InputFlags& flags) {
  const PreprocessText text = preprocess_text(sidecar, flags);
  Preprocess preprocess = flags.preprocess == "unit" ? Preprocess::unit() : Preprocess::imagenet();
  if (text.size) preprocess.size = *text.size;
  if (text.crop) preprocess.crop = *text.crop;
  if (text.mean) preprocess.mean = *text.mean;
  if (text.std) preprocess.std = *text.std;
  check(preprocess);
  return preprocess;
}

std::string place_of(const Sample& sample) {
  return sample.row ? sample.path + " row " + std::to_string(*sample.row) : sample.path;
}

// Faults of one input, which do not stop the others.
bool is_about_input(const Error& error) { return error.fault() == Fault::input || error.fault() == Fault::run; }

}  // namespace

InputRun::InputRun(const Session& session, const InputFlags& flags) : session_(session), flags_(flags) {
  options_.preprocess = make_preprocess(session.sidecar, flags);
}

void InputRun::open() {
  const auto likely = session_.model->likely_input();
  channels_ = likely[0];
  options_.spatial_rank = static_cast<int64_t>(likely.size()) - 1;
  options_.batch = flags_.batch;
  if (options_.spatial_rank == 3) {
    options_.frames = flags_.frames.value_or(session_.sidecar.frames.value_or(16));
    // Clips are far smaller than pictures.
    if (!preprocess_text(session_.sidecar, flags_).size) options_.preprocess.size = {likely[2], likely[3]};
  }
  list_files();
  stream_.emplace(files_, options_);
}

void InputRun::list_files() {
  std::set<std::filesystem::path> seen;  // a file may be named beside the folder that it lies in
  for (InputFile& file : list_inputs(flags_.paths, options_.spatial_rank == 3)) {
    std::error_code error;
    const auto whole = std::filesystem::absolute(file.path, error).lexically_normal();
    if (seen.insert(whole).second) files_.push_back(std::move(file));
  }
  const auto stems = output_stems(files_);
  check_row_stems(files_, stems, options_.spatial_rank);
  for (size_t i = 0; i < files_.size(); ++i) stems_[files_[i].path] = stems[i];
}

std::string InputRun::stem_of(const Sample& sample) const {
  const std::string& stem = stems_.at(sample.path);
  return sample.row ? row_stem(stem, *sample.row) : stem;
}

void InputRun::process(const std::vector<Sample>& samples, const Work& work) {
  SampleList good;
  for (const Sample& sample : samples) {
    if (sample.error.empty()) {
      good.push_back(&sample);
    } else {
      complain(Fault::input, sample.error);
    }
  }
  if (good.empty()) return;
  try {
    work(good, model_input(good));
    any_done_ = true;
  } catch (const Error& error) {
    if (!is_about_input(error)) throw;
    if (good.size() == 1) {
      complain(error.fault(), place_of(*good[0]) + ": " + error.what());
    } else {
      one_by_one(good, work);
    }
  }
}

// After a batch has failed: which of its samples did it? When it is all of them, and none before was any better, it is
// the model that does not fit, and going on would only repeat it.
void InputRun::one_by_one(const SampleList& samples, const Work& work) {
  std::vector<std::pair<std::string, Error>> failures;
  for (const Sample* sample : samples) {
    try {
      work({sample}, model_input({sample}));
      any_done_ = true;
    } catch (const Error& error) {
      if (!is_about_input(error)) throw;
      failures.emplace_back(place_of(*sample), error);
    }
  }
  if (!any_done_) throw Error(failures[0].second.fault(), failures[0].first + ": " + failures[0].second.what());
  for (const auto& [place, error] : failures) complain(error.fault(), place + ": " + error.what());
}

at::Tensor InputRun::model_input(const SampleList& samples) const {
  std::vector<at::Tensor> inputs;
  for (const Sample* sample : samples) {
    const bool to_grey = !sample->pictures.empty() && channels_ == 1;
    inputs.push_back(to_grey ? sample->input.mean(0, true) : sample->input);
  }
  return at::stack(inputs).to(session_.model->device(), session_.model->dtype());
}

void InputRun::complain(Fault fault, const std::string& message) {
  std::cerr << "attune: " + printable(message) + "\n";
  code_ = static_cast<int>(fault);
}

void check_labels(const Labels& labels, int64_t classes) {
  if (labels.empty() || labels.size() == static_cast<size_t>(classes)) return;
  throw Error(Fault::usage, "there are " + std::to_string(labels.size()) + " labels, but the model has " +
                                std::to_string(classes) + " classes; labels must be in the order of the scores");
}

at::Tensor probabilities(const at::Tensor& output, const TorchScriptModel& model) {
  return model.probabilities(output.detach().to(at::kCPU, at::kFloat));
}

}  // namespace attune::cli
