// Parameters: what declarations promise.

#include <ATen/ATen.h>
#include <random>

#include "conformance/checks.h"
#include "conformance/values.h"

namespace attune::conformance {
namespace {

// Larger integers may be numbers of passes: objects are made from them but not run.
constexpr int64_t most_passes = 256;
constexpr int combinations = 16;

bool may_be_run(const Given& given) {
  for (const auto& [name, value] : given) {
    const auto* whole = std::get_if<int64_t>(&value);
    if (whole != nullptr && *whole > most_passes) return false;
  }
  return true;
}

// Null when the plugin refuses the values by an attune::Error.
std::unique_ptr<Instance> make_or_refuse(const Subject& subject, const Given& given) {
  try {
    return subject.make(given);
  } catch (const Error& error) {
    const std::string said = error.what();
    // So the catalogue speaks of factories that throw something else.
    if (said.find(" could not be made: ") == std::string::npos) return nullptr;
    throw Failed("made from " + to_string(given) + ": " + said + "; expected an object or an attune::Error");
  }
}

// False when the plugin refuses the values.
bool works(const Subject& subject, const Given& given, uint64_t seed) {
  const auto made = make_or_refuse(subject, given);
  if (!made) return false;
  if (!may_be_run(given)) return true;
  const Scene scene{subject.usual_rank(), at::kFloat};
  const auto results = made->unless_refused(made->place(scene), scene, subject.inputs(scene, 2, seed));
  if (!results) return false;
  for (const at::Tensor& result : *results) {
    if (!finite(result)) {
      throw Failed(made->place(scene) +
                   ": the result is not finite (NaN or infinity); the declaration allows this "
                   "value, so make it work, narrow the range, or throw attune::Error");
    }
  }
  return true;
}

void must_refuse(const Subject& subject, const Given& given) {
  try {
    subject.make(given);
  } catch (const Error& error) {
    if (error.fault() == Fault::spec) return;
    throw Failed("made from " + to_string(given) + ", which is not allowed: " + error.what());
  }
  throw Failed("made from " + to_string(given) + ", which is not allowed, without an error");
}

std::vector<Given> random_combinations(const Subject& subject, uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<Given> all;
  if (subject.descriptor().parameters.size() < 2) return all;
  for (int i = 0; i < combinations; ++i) {
    Given given;
    for (const ParameterDeclaration& declared : subject.descriptor().parameters) {
      const auto values = allowed_values(declared, subject, seed);
      given[declared.name] = values[random() % values.size()];
    }
    all.push_back(std::move(given));
  }
  return all;
}

}  // namespace

std::string check_parameters(const Subject& subject, uint64_t seed) {
  const Scene scene{subject.usual_rank(), at::kFloat};
  const auto made = attempt("made from its defaults", [&] { return subject.make(); });
  made->results(scene, subject.inputs(scene, 2, seed));
  works(subject, {}, seed);
  std::vector<Given> tried = random_combinations(subject, seed);
  must_refuse(subject, {{"no_such_parameter", true}});
  for (const ParameterDeclaration& declared : subject.descriptor().parameters) {
    for (const auto& value : allowed_values(declared, subject, seed)) tried.push_back({{declared.name, value}});
    for (const auto& value : refused_values(declared)) must_refuse(subject, {{declared.name, value}});
  }
  size_t refused = 0;
  for (const Given& given : tried) refused += works(subject, given, seed) ? 0 : 1;
  const std::string note = refused == 0 ? "" : ", " + std::to_string(refused) + " of them refused by an attune::Error";
  return "tried " + std::to_string(tried.size() + 1) + (tried.empty() ? " set" : " sets") + " of values" + note;
}

}  // namespace attune::conformance
