#include <algorithm>
#include <cctype>
#include <tuple>

#include <attune/sdk/error.h>

namespace attune {
namespace {

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

// Insertions, deletions, substitutions and exchanges of neighbours that lead from a to b (optimal string alignment).
size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<std::vector<size_t>> d(a.size() + 1, std::vector<size_t>(b.size() + 1));
  for (size_t i = 0; i <= a.size(); ++i) {
    for (size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        d[i][j] = i + j;
        continue;
      }
      const size_t substituted = d[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      d[i][j] = std::min({d[i - 1][j] + 1, d[i][j - 1] + 1, substituted});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        d[i][j] = std::min(d[i][j], d[i - 2][j - 2] + 1);
      }
    }
  }
  return d[a.size()][b.size()];
}

// One begins or ends with the other ("layer4" and "backbone.layer4"). A single letter says too little.
bool part_of(const std::string& a, const std::string& b) {
  const std::string& part = a.size() < b.size() ? a : b;
  const std::string& whole = a.size() < b.size() ? b : a;
  return part.size() >= 2 && (whole.compare(0, part.size(), part) == 0 ||
                              whole.compare(whole.size() - part.size(), part.size(), part) == 0);
}

}  // namespace

std::string nearest(const std::string& name, const std::vector<std::string>& candidates) {
  const std::string wanted = lower(name);
  const size_t near = std::max<size_t>(1, wanted.size() / 3);
  // A name within reach of a few mistakes comes before one that merely contains it, and of two that are equally far the
  // one of the same length: a wrong letter is likelier than a missing one.
  const std::string* best = nullptr;
  std::tuple<bool, size_t, bool> best_rank;
  for (const std::string& candidate : candidates) {
    const std::string offered = lower(candidate);
    const size_t distance = edit_distance(wanted, offered);
    const bool far = distance > near;
    if (wanted.empty() || (far && !part_of(wanted, offered))) continue;
    const std::tuple rank{far, distance, offered.size() != wanted.size()};
    if (!best || rank < best_rank) {
      best = &candidate;
      best_rank = rank;
    }
  }
  return best ? *best : "";
}

std::string did_you_mean(const std::string& name, const std::vector<std::string>& candidates) {
  const std::string candidate = nearest(name, candidates);
  return candidate.empty() ? "" : " (did you mean \"" + candidate + "\"?)";
}

}  // namespace attune
