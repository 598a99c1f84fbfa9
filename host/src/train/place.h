// Errors that say where they happened.
#pragma once

#include <string>

#include <attune/sdk/error.h>

namespace attune {

// What `action` throws begins with `place`.
template <class Action>
void at_place(const std::string& place, const Action& action) {
  try {
    action();
  } catch (const Error& error) {
    throw Error(error.fault(), place + ": " + error.what());
  }
}

}  // namespace attune
