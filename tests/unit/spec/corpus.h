// Folders of bad documents: <kind>_<name>.json, and beside each the messages that refuse it, as <kind>_<name>.txt.
#pragma once

#include <algorithm>
#include <filesystem>
#include <functional>
#include <gtest/gtest.h>
#include <set>
#include <string>
#include <vector>

#include <attune/spec.h>

#include "folder.h"
#include "spec/quoting.h"

namespace attune::test {

inline std::vector<std::filesystem::path> files_in(const std::filesystem::path& folder, const std::string& extension) {
  std::vector<std::filesystem::path> files;
  if (!std::filesystem::is_directory(folder)) return files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() == extension) files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

// A file's name up to the first "_". One test for each kind, as ctest starts a process for every test.
inline std::string kind_of(const std::filesystem::path& file) {
  const std::string name = file.stem().string();
  return name.substr(0, name.find('_'));
}

inline std::set<std::string> kinds_of(const std::vector<std::filesystem::path>& files) {
  std::set<std::string> kinds;
  for (const auto& file : files) kinds.insert(kind_of(file));
  return kinds;
}

inline void for_each_of(const std::string& kind, const std::vector<std::filesystem::path>& files,
                        const std::function<void(const std::filesystem::path&)>& check) {
  for (const auto& file : files) {
    SCOPED_TRACE(file.filename());
    if (kind_of(file) == kind) check(file);
  }
}

// `read` must refuse the file by its name. Positions only grow, and a message has neither line breaks nor bytes that a
// terminal could take for something else.
inline void expect_faults_in_order(const std::filesystem::path& file, const std::function<void()>& read) {
  try {
    read();
    ADD_FAILURE() << "is good";
  } catch (const SpecError& error) {
    const auto earlier = [](const SpecFault& a, const SpecFault& b) {
      return a.line < b.line || (a.line == b.line && a.column < b.column);
    };
    EXPECT_FALSE(error.faults().empty());
    EXPECT_TRUE(std::is_sorted(error.faults().begin(), error.faults().end(), earlier));
    for (const SpecFault& fault : error.faults()) EXPECT_EQ(one_line(fault.message), fault.message);
    EXPECT_EQ(std::string(error.what()).rfind(file.string() + ":", 0), 0u);
  }
}

}  // namespace attune::test
