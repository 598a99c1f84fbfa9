#include "conformance/process.h"

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <map>
#include <memory>
#include <poll.h>
#include <spawn.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

#include <attune/sdk/error.h>

namespace attune::conformance {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t most_kept = 64 * 1024;  // of what a child writes

[[noreturn]] void fail(const std::string& what, int number) {
  throw Error(Fault::run, "cannot " + what + ": " + std::strerror(number));
}

// The end of a pipe that this process reads; what is written to the other end beyond most_kept is forgotten.
class Stream {
 public:
  Stream() {
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) != 0) fail("make a pipe", errno);
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    read_ = ends[0];
    write_ = ends[1];
  }
  ~Stream() {
    close_writer();
    if (read_ >= 0) close(read_);
  }
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  int reader() const { return read_; }
  int writer() const { return write_; }
  void close_writer() {
    if (write_ >= 0) close(write_);
    write_ = -1;
  }

  // Takes what is there and does not wait.
  void take() {
    char buffer[16 * 1024];
    for (int i = 0; i < 64 && read_ >= 0; ++i) {
      const ssize_t count = read(read_, buffer, sizeof buffer);
      if (count > 0) {
        text_.append(buffer, static_cast<size_t>(count));
        if (text_.size() > 2 * most_kept) text_.erase(0, text_.size() - most_kept);
      } else if (count == 0 || (errno != EAGAIN && errno != EINTR)) {
        close(read_);
        read_ = -1;
      } else {
        return;
      }
    }
  }

  const std::string& text() const { return text_; }

 private:
  int read_ = -1;
  int write_ = -1;
  std::string text_;
};

std::string last_line(const std::string& text) {
  const std::string printed = text.substr(0, text.find_last_not_of(" \t\r\n") + 1);
  return printed.substr(printed.rfind('\n') + 1);
}

std::string name_of_signal(int signal) {
  static const std::map<int, std::string> names{
      {SIGSEGV, "segmentation fault"}, {SIGABRT, "abort"},      {SIGFPE, "arithmetic error"},
      {SIGILL, "illegal instruction"}, {SIGBUS, "bus error"},   {SIGKILL, "killed, perhaps for lack of memory"},
      {SIGTERM, "terminated"},         {SIGPIPE, "broken pipe"}};
  const auto known = names.find(signal);
  return known == names.end() ? "signal " + std::to_string(signal) : known->second;
}

class Child {
 public:
  explicit Child(const std::vector<std::string>& arguments) {
    std::vector<std::string> words{"attune"};
    words.insert(words.end(), arguments.begin(), arguments.end());
    std::vector<char*> pointers;
    for (std::string& word : words) pointers.push_back(word.data());
    pointers.push_back(nullptr);
    // Debian 13's LibTorch loads MPI, whose UCX would print a backtrace of what dies.
    std::string no_backtrace = "UCX_HANDLE_ERRORS=none";
    std::vector<char*> environment;
    for (char** variable = environ; *variable != nullptr; ++variable) environment.push_back(*variable);
    environment.insert(environment.end(), {no_backtrace.data(), nullptr});
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&files, printed_.writer(), STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(&files, printed_.writer(), STDERR_FILENO);
    posix_spawn_file_actions_adddup2(&files, report_.writer(), report_descriptor);
    posix_spawnattr_init(&attributes);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETPGROUP);  // a group of its own, to be killed with its children
    posix_spawnattr_setpgroup(&attributes, 0);
    const int error = posix_spawn(&id_, "/proc/self/exe", &files, &attributes, pointers.data(), environment.data());
    posix_spawn_file_actions_destroy(&files);
    posix_spawnattr_destroy(&attributes);
    if (error != 0) fail("start another process", error);
    printed_.close_writer();
    report_.close_writer();
  }
  ~Child() {
    if (id_ <= 0) return;
    kill(-id_, SIGKILL);
    waitpid(id_, nullptr, 0);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  void poll_on(std::vector<pollfd>& list) const {
    for (const Stream* stream : {&printed_, &report_}) {
      if (stream->reader() >= 0) list.push_back({stream->reader(), POLLIN, 0});
    }
  }

  // True once it has ended.
  bool advance(std::chrono::milliseconds limit) {
    printed_.take();
    report_.take();
    const auto spent = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start_);
    if (spent > limit && !ending_.timed_out) {
      ending_.timed_out = true;
      kill(-id_, SIGKILL);
    }
    siginfo_t info{};
    if (waitid(P_PID, static_cast<id_t>(id_), &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid == 0)
      return false;
    kill(-id_, SIGKILL);  // what it started itself
    waitpid(id_, nullptr, 0);
    id_ = -1;
    printed_.take();
    report_.take();
    ending_.milliseconds = spent.count();
    ending_.report = report_.text();
    ending_.last_line = last_line(printed_.text());
    if (info.si_code == CLD_EXITED) {
      ending_.code = info.si_status;
    } else {
      ending_.death = name_of_signal(info.si_status);
    }
    return true;
  }

  const Ending& ending() const { return ending_; }

 private:
  pid_t id_ = -1;
  Stream printed_;
  Stream report_;
  Clock::time_point start_ = Clock::now();
  Ending ending_;
};

}  // namespace

void run_children(const std::vector<std::vector<std::string>>& jobs, std::chrono::milliseconds limit,
                  const std::function<void(size_t job, const Ending& ending)>& ended) {
  const size_t at_once = std::max(1U, std::thread::hardware_concurrency());
  std::map<size_t, std::unique_ptr<Child>> running;
  std::map<size_t, Ending> waiting;  // for earlier ones to be told first
  size_t started = 0, told = 0;
  while (told < jobs.size()) {
    for (; started < jobs.size() && running.size() < at_once; ++started) {
      running[started] = std::make_unique<Child>(jobs[started]);
    }
    std::vector<pollfd> streams;
    for (const auto& [job, child] : running) child->poll_on(streams);
    poll(streams.data(), streams.size(), /*milliseconds=*/10);
    for (auto one = running.begin(); one != running.end();) {
      if (one->second->advance(limit)) {
        waiting[one->first] = one->second->ending();
        one = running.erase(one);
      } else {
        ++one;
      }
    }
    for (; waiting.count(told) != 0; ++told) ended(told, waiting[told]);
  }
}

void become_child() {
  const rlimit none{0, 0};
  setrlimit(RLIMIT_CORE, &none);
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  // The parent may be gone already: then nobody reads the report.
  pollfd report{report_descriptor, 0, 0};
  if (poll(&report, 1, 0) > 0 && (report.revents & (POLLERR | POLLNVAL)) != 0) _exit(static_cast<int>(Fault::usage));
  fcntl(report_descriptor, F_SETFD, FD_CLOEXEC);
}

void send_report(const std::string& report) {
  for (size_t sent = 0; sent < report.size();) {
    const ssize_t count = write(report_descriptor, report.data() + sent, report.size() - sent);
    if (count < 0 && errno == EINTR) continue;
    if (count <= 0) return;
    sent += static_cast<size_t>(count);
  }
}

}  // namespace attune::conformance
