// What went wrong inside LibTorch, as a sentence.
#pragma once

#include <exception>
#include <string>

namespace attune {

// The one line of a LibTorch exception that a person needs, without traces and source positions.
std::string reason_of(const std::exception& error);

}  // namespace attune
