// Random numbers that are the same on every machine: the standard fixes its engines, not its distributions.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <numbers>
#include <random>
#include <string_view>
#include <utility>

namespace attune {

// One step of SplitMix64: spreads neighbouring seeds over all 64 bits.
constexpr uint64_t scramble(uint64_t value) {
  value += 0x9e3779b97f4a7c15U;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9U;
  value = (value ^ (value >> 27)) * 0x94d049bb133111ebU;
  return value ^ (value >> 31);
}

// One seed of several numbers, such as (the run's seed, stage, epoch, index): what is drawn for one of them depends on
// nothing that was drawn before.
constexpr uint64_t derive_seed(std::initializer_list<uint64_t> numbers) {
  uint64_t seed = 0;
  for (const uint64_t number : numbers) seed = scramble(seed ^ scramble(number));
  return seed;
}

// A number for a name, to derive seeds from (FNV-1a).
constexpr uint64_t number_of(std::string_view name) {
  uint64_t number = 0xcbf29ce484222325U;
  for (const char letter : name) number = (number ^ static_cast<unsigned char>(letter)) * 0x100000001b3U;
  return number;
}

class Random {
 public:
  explicit Random(uint64_t seed) : engine_(scramble(seed)) {}

  // In [0,1).
  double uniform() { return static_cast<double>(engine_() >> 11) * 0x1p-53; }
  double uniform(double low, double high) { return low + (high - low) * uniform(); }
  // In [0,count).
  int64_t index(int64_t count) { return static_cast<int64_t>(uniform() * static_cast<double>(count)); }
  // In [low,high].
  int64_t integer(int64_t low, int64_t high) { return low + index(high - low + 1); }
  bool chance(double probability) { return uniform() < probability; }
  double normal() {
    const double radius = std::sqrt(-2 * std::log(1 - uniform()));
    return radius * std::cos(2 * std::numbers::pi * uniform());
  }
  uint64_t seed() { return engine_(); }

  template <typename Container>
  void shuffle(Container& values) {
    for (size_t i = values.size(); i > 1; --i) std::swap(values[i - 1], values[static_cast<size_t>(index(int64_t(i)))]);
  }

 private:
  std::mt19937_64 engine_;
};

}  // namespace attune
