#include "progress.h"

#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <mutex>
#include <sstream>
#include <sys/ioctl.h>
#include <unistd.h>

namespace attune::cli {
namespace {

constexpr std::chrono::seconds between_lines{60};
constexpr double too_early = 2;  // seconds, in which a rate says nothing

std::mutex screen;
Progress* on_screen = nullptr;

// As much as fits on a line of the terminal; what wraps cannot be taken away again.
std::string on_one_line(std::string text) {
  winsize size{};
  const size_t columns = ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 1 ? size.ws_col - 1U : 79U;
  if (text.size() <= columns) return text;
  size_t end = columns;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;  // inside of a letter
  return text.substr(0, end);
}

void write_line(const std::string& line) {
  std::fputs((line + "\n").c_str(), stderr);
  std::fflush(stderr);
}

volatile std::sig_atomic_t stop_signal = 0;
void (*end_at_once)(int) = SIG_DFL;

void ask_to_stop(int signal) {
  stop_signal = signal;
  std::signal(SIGINT, end_at_once);
  std::signal(SIGTERM, end_at_once);
}

}  // namespace

std::string time_left(double seconds, int64_t done, int64_t total) {
  if (done <= 0 || total <= done || seconds < too_early) return "";
  return time_left(seconds / static_cast<double>(done) * static_cast<double>(total - done));
}

std::string time_left(double seconds) {
  if (!(seconds >= 1)) return "";
  if (seconds < 60) return std::to_string(std::llround(seconds)) + " s left";
  const int64_t minutes = std::llround(seconds / 60);
  if (minutes < 60) return std::to_string(minutes) + " min left";
  return std::to_string(minutes / 60) + " h " + std::to_string(minutes % 60) + " min left";
}

Progress::Progress(std::string unit, int64_t total, int64_t done)
    : unit_(std::move(unit)), total_(total), done_(done), before_(done), terminal_(isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() { finish(); }

double Progress::seconds() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
}

void Progress::advance(int64_t count, const std::string& note, std::optional<double> left) {
  done_ += count;
  show(text(note, left));
}

void Progress::busy(const std::string& what, std::optional<double> left) { show(text(what, left)); }

void Progress::finish() {
  const std::scoped_lock lock(screen);
  if (on_screen != this) return;
  clear();
  on_screen = nullptr;
}

// "12/400 inputs, 3.1/s, 2 min left, loss 0.412"
std::string Progress::text(const std::string& note, std::optional<double> left) const {
  const double elapsed = seconds();
  std::ostringstream line;
  line << done_ << '/' << total_ << ' ' << unit_;
  line.setf(std::ios::fixed);
  line.precision(1);
  if (done_ > before_) line << ", " << static_cast<double>(done_ - before_) / std::max(elapsed, 1e-9) << "/s";
  const std::string until = left ? time_left(*left) : time_left(elapsed, done_ - before_, total_ - before_);
  if (!until.empty()) line << ", " << until;
  if (!note.empty()) line << ", " << note;
  return line.str();
}

void Progress::show(const std::string& text) {
  const std::scoped_lock lock(screen);
  if (!terminal_) {
    const auto now = std::chrono::steady_clock::now();
    if (now - last_line_ < between_lines) return;
    last_line_ = now;
    return write_line("attune: " + text);
  }
  constexpr size_t width = 24;
  const double share = total_ > 0 ? std::min(1.0, static_cast<double>(done_) / static_cast<double>(total_)) : 1.0;
  std::string bar(static_cast<size_t>(share * width), '#');
  bar.resize(width, ' ');
  shown_ = on_one_line("[" + bar + "] " + text);
  on_screen = this;
  std::fputs(("\r\x1b[K" + shown_).c_str(), stderr);
  std::fflush(stderr);
}

void Progress::clear() const {
  std::fputs("\r\x1b[K", stderr);
  std::fflush(stderr);
}

void say(const std::string& line) {
  const std::scoped_lock lock(screen);
  if (on_screen != nullptr) on_screen->clear();
  write_line(line);
  if (on_screen == nullptr) return;
  std::fputs(on_screen->shown_.c_str(), stderr);
  std::fflush(stderr);
}

void catch_stop() {
  const auto before = std::signal(SIGINT, ask_to_stop);
  if (before == SIG_IGN) {
    std::signal(SIGINT, SIG_IGN);  // as a shell starts what runs in the background
  } else if (before != ask_to_stop) {
    end_at_once = before;
  }
  std::signal(SIGTERM, ask_to_stop);
}

bool stop_requested() { return stop_signal != 0; }

int stop_code() { return 128 + stop_signal; }

}  // namespace attune::cli
