// Which epoch of a stage its model is taken from.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "config/run_documents.h"

namespace attune {

// NaN where there is none of that name.
double number_of(const NamedNumbers& numbers, const std::string& name);

// What "select" looks at in a row of log.csv; "" for the last epoch.
std::string selecting_column(const std::string& select);
// Whether that is the consistency loss of the config's "evaluate".
bool selects_consistency(const std::string& select);

// The best of the epochs that it was offered; of equals the first.
struct Best {
  int64_t epoch = 0;                                        // 0: none yet
  double merit = std::numeric_limits<double>::quiet_NaN();  // larger is better

  // `row` is the epoch's in log.csv.
  void offer(const std::string& select, int64_t epoch, const NamedNumbers& row);
};

// For every row of log.csv whether its epoch is the chosen one of its stage so far.
std::vector<bool> chosen_epochs(const std::string& select, const std::vector<LogRow>& rows);

}  // namespace attune
