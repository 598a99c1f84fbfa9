// How far a long run is, on standard error: a bar on a terminal, elsewhere a line about once a minute. And Ctrl-C in
// one that can end early with what it has done.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace attune::cli {

class Progress {
 public:
  // `unit`: what is counted ("inputs", "steps"); `done`: of a run that is taken up again, what it had done before.
  // One at a time.
  Progress(std::string unit, int64_t total, int64_t done = 0);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // `left`: seconds, from who knows better than the rate so far.
  void advance(int64_t count, const std::string& note = "", std::optional<double> left = {});
  // What is done beside the counting ("measuring on the validation part"), until the next advance().
  void busy(const std::string& what, std::optional<double> left = {});
  // Takes the bar away, for what is printed next.
  void finish();

  int64_t done() const { return done_; }
  double seconds() const;

 private:
  friend void say(const std::string& line);

  std::string text(const std::string& note, std::optional<double> left) const;
  void show(const std::string& text);
  void clear() const;

  std::string unit_;
  int64_t total_;
  int64_t done_;
  int64_t before_;
  bool terminal_;
  std::string shown_;  // on the terminal
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point last_line_ = start_;
};

// A line on standard error, above the bar when there is one. From any thread.
void say(const std::string& line);

// "12 min left"; "" when less than a second is left, and of NaN.
std::string time_left(double seconds);
// The same after `seconds` for `done` of `total`; "" while nobody can tell.
std::string time_left(double seconds, int64_t done, int64_t total);

// From now on the first SIGINT or SIGTERM asks to stop, and the second ends the process at once, as every one did
// before.
void catch_stop();
bool stop_requested();
// 128 + the signal, as shells say. After stop_requested() only.
int stop_code();

}  // namespace attune::cli
