#include "process.h"

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fcntl.h>
#include <poll.h>
#include <stdexcept>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace attune::test {
namespace {

using Clock = std::chrono::steady_clock;

constexpr std::chrono::seconds patience{120};

struct Pipe {
  Pipe() {
    if (pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("no pipe");
  }
  int ends[2];
};

// What is written to the second end as to a terminal is read from the first.
Pipe terminal() {
  Pipe pipe;
  for (const int end : pipe.ends) close(end);
  pipe.ends[0] = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (grantpt(pipe.ends[0]) != 0 || unlockpt(pipe.ends[0]) != 0) throw std::runtime_error("no terminal");
  pipe.ends[1] = open(ptsname(pipe.ends[0]), O_RDWR | O_NOCTTY | O_CLOEXEC);
  return pipe;
}

std::vector<std::string> environment_with(const std::map<std::string, std::string>& own) {
  std::vector<std::string> entries;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string text = *entry;
    const std::string name = text.substr(0, text.find('='));
    if (own.count(name) == 0 && name != "ATTUNE_PLUGIN_PATH") entries.push_back(text);
  }
  for (const auto& [name, value] : own) entries.push_back(name + "=" + value);
  return entries;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> list;
  for (auto& text : texts) list.push_back(text.data());
  list.push_back(nullptr);
  return list;
}

// Between fork and exec: LibTorch's threads are not there, so nothing but system calls.
void become(char* const* arguments, char* const* environment, const Surroundings& surroundings, int out, int err) {
  if (!surroundings.standard_output.empty()) out = open(surroundings.standard_output.c_str(), O_WRONLY);
  const int nothing = open("/dev/null", O_RDONLY);
  const bool ready = dup2(nothing, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0 &&
                     dup2(err, STDERR_FILENO) >= 0 && chdir(surroundings.folder.c_str()) == 0;
  if (surroundings.largest_file) {
    const rlimit limit{*surroundings.largest_file, *surroundings.largest_file};
    setrlimit(RLIMIT_FSIZE, &limit);
  }
  if (ready) execve(arguments[0], arguments, environment);
  _exit(127);
}

// False at the end of the stream.
bool append(int descriptor, std::string& text) {
  char buffer[4096];
  const ssize_t count = read(descriptor, buffer, sizeof buffer);
  if (count > 0) text.append(buffer, static_cast<size_t>(count));
  return count > 0 || (count < 0 && errno == EINTR);
}

}  // namespace

Process::Process(const std::vector<std::string>& arguments, const Surroundings& surroundings) {
  std::vector<std::string> words{ATTUNE_BUILD_DIR "/bin/attune"};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<std::string> variables = environment_with(surroundings.environment);
  const auto word_list = pointers(words);
  const auto variable_list = pointers(variables);
  const Pipe out = surroundings.terminal ? terminal() : Pipe();
  const Pipe err;
  id_ = fork();
  const int err_end = surroundings.terminal ? out.ends[1] : err.ends[1];
  if (id_ == 0) become(word_list.data(), variable_list.data(), surroundings, out.ends[1], err_end);
  close(out.ends[1]);
  close(err.ends[1]);
  out_ = out.ends[0];
  err_ = err.ends[0];
  if (id_ < 0) throw std::runtime_error("cannot fork");
}

Process::~Process() {
  if (id_ > 0) {
    send(SIGKILL);
    reap(true);
  }
  close(out_);
  close(err_);
}

void Process::send(int signal) const {
  if (id_ > 0) kill(id_, signal);
}

bool Process::running() { return id_ > 0 && !reap(false); }

bool Process::reap(bool block) {
  const pid_t ended = waitpid(id_, &status_, block ? 0 : WNOHANG);
  if (ended != id_) return false;
  id_ = -1;
  return true;
}

void Process::read_output() {
  const auto deadline = Clock::now() + patience;
  pollfd streams[] = {{out_, POLLIN, 0}, {err_, POLLIN, 0}};
  std::string* texts[] = {&outcome_.out, &outcome_.err};
  while (streams[0].fd >= 0 || streams[1].fd >= 0) {
    if (Clock::now() > deadline) send(SIGKILL);
    if (poll(streams, 2, 1000) <= 0) continue;
    for (int i = 0; i < 2; ++i) {
      if (streams[i].revents != 0 && !append(streams[i].fd, *texts[i])) streams[i].fd = -1;
    }
  }
}

Outcome Process::wait() {
  read_output();
  if (id_ > 0) reap(true);
  outcome_.signalled = WIFSIGNALED(status_);
  outcome_.code = outcome_.signalled ? 128 + WTERMSIG(status_) : WEXITSTATUS(status_);
  return outcome_;
}

Outcome run_attune(const std::vector<std::string>& arguments, const Surroundings& surroundings) {
  return Process(arguments, surroundings).wait();
}

}  // namespace attune::test
