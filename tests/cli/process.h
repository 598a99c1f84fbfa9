// Runs the built program as its users do: as a process of its own.
#pragma once

#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <sys/types.h>
#include <vector>

namespace attune::test {

struct Surroundings {
  std::filesystem::path folder;                    // working directory
  std::map<std::string, std::string> environment;  // beside or instead of the test's own
  std::optional<uint64_t> largest_file;            // in bytes; writing more fails as on a full disk
  std::string standard_output;                     // goes to this file instead of Outcome::out
  bool terminal = false;                           // one for both, whose contents are Outcome::out
};

// What a process left behind.
struct Outcome {
  int code = -1;  // exit code; 128 + signal when a signal ended it, as shells say
  bool signalled = false;
  std::string out;
  std::string err;
};

// `attune ARGUMENTS...`, started. Killed when it is still there in the end.
class Process {
 public:
  Process(const std::vector<std::string>& arguments, const Surroundings& surroundings);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  void send(int signal) const;
  pid_t id() const { return id_; }  // -1 once it has ended
  bool running();
  // Until it ends; a process that takes longer than two minutes is killed.
  Outcome wait();

 private:
  void read_output();
  bool reap(bool block);

  pid_t id_ = -1;  // -1: ended and reaped
  int status_ = 0;
  int out_ = -1;
  int err_ = -1;
  Outcome outcome_;
};

Outcome run_attune(const std::vector<std::string>& arguments, const Surroundings& surroundings);

}  // namespace attune::test
