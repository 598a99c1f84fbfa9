// A run's log: log.jsonl has a line for every step and epoch, log.csv a row for every epoch.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "config/run_documents.h"

namespace attune {

// A file that only grows. All throws Error(Fault::output).
class GrowingFile {
 public:
  // Of a file that is there already, the first `keep` bytes stay. Throws Error(Fault::input) when it has fewer.
  GrowingFile(std::filesystem::path path, int64_t keep);
  ~GrowingFile();
  GrowingFile(const GrowingFile&) = delete;
  GrowingFile& operator=(const GrowingFile&) = delete;

  void append(const std::string& text);
  int64_t size() const { return size_; }
  void sync();  // to the disk

 private:
  [[noreturn]] void fail() const;

  std::filesystem::path path_;
  int descriptor_;
  int64_t size_;
};

class RunLog {
 public:
  struct Size {
    int64_t csv = 0;
    int64_t json = 0;
  };

  // Goes on behind the first `keep` bytes of what is there.
  RunLog(const std::filesystem::path& folder, Size keep);

  void step(const LogRow& row);
  void epoch(const LogRow& row);

  // After everything is on the disk.
  Size sync();

  // All rows of log.csv, also those of before.
  const std::vector<LogRow>& epochs() const { return epochs_; }

 private:
  GrowingFile csv_;
  GrowingFile json_;
  std::vector<std::string> columns_;  // of log.csv, as its header has them, also that of another attune
  std::vector<LogRow> epochs_;
};

// What a run's log looks like.

// Losses and the learning rate of every epoch as curves_loss.png and .svg, metrics of the validation part as
// curves_metrics.png and .svg: stage after stage, with the epochs whose models were chosen.
void draw_curves(const std::filesystem::path& folder, const std::vector<LogRow>& epochs, const std::string& select);

}  // namespace attune
