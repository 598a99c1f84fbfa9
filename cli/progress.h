// A progress bar on standard error, when that is a terminal.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace attune::cli {

class Progress {
 public:
  // `unit`: what is counted ("inputs", "steps").
  Progress(std::string unit, int64_t total);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void advance(int64_t count, const std::string& note = "");
  double seconds() const;

 private:
  void draw(const std::string& note) const;

  std::string unit_;
  int64_t total_;
  int64_t done_ = 0;
  bool terminal_;
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace attune::cli
