// The spec parser against any bytes: a Spec or a SpecError that can be shown, and nothing else.
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include <attune/spec.h>

#include "cases.h"
#include "json/document.h"
#include "json/quoting.h"

namespace {

using namespace attune;

void expect(bool good, const std::string& what, const std::string& message) {
  if (good) return;
  std::cerr << what << ": " << message << '\n';
  std::abort();
}

const Catalogue& components() {
  static const Catalogue loaded = Catalogue::load({{ATTUNE_BUILD_DIR "/lib/attune/plugins", "fuzzer"}});
  const bool is_whole = loaded.find("gradcam") != nullptr && loaded.find("mask") != nullptr;
  expect(is_whole && loaded.refusals().empty(), "plugins are missing in", ATTUNE_BUILD_DIR "/lib/attune/plugins");
  return loaded;
}

void check(const SpecError& error) {
  const std::string what = error.what();
  expect(!error.faults().empty(), "no fault", what);
  size_t lines = 1;
  for (const char c : what) lines += c == '\n' ? 1 : 0;
  expect(lines == error.faults().size() + (error.has_more() ? 1 : 0), "not a line for each fault", what);
  const SpecFault* before = nullptr;
  for (const SpecFault& fault : error.faults()) {
    expect(!fault.message.empty() && one_line(fault.message) == fault.message, "message is no line of UTF-8", what);
    expect(fault.line >= 1 && fault.column >= 1, "no place", what);
    const bool is_later = before == nullptr || before->line < fault.line ||
                          (before->line == fault.line && before->column <= fault.column);
    expect(is_later, "not in the order of the text", what);
    before = &fault;
  }
}

// The parser underneath has the last word on what JSON is; a zero byte, which it takes for the end, is not checked.
void compare_with_json(const std::string& text) {
  if (text.find('\0') != std::string::npos) return;
  const JsonDocument document = parse_json(text);
  const bool is_deep =
      !document.faults.empty() && document.faults.back().message.find("64 levels") != std::string::npos;
  if (is_deep) return;
  expect(document.complete == nlohmann::json::accept(text), "another verdict than the JSON library", text);
}

}  // namespace

// Before folders are read: the bad specs of the tests as files that can be named among them.
extern "C" int LLVMFuzzerInitialize(int* /*argc*/, char*** /*argv*/) {
  const std::filesystem::path folder = ATTUNE_BUILD_DIR "/seeds";
  std::filesystem::create_directories(folder);
  for (const test::Case& read : test::cases_in(ATTUNE_SOURCE_DIR "/tests/specs/bad")) {
    std::ofstream(folder / read.name, std::ios::binary) << read.document;
  }
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const ModelNames model{{"conv1", "layer4", "fc"}, {"cat", "dog", "crane", "crane"}};
  const std::string text(reinterpret_cast<const char*>(data), size);
  compare_with_json(text);
  for (const ModelNames& known : {ModelNames{}, model}) {
    try {
      parse_spec(text, "spec.json", components(), known);
    } catch (const SpecError& error) {
      check(error);
    }
  }
  return 0;
}
