#include "stop.h"

#include <csignal>

namespace attune::cli {
namespace {

volatile std::sig_atomic_t stop_signal = 0;
void (*end_at_once)(int) = SIG_DFL;

void ask_to_stop(int signal) {
  stop_signal = signal;
  std::signal(SIGINT, end_at_once);
  std::signal(SIGTERM, end_at_once);
}

}  // namespace

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
