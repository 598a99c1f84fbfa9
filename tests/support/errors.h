// What refusals say.
#pragma once

#include <functional>
#include <gtest/gtest.h>
#include <string>

#include <attune/sdk/error.h>

namespace attune::test {

// The message of the Error that `action` must throw, of that fault and on one line.
inline std::string message_of(Fault fault, const std::function<void()>& action) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(static_cast<int>(error.fault()), static_cast<int>(fault)) << error.what();
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "nothing was thrown";
  return "";
}

inline bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace attune::test
