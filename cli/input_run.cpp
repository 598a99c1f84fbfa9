#include "input_run.h"

#include <ATen/ops/stack.h>
#include <algorithm>
#include <cmath>
#include <filesystem>
#include <set>

#include <attune/sdk/error.h>

#include "annotations.h"
#include "model/failure.h"
#include "progress.h"
#include "report/naming.h"

namespace attune::cli {
namespace {

bool is_named_preprocess(const std::string& text) { return text == "imagenet" || text == "unit"; }

PreprocessText named_preprocess(const std::string& name) {
  const Preprocess preprocess = name == "unit" ? Preprocess::unit() : Preprocess::imagenet();
  return {{}, {}, preprocess.mean, preprocess.std};
}

// What --preprocess says, else the sidecar.
PreprocessText base_preprocess(const Sidecar& sidecar, const InputFlags& flags) {
  if (flags.preprocess.empty()) return sidecar.preprocess;
  if (is_named_preprocess(flags.preprocess)) return named_preprocess(flags.preprocess);
  if (!std::filesystem::exists(flags.preprocess)) {
    throw Error(Fault::usage, "--preprocess '" + flags.preprocess +
                                  "' is no file; expected imagenet, unit, or a JSON file" +
                                  did_you_mean(flags.preprocess, {"imagenet", "unit"}));
  }
  return read_preprocess(flags.preprocess);
}

// Flags of their own come first.
Preprocess make_preprocess(const Sidecar& sidecar, const InputFlags& flags, const std::vector<int64_t>& model_input) {
  if (flags.size.size() > 2) throw Error(Fault::usage, "--size takes H or H,W");
  PreprocessText own;
  if (!flags.size.empty()) own.size = {flags.size.front(), flags.size.back()};
  if (flags.crop) own.crop = true;
  return preprocess_of({own, base_preprocess(sidecar, flags)}, model_input);
}

// Whether the model's other inputs are others for each sample.
bool has_rows(const Session& session) {
  return std::any_of(session.extra.begin(), session.extra.end(),
                     [](const auto& extra) { return extra.rows.size(0) > 1; });
}

std::string place_of(const Sample& sample) {
  return sample.row ? sample.path + " row " + std::to_string(*sample.row) : sample.path;
}

}  // namespace

InputRun::InputRun(const Session& session, const InputFlags& flags, std::filesystem::path output)
    : session_(session), flags_(flags), output_(std::move(output)) {
  make_preprocess(session.sidecar, flags, {});
}

void InputRun::open() {
  const auto likely = session_.model->likely_input();
  options_.preprocess = make_preprocess(session_.sidecar, flags_, likely);
  options_.spatial_rank = static_cast<int64_t>(likely.size()) - 1;
  options_.batch = has_rows(session_) ? 1 : flags_.batch;
  if (options_.spatial_rank == 3) {
    options_.frames = flags_.frames.value_or(session_.sidecar.frames.value_or(16));
    options_.frames_per_second = session_.sidecar.frames_per_second;
  }
  list_files();
  for (const ExtraInput& extra : session_.extra) {
    if (extra.rows.size(0) == 1 || extra.rows.size(0) == inputs_) continue;
    throw Error(Fault::usage, "--extra " + extra.name + " has " + std::to_string(extra.rows.size(0)) + " rows for " +
                                  std::to_string(inputs_) + " inputs; expected one for all, or one each");
  }
  stream_.emplace(files_, options_);
}

void InputRun::list_files() {
  std::set<std::filesystem::path> seen;  // a file may be named beside the folder that it lies in
  for (InputFile& file : list_inputs(flags_.paths, options_.spatial_rank == 3, output_)) {
    std::error_code error;
    const auto whole = std::filesystem::absolute(file.path, error).lexically_normal();
    if (seen.insert(whole).second) files_.push_back(std::move(file));
  }
  const auto stems = output_stems(files_);
  check_row_stems(files_, stems, options_.spatial_rank);
  for (size_t i = 0; i < files_.size(); ++i) {
    stems_[files_[i].path] = stems[i];
    first_[files_[i].path] = inputs_;
    inputs_ += std::max<int64_t>(rows_of(files_[i], options_.spatial_rank), 1);
  }
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
      complain(sample, Fault::input, sample.error);
    }
  }
  if (good.empty()) return;
  const auto failure = attempt(good, work);
  if (failure && good.size() > 1) return one_by_one(good, work);
  if (failure) failed(*good[0], *failure);
}

