// What a reader may do with any bytes: give a model, or throw an Error of one sentence.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <string>

#include <attune/sdk/error.h>

#include "model/graph/graph.h"

namespace attune::test {

// Runs `read`; whatever else it throws is a finding.
template <class Read>
void read_or_refuse(Read read) {
  try {
    read();
  } catch (const Error& error) {
    const std::string what = error.what();
    if (error.fault() == Fault::input && what.find('\n') == std::string::npos) return;
    std::cerr << "no sentence about an input: " << what << '\n';
    std::abort();
  }
}

// Writes the file again that a model was read from.
inline void write_again(const ModelSource& source, const std::filesystem::path& to) {
  NamedTensors state;
  for (const auto& parameter : source.parameters.named_parameters()) {
    state[parameter.name] = parameter.value.detach().clone();
  }
  source.own->write(to, state);
}

}  // namespace attune::test
