// What went wrong inside LibTorch, as a sentence.
#pragma once

#include <exception>
#include <string>

namespace attune {

// What a person needs of a LibTorch exception: one line of bounded length, without traces, source positions and advice
// for LibTorch's developers.
std::string reason_of(const std::exception& error);

// `text` with control characters and bytes that are no UTF-8 as "\x1b", so that a model's or a file's words cannot do
// anything to a terminal.
std::string printable(const std::string& text);

// "1.13.1", the LibTorch that runs.
std::string torch_version();

}  // namespace attune
