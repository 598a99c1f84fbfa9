// How long a run still takes.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

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

}  // namespace attune
