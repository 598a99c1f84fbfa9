// What went wrong inside LibTorch or a plugin, as a sentence.
#pragma once

#include <exception>
#include <string>
#include <utility>

namespace attune {

// The one line of a LibTorch exception that a person needs, without traces and source positions.
std::string reason_of(const std::exception& error);
// The same of the exception that is being handled, whatever it is: for `catch (...)`.
std::string reason_of_current();

// In a handler: throws the exception on as an Error of one sentence that begins with `component`.
[[noreturn]] void rethrow_named(const std::string& component);

// Runs code of a plugin. Whatever it throws, LibTorch's exceptions included, comes out as an Error of one sentence that
// names the component ("matcher 'mask'"): the innermost, where one asks for another. The fault of an Error stays.
template <class Call>
auto call_component(const std::string& component, Call&& call) -> decltype(call()) {
  try {
    return std::forward<Call>(call)();
  } catch (...) {
    rethrow_named(component);
  }
}

}  // namespace attune
