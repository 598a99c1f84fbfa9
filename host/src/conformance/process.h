// Runs this very program again, in processes of its own that may crash or hang.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace attune::conformance {

// Where a child process finds the pipe for its report.
constexpr int report_descriptor = 3;

// How a child process ended.
struct Ending {
  std::string report;      // what it wrote to the pipe
  std::string last_line;   // of what it printed
  std::string death;       // "segmentation fault", or "" when it ended by itself
  int code = 0;            // its exit code
  bool timed_out = false;  // it was killed after the time limit
  int64_t milliseconds = 0;
};

// Runs `attune ARGUMENTS...` for every entry of `jobs`, as many at once as the machine has cores, each with nothing to
// read and its output kept away from this program's own. `ended` is called in the order of the jobs.
void run_children(const std::vector<std::vector<std::string>>& jobs, std::chrono::milliseconds limit,
                  const std::function<void(size_t job, const Ending& ending)>& ended);

// In a child: it ends when its parent does, and leaves no core file.
void become_child();
// In a child: hands the report to the parent.
void send_report(const std::string& report);

}  // namespace attune::conformance
