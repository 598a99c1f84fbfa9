#include "progress.h"

#include <algorithm>
#include <cstdio>
#include <unistd.h>

namespace attune::cli {

Progress::Progress(std::string unit, int64_t total)
    : unit_(std::move(unit)), total_(total), terminal_(isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() {
  if (terminal_) std::fputs("\r\x1b[K", stderr);
}

double Progress::seconds() const {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count();
}

void Progress::advance(int64_t count, const std::string& note) {
  done_ += count;
  if (terminal_) draw(note);
}

void Progress::draw(const std::string& note) const {
  constexpr int width = 24;
  const double share = total_ > 0 ? std::min(1.0, static_cast<double>(done_) / static_cast<double>(total_)) : 1.0;
  const std::string bar(static_cast<size_t>(share * width), '#');
  std::fprintf(stderr, "\r\x1b[K[%-*s] %lld/%lld %s, %.1f/s %s", width, bar.c_str(), static_cast<long long>(done_),
               static_cast<long long>(total_), unit_.c_str(), static_cast<double>(done_) / seconds(), note.c_str());
  std::fflush(stderr);
}

}  // namespace attune::cli
