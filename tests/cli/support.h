// What the tests of the command line share.
#pragma once

#include <ATen/core/Tensor.h>
#include <filesystem>
#include <gtest/gtest.h>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "folder.h"
#include "process.h"

namespace attune::test {

namespace fs = std::filesystem;
using Json = nlohmann::json;

// A folder of the test's own, where the program is run; gone with the test.
class CommandLine : public testing::Test {
 protected:
  // `attune ARGUMENTS...` with the folder as working directory.
  Outcome run(const std::vector<std::string>& arguments) const;
  Outcome run(const std::vector<std::string>& arguments, Surroundings surroundings) const;
  // The same, expected to exit with `code`, nothing on standard output and one line on standard error: the sentence
  // behind "attune: ".
  std::string refusal(int code, const std::vector<std::string>& arguments) const;
  // The same, expected to succeed with one JSON document on standard output and nothing else.
  Json document(const std::vector<std::string>& arguments) const;

  fs::path write(const std::string& name, const std::string& bytes) const;
  // A picture of smooth colours; `seed`, 0 to 6, gives others.
  fs::path write_picture(const std::string& name, int64_t height = 40, int64_t width = 60, int seed = 0) const;
  std::string read(const std::string& name) const;
  // Every regular file below `name`, relative to it; none when there is no such folder.
  std::set<std::string> files(const std::string& name) const;

  const TemporaryFolder temporary_;
  const fs::path folder_ = temporary_.path();
};

// The same numbers for every call of one shape.
at::Tensor noise(at::IntArrayRef shape);
// The sentence of an outcome that must be a refusal.
std::string sentence(const Outcome& outcome, int code);
// Standard error without the lines that tell of epochs.
std::string without_epochs(const std::string& err);
// One JSON document and nothing else.
Json parsed(const std::string& text);
void expect_parts(const std::string& text, std::initializer_list<const char*> parts);
// In the order they are written.
std::vector<std::string> keys(const std::string& document, const std::string& pointer);

}  // namespace attune::test
