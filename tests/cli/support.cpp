#include "support.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/randn.h>
#include <fstream>
#include <iterator>
#include <sstream>
#include <stdexcept>

#include "picture.h"

namespace attune::test {

Outcome CommandLine::run(const std::vector<std::string>& arguments) const { return run(arguments, {}); }

Outcome CommandLine::run(const std::vector<std::string>& arguments, Surroundings surroundings) const {
  if (surroundings.folder.empty()) surroundings.folder = folder_;
  return run_attune(arguments, surroundings);
}

std::string CommandLine::refusal(int code, const std::vector<std::string>& arguments) const {
  return sentence(run(arguments), code);
}

Json CommandLine::document(const std::vector<std::string>& arguments) const {
  const Outcome outcome = run(arguments);
  EXPECT_EQ(outcome.code, 0) << outcome.err;
  return parsed(outcome.out);
}

fs::path CommandLine::write(const std::string& name, const std::string& bytes) const {
  fs::create_directories((folder_ / name).parent_path());
  std::ofstream(folder_ / name, std::ios::binary) << bytes;
  return folder_ / name;
}

fs::path CommandLine::write_picture(const std::string& name, int64_t height, int64_t width, int seed) const {
  const Image image = gradient(height, width);
  image.select(2, 2).add_(20 * seed);
  fs::create_directories((folder_ / name).parent_path());
  write_png(folder_ / name, image);
  return folder_ / name;
}

std::string CommandLine::read(const std::string& name) const {
  EXPECT_TRUE(fs::is_regular_file(folder_ / name)) << name << " is not there";
  return read_bytes(folder_ / name);
}

std::set<std::string> CommandLine::files(const std::string& name) const {
  std::set<std::string> found;
  if (!fs::is_directory(folder_ / name)) return found;
  for (const auto& entry : fs::recursive_directory_iterator(folder_ / name)) {
    if (!entry.is_directory()) found.insert(entry.path().lexically_relative(folder_ / name).string());
  }
  return found;
}

at::Tensor noise(at::IntArrayRef shape) { return at::randn(shape, at::detail::createCPUGenerator(5)); }

std::string sentence(const Outcome& outcome, int code) {
  const std::string start = "attune: ";
  EXPECT_EQ(outcome.code, code) << outcome.err;
  EXPECT_FALSE(outcome.signalled);
  EXPECT_EQ(outcome.out, "");
  EXPECT_EQ(outcome.err.compare(0, start.size(), start), 0) << outcome.err;
  EXPECT_EQ(outcome.err.find('\n'), outcome.err.size() - 1) << "not one line: " << outcome.err;
  if (outcome.err.size() <= start.size()) return "";
  return outcome.err.substr(start.size(), outcome.err.size() - start.size() - 1);
}

std::string without_epochs(const std::string& err) {
  std::istringstream lines(err);
  std::string rest;
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind("attune: epoch ", 0) != 0) rest += line + "\n";
  }
  return rest;
}

Json parsed(const std::string& text) {
  Json document = Json::parse(text, nullptr, /*allow_exceptions=*/false);
  EXPECT_FALSE(document.is_discarded()) << "no JSON document: " << text;
  return document;
}

void expect_parts(const std::string& text, std::initializer_list<const char*> parts) {
  for (const char* part : parts)
    EXPECT_NE(text.find(part), std::string::npos) << '"' << part << "\" is not in: " << text;
}

std::vector<std::string> keys(const std::string& document, const std::string& pointer) {
  const auto ordered = nlohmann::ordered_json::parse(document);
  std::vector<std::string> names;
  for (const auto& [name, value] : ordered.at(nlohmann::ordered_json::json_pointer(pointer)).items())
    names.push_back(name);
  return names;
}

}  // namespace attune::test
