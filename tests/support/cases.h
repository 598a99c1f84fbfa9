// Files of cases: documents, and the messages that refuse them.
//
//   # name_of_the_case
//   the document
//   ----
//   its messages, a line each
//
// with an empty line between cases. The document is everything between the two marks, with its last line break. Two
// words may begin it. After `escaped`, \xHH is a byte, and a backslash at the end of a line takes the line break away:
// for what an editor would hide or change. After `patch` comes a JSON merge patch; the document is then a base with
// that applied, as JSON of two spaces, a key or an item a line. Positions in messages are those in that text.
#pragma once

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "folder.h"

namespace attune::test {

struct Case {
  std::string name;
  std::string place;     // file:line of the name, and the name
  std::string text;      // of the document, as the file has it
  std::string document;  // that is to be read
  std::string messages;  // each with its line break
};

inline std::string unescaped(const std::string& text) {
  std::string bytes;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text.compare(i, 2, "\\\n") == 0) {
      ++i;
    } else if (text.compare(i, 2, "\\x") == 0) {
      bytes += static_cast<char>(std::stoi(text.substr(i + 2, 2), nullptr, 16));
      i += 3;
    } else {
      bytes += text[i];
    }
  }
  return bytes;
}

inline std::string document_of(const std::string& text, const std::string& base) {
  const std::string escaped = "escaped ", patch = "patch ";
  if (text.rfind(escaped, 0) == 0) return unescaped(text.substr(escaped.size()));
  if (text.rfind(patch, 0) != 0) return text;
  auto document = nlohmann::ordered_json::parse(base);
  document.merge_patch(nlohmann::ordered_json::parse(text.substr(patch.size())));
  return document.dump(2) + "\n";
}

// The lines up to `end`, which is taken too; or to the end of the file, if that serves as well.
inline std::string lines_until(std::istream& stream, const std::string& end, bool or_end_of_file, size_t& number) {
  std::string lines;
  for (std::string line; std::getline(stream, line);) {
    ++number;
    if (line == end) return lines;
    lines += line + "\n";
  }
  if (!or_end_of_file) throw std::runtime_error("line " + std::to_string(number) + ": \"" + end + "\" is missing");
  return lines;
}

// `base` is what patches are applied to.
inline std::vector<Case> read_cases(const std::filesystem::path& file, const std::string& base = "") {
  std::istringstream stream(read_bytes(file));
  std::vector<Case> cases;
  size_t number = 0;
  for (std::string line; std::getline(stream, line);) {
    const std::string place = file.string() + ":" + std::to_string(++number) + ": ";
    if (line.rfind("# ", 0) != 0) throw std::runtime_error(place + "must be \"# \" and the name of a case");
    Case read;
    read.name = line.substr(2);
    read.place = place + read.name;
    try {
      read.text = lines_until(stream, "----", false, number);
      read.document = document_of(read.text, base);
    } catch (const std::exception& error) {
      throw std::runtime_error(read.place + ": " + error.what());
    }
    read.messages = lines_until(stream, "", true, number);
    if (read.messages.empty()) throw std::runtime_error(read.place + " has no messages");
    cases.push_back(std::move(read));
  }
  return cases;
}

inline void write_cases(const std::filesystem::path& file, const std::vector<Case>& cases) {
  std::ofstream stream(file, std::ios::binary);
  for (size_t i = 0; i < cases.size(); ++i) {
    stream << (i == 0 ? "" : "\n") << "# " << cases[i].name << '\n' << cases[i].text << "----\n" << cases[i].messages;
  }
}

// The kinds in a folder of <kind>.cases, where a name is the kind, or begins with it and "_".
inline std::vector<std::string> kinds_in(const std::filesystem::path& folder) {
  std::vector<std::string> kinds;
  for (const auto& file : files_in(folder, ".cases")) kinds.push_back(file.stem().string());
  return kinds;
}

inline std::vector<Case> cases_in(const std::filesystem::path& folder, const std::string& base = "") {
  std::vector<Case> all;
  for (const auto& file : files_in(folder, ".cases")) {
    for (Case& read : read_cases(file, base)) all.push_back(std::move(read));
  }
  return all;
}

}  // namespace attune::test
