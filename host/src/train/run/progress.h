// How far a run is, how long it still takes, and who watches it.
#pragma once

#include <array>
#include <cstdint>
#include <exception>
#include <functional>
#include <limits>
#include <map>
#include <string>
#include <vector>

#include "config/run_documents.h"
#include "config/train_config.h"
#include "data/batch_loader.h"
#include "strategy/strategy.h"

namespace attune {

// Pieces of work that a stage is made of: its steps; its looks, before the first epoch and behind every one, at the
// validation part; and its end, when its model is judged.
enum class Work { step, look, end };

struct StageWork {
  int64_t steps = 0;
  int64_t looks = 0;
  // What a piece of each kind may take beside the others, until one has been timed.
  std::array<double, 3> guess = {1, 1, 1};
};

// Where a run is: so many steps and looks of the stage are done.
struct Reached {
  size_t stage = 0;
  int64_t steps = 0;
  int64_t looks = 0;
};

// What was timed tells of what is left; what was not is guessed from the same kind of piece in another stage, else from
// any piece.
class Forecast {
 public:
  explicit Forecast(std::vector<StageWork> stages);

  void took(size_t stage, Work piece, double seconds);

  // In seconds, to the end of the run; NaN while nothing has been timed.
  double left(const Reached& at) const;
  // The same in the middle of the next piece.
  double left(const Reached& at, Work under_way, double seconds) const;

 private:
  struct Timed {
    int64_t count = 0;
    double mean = 0;  // of late
  };

  double cost(size_t stage, Work piece) const;
  // Seconds for what is guessed to take 1, from the stage or the ones next to it.
  double pace(size_t stage, Work piece) const;
  Timed& timed(size_t stage, Work piece) { return timed_[stage][static_cast<size_t>(piece)]; }
  const Timed& timed(size_t stage, Work piece) const { return timed_[stage][static_cast<size_t>(piece)]; }

  std::vector<StageWork> stages_;
  std::vector<std::array<Timed, 3>> timed_;
};

struct TrainProgress {
  std::string stage;
  int64_t epoch = 0;  // that is under way, from 1; 0: before the first
  int64_t epochs = 0;
  int64_t step = 0;  // of the stage, done
  int64_t steps = 0;
  StepReport report = {};  // of a step
  std::string part = "";   // of the data, that the model looks at
  int64_t looked = 0;
  int64_t to_look = 0;
  double left = std::numeric_limits<double>::quiet_NaN();  // seconds, to the end of the run; NaN: unknown
};

struct EpochReport {
  std::string stage;
  int64_t epoch = 0;  // that is over, from 1; 0: before the first
  int64_t epochs = 0;
  NamedNumbers numbers;                                    // a row of log.csv
  bool is_best = false;                                    // of the stage so far
  double left = std::numeric_limits<double>::quiet_NaN();  // as above
};

// Thrown where an observer wants a run to stop.
struct Stopped : std::exception {};

class TrainObserver {
 public:
  // When everything is read and tried, and before anything is written.
  std::function<void()> begin = [] {};
  // Asked behind every step, and behind every batch that is validated or measured; false: stop there, so that the run
  // can be taken up again.
  std::function<bool()> goes_on = [] { return true; };
  std::function<void(const TrainProgress&)> step = [](const TrainProgress&) {};
  // Behind every batch that the model looks at without a step.
  std::function<void(const TrainProgress&)> look = [](const TrainProgress&) {};
  // When an epoch is over and nothing of its end is written yet.
  std::function<void(const StageConfig& stage, int64_t epoch)> epoch = [](const StageConfig&, int64_t) {};
  // When all of an epoch is written.
  std::function<void(const EpochReport&)> epoch_over = [](const EpochReport&) {};
  std::function<void(const std::string&)> note = [](const std::string&) {};

  // Throws Stopped.
  void ask() const;
  // What is done behind a batch that the model looks at: counts and tells of it, and asks.
  void looked(const Batch& batch, TrainProgress& progress, double left) const;
  // Notes examples that are left out, each once.
  void tell(const std::vector<Problem>& problems) const;
  // The same of what was noted before a run was stopped, without a note.
  void remember(const std::vector<Problem>& problems) const;
  // All that were told, by their names.
  std::vector<Problem> left_out() const;

 private:
  mutable std::map<std::string, Problem> told_;  // by their sentences
};

}  // namespace attune
