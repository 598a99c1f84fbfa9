// What went wrong inside LibTorch or a plugin, as a sentence.
#pragma once

#include <exception>
#include <string>
#include <utility>

#include <attune/sdk/error.h>

namespace attune {

// What a person needs of a LibTorch exception: one line of bounded length, without traces, source positions and advice
// for LibTorch's developers.
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

// Runs code of LibTorch, whose exceptions come out as an Error of one sentence: `what`, and the reason. An Error stays.
template <class Call>
auto with_reason(Fault fault, const std::string& what, Call&& call) -> decltype(call()) {
  try {
    return call();
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    throw Error(fault, what + ": " + reason_of(error));
  }
}

// What `call` throws as an Error begins with `place`.
template <class Call>
auto at_place(const std::string& place, Call&& call) -> decltype(call()) {
  try {
    return call();
  } catch (const Error& error) {
    throw Error(error.fault(), place + ": " + error.what());
  }
}

// `text` with control characters and bytes that are no UTF-8 as "\x1b", so that a model's or a file's words cannot do
// anything to a terminal.
std::string printable(const std::string& text);

// "1.13.1", the LibTorch that runs.
std::string torch_version();

// The operator that LibTorch says it has no derivative for: "derivative for aten::grid_sampler_2d_backward is not
// implemented" -> "grid_sampler_2d"; "" of other texts.
std::string operator_without_derivative(const std::string& text);

// Whether LibTorch complains of a write in place into what a gradient needs.
bool is_overwriting(const std::string& text);

}  // namespace attune
