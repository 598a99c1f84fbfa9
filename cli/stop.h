// Ctrl-C in a run that can end early with what it has done.
#pragma once

namespace attune::cli {

// From now on the first SIGINT or SIGTERM asks to stop, and the second ends the process at once, as every one did
// before.
void catch_stop();
bool stop_requested();
// 128 + the signal, as shells say. After stop_requested() only.
int stop_code();

}  // namespace attune::cli