// Why these samples could not be worked on; what is not about them is thrown on.
std::optional<Error> InputRun::attempt(const SampleList& samples, const Work& work) {
  try {
    for (const ExtraInput& extra : session_.extra) {
      if (extra.rows.size(0) == 1) continue;
      const int64_t row = first_.at(samples[0]->path) + samples[0]->row.value_or(0);
      at::Tensor(extra.row).copy_(extra.rows.narrow(0, row, 1));
    }
    work(samples, model_input(samples));
    any_done_ = true;
    return std::nullopt;
  } catch (const Error& error) {
    if (!is_about_input(error)) throw;
    return error;
  } catch (...) {
    return Error(Fault::run, reason_of_current());
  }
}

// After a batch has failed: which of its samples did it? When it is all of them, and none before was any better, it is
// the model that does not fit, and going on would only repeat it.
void InputRun::one_by_one(const SampleList& samples, const Work& work) {
  std::vector<std::pair<const Sample*, Error>> failures;
  for (const Sample* sample : samples) {
    if (const auto failure = attempt({sample}, work)) failures.emplace_back(sample, *failure);
  }
  if (!any_done_) {
    const auto& [sample, error] = failures[0];
    throw Error(error.fault(), place_of(*sample) + ": " + error.what());
  }
  for (const auto& [sample, error] : failures) failed(*sample, error);
}

at::Tensor InputRun::model_input(const SampleList& samples) const {
  std::vector<at::Tensor> inputs;
  for (const Sample* sample : samples) inputs.push_back(sample->input);
  return at::stack(inputs).to(session_.model->device(), session_.model->dtype());
}

at::Tensor InputRun::annotations(const SampleList& samples) const {
  return flags_.boxes.empty() ? at::Tensor() : cli::annotations(flags_.boxes, samples, options_.preprocess);
}

bool is_about_input(const Error& error) { return error.fault() == Fault::input || error.fault() == Fault::run; }

void InputRun::failed(const Sample& sample, const Error& error) {
  complain(sample, error.fault(), place_of(sample) + ": " + error.what());
}

void InputRun::complain(const Sample& sample, Fault fault, const std::string& message) {
  say("attune: " + printable(message));
  failures_.push_back({sample.path, sample.row, message});
  code_ = static_cast<int>(fault);
}

void check_labels(const Labels& labels, int64_t classes) {
  if (labels.empty() || labels.size() == static_cast<size_t>(classes)) return;
  throw Error(Fault::usage, "there are " + std::to_string(labels.size()) + " labels, but the model has " +
                                std::to_string(classes) + " classes; labels must be in the order of the scores");
}

std::vector<TargetScores> target_scores(const std::vector<TargetChoice>& choices, const std::vector<std::string>& asked,
                                        const at::Tensor& given, const ImageModel& model, const Labels& labels) {
  const at::Tensor output = given.detach().to(at::kCPU, given.scalar_type() == at::kDouble ? at::kDouble : at::kFloat);
  const at::Tensor shares = output.dim() == 2 ? model.probabilities(output) : at::Tensor();
  std::vector<TargetScores> all;
  for (size_t choice = 0; choice < choices.size(); ++choice) {
    const auto targets = choices[choice].explain(output, &model);
    for (size_t place = 0; place < targets.size(); ++place) {
      const ExplainedTarget& target = targets[place];
      const bool has_share = target.measure.empty();
      if (target.classes.defined() && output.dim() == 2) check_labels(labels, output.size(1));
      const at::Tensor score = target.target.score(output);
      TargetScores& scores = all.emplace_back();
      scores.asked = targets.size() == 1 ? asked.at(choice) : "top " + std::to_string(place + 1);
      if (targets.size() > 1 && !target.measure.empty()) scores.asked += ":" + target.measure;
      for (int64_t row = 0; row < output.size(0); ++row) {
        const int64_t index = target.classes.defined() ? target.classes[row].item<int64_t>() : -1;
        scores.samples.push_back({index, labels.name(index), score[row].item<double>(),
                                  has_share ? shares[row][index].item<double>() : std::nan(""), target.measure});
      }
    }
  }
  return all;
}

}  // namespace attune::cli
