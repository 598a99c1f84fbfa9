// Bad documents: what a reader must say of each, from files of cases (tests/support/cases.h).
#pragma once

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <gtest/gtest.h>
#include <set>
#include <string>
#include <vector>

#include <attune/spec.h>

#include "cases.h"
#include "json/quoting.h"

namespace attune::test {

// Every document of the file must be refused in the words that stand below it. With ATTUNE_UPDATE_CASES in the
// environment, what is said today is written there instead.
inline void expect_messages(const std::filesystem::path& file, std::vector<Case> cases,
                            const std::function<std::string(const Case&)>& faults_of) {
  const bool update = std::getenv("ATTUNE_UPDATE_CASES") != nullptr;
  for (Case& read : cases) {
    const std::string faults = faults_of(read) + "\n";
    if (update) {
      read.messages = faults;
    } else {
      EXPECT_EQ(faults, read.messages) << read.place << ", which is\n" << read.document;
    }
  }
  if (!update) return;
  write_cases(file, cases);
  GTEST_SKIP() << "wrote " << file.string();
}

// `parse` must refuse the document. Positions only grow, and a message has neither line breaks nor bytes that a
// terminal could take for something else.
inline void expect_faults_in_order(const Case& read, const std::function<void()>& parse) {
  SCOPED_TRACE(read.place);
  try {
    parse();
    ADD_FAILURE() << "is good";
  } catch (const SpecError& error) {
    const auto earlier = [](const SpecFault& a, const SpecFault& b) {
      return a.line < b.line || (a.line == b.line && a.column < b.column);
    };
    EXPECT_FALSE(error.faults().empty());
    EXPECT_TRUE(std::is_sorted(error.faults().begin(), error.faults().end(), earlier));
    for (const SpecFault& fault : error.faults()) EXPECT_EQ(one_line(fault.message), fault.message);
  }
}

// No name stands twice, and each is in the file of its kind: the word before the first "_".
inline void expect_names_of_kinds(const std::vector<Case>& cases) {
  std::set<std::string> names;
  for (const Case& read : cases) {
    EXPECT_TRUE(names.insert(read.name).second) << read.place << " stands twice";
    const std::string file = read.name.substr(0, read.name.find('_')) + ".cases:";
    EXPECT_NE(read.place.find("/" + file), std::string::npos) << read.place;
  }
}

}  // namespace attune::test
