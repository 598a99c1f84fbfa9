// The inputs of a command, decoded ahead of the model and run in batches.
#pragma once

#include <ATen/core/Tensor.h>
#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <attune/sdk/error.h>

#include "data/sample_stream.h"
#include "options.h"
#include "report/report.h"
#include "session.h"

namespace attune::cli {

using SampleList = std::vector<const Sample*>;

class InputRun {
 public:
  // Checks the flags; nothing is read. `session` and `flags` must live as long. What lies below `output`, where results
  // go, is no input of a folder above.
  InputRun(const Session& session, const InputFlags& flags, std::filesystem::path output = {});
  // Lists the files, once the model is loaded.
  void open();

  int64_t inputs() const { return inputs_; }  // rows of .npy batches count each
  std::optional<std::vector<Sample>> next() { return stream_->next(); }

  // Gives the batch's samples that could be read to `work`, as the model takes them, [N,C,S1..Sd]. What cannot be read
  // or run is named on standard error and counted in code(); the rest goes on. `work` is called again, sample by
  // sample, when it throws for a batch. Throws when nothing at all fits the model.
  using Work = std::function<void(const SampleList& samples, const at::Tensor& input)>;
  void process(const std::vector<Sample>& samples, const Work& work);

  // float [N,1,H,W], from 0 to 1, of the files of --boxes; undefined without the flag.
  at::Tensor annotations(const SampleList& samples) const;

  // Names the sample on standard error: something failed after process().
  void failed(const Sample& sample, const Error& error);
  const std::vector<FailedInput>& failures() const { return failures_; }

  // Unique among the inputs, for the names of files.
  std::string stem_of(const Sample& sample) const;
  // 0, or the exit code of the last complaint.
  int code() const { return code_; }
  const Preprocess& preprocess() const { return options_.preprocess; }
  int64_t frames() const { return options_.frames; }  // of a clip; 0: the model takes no clips

 private:
  void list_files();
  at::Tensor model_input(const SampleList& samples) const;
  std::optional<Error> attempt(const SampleList& samples, const Work& work);
  void one_by_one(const SampleList& samples, const Work& work);
  void complain(const Sample& sample, Fault fault, const std::string& message);

  const Session& session_;
  const InputFlags& flags_;
  const std::filesystem::path output_;
  StreamOptions options_;
  std::vector<InputFile> files_;
  std::map<std::string, std::string> stems_;  // by path
  std::map<std::string, int64_t> first_;      // number of a file's first input, by path
  std::optional<SampleStream> stream_;
  int64_t inputs_ = 0;
  std::vector<FailedInput> failures_;
  bool any_done_ = false;
  int code_ = 0;
};

// Faults of one input, which do not stop the others.
bool is_about_input(const Error& error);

// Throws Error(Fault::usage) unless the labels, when there are any, are as many as the model's classes.
void check_labels(const Labels& labels, int64_t classes);

// What one target is about.
struct TargetScores {
  std::string asked;                // as the user wrote it, and of "top5" the place: "top 2"
  std::vector<ClassScore> samples;  // of a batch
};

// Of every target on the model's output [N,..], in their order; `asked` are the texts of the choices.
std::vector<TargetScores> target_scores(const std::vector<TargetChoice>& choices, const std::vector<std::string>& asked,
                                        const at::Tensor& output, const ImageModel& model, const Labels& labels);

}  // namespace attune::cli
