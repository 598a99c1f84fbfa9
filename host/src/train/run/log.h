// A run's log: log.jsonl has a line for every step and epoch, log.csv a row for every epoch. And what is made of it:
// the epoch of a stage that its model is taken from, and curves.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
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

// NaN where there is none of that name.
double number_of(const NamedNumbers& numbers, const std::string& name);

// What "select" looks at in a row of log.csv; "" for the last epoch.
std::string selecting_column(const std::string& select);
// Whether that is the consistency loss of the config's "evaluate".
bool selects_consistency(const std::string& select);

// The best of the epochs that it was offered; of equals the first, and of epochs without that number the last.
struct Best {
  int64_t epoch = 0;                                        // 0: none yet
  double merit = std::numeric_limits<double>::quiet_NaN();  // larger is better

  // `row` is the epoch's in log.csv.
  void offer(const std::string& select, int64_t epoch, const NamedNumbers& row);
};

// For every row of log.csv whether its epoch is the chosen one of its stage so far.
std::vector<bool> chosen_epochs(const std::string& select, const std::vector<LogRow>& rows);

// Losses and the learning rate of every epoch as curves_loss.png and .svg, metrics of the validation part as
// curves_metrics.png and .svg: stage after stage, with the epochs whose models were chosen.
void draw_curves(const std::filesystem::path& folder, const std::vector<LogRow>& epochs, const std::string& select);

}  // namespace attune
