#include "spec/sidecar.h"

#include <algorithm>
#include <fstream>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include <attune/sdk/error.h>

namespace attune {
namespace {

using nlohmann::json;

std::string read_text(const std::filesystem::path& path, Fault fault) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  if (!file || std::filesystem::is_directory(path) || !(text << file.rdbuf())) {
    throw Error(fault, "'" + path.string() + "' cannot be read");
  }
  return text.str();
}

// One JSON object of a file, whose keys are all known.
class Object {
 public:
  using Reader = std::function<void(const json&)>;

  Object(std::filesystem::path file, std::string where) : file_(std::move(file)), where_(std::move(where)) {}

  void read(const json& object, const std::map<std::string, Reader>& keys) const {
    if (!object.is_object()) fail("", "is no object {...}");
    std::vector<std::string> names;
    for (const auto& [name, reader] : keys) names.push_back(name);
    for (const auto& [key, value] : object.items()) {
      const auto reader = keys.find(key);
      if (reader == keys.end()) fail(key, "is an unknown key" + did_you_mean(key, names));
      reader->second(value);
    }
  }

  [[noreturn]] void fail(const std::string& key, const std::string& what) const {
    throw Error(Fault::spec, "'" + file_.string() + "': " + where_ + (key.empty() ? "" : "/" + key) + " " + what);
  }

  std::string text(const std::string& key, const json& value) const {
    if (!value.is_string()) fail(key, "must be a string");
    return value.get<std::string>();
  }

  int64_t count(const std::string& key, const json& value) const {
    if (!value.is_number_integer() || value.get<double>() < 1 || value.get<double>() > 100000) {
      fail(key, "must be an integer from 1 to 100000");
    }
    return value.get<int64_t>();
  }

  std::vector<double> numbers(const std::string& key, const json& value) const {
    const auto number = [](const json& v) { return v.is_number(); };
    if (!value.is_array() || value.empty() || !std::all_of(value.begin(), value.end(), number)) {
      fail(key, "must be a list of numbers");
    }
    return value.get<std::vector<double>>();
  }

 private:
  std::filesystem::path file_;
  std::string where_;
};

PreprocessText preprocess_from(const json& object, const std::filesystem::path& file, const std::string& where) {
  PreprocessText text;
  const Object reader(file, where);
  reader.read(object, {{"size",
                        [&](const json& value) {
                          const json pair = value.is_number() ? json{value, value} : value;
                          if (!pair.is_array() || pair.size() != 2) reader.fail("size", "must be [height, width]");
                          text.size = {reader.count("size", pair[0]), reader.count("size", pair[1])};
                        }},
                       {"crop",
                        [&](const json& value) {
                          if (!value.is_boolean()) reader.fail("crop", "must be true or false");
                          text.crop = value.get<bool>();
                        }},
                       {"mean", [&](const json& value) { text.mean = reader.numbers("mean", value); }},
                       {"std", [&](const json& value) { text.std = reader.numbers("std", value); }}});
  return text;
}

json parse(const std::filesystem::path& file) {
  try {
    return json::parse(read_text(file, Fault::spec));
  } catch (const json::parse_error& error) {
    const std::string what = error.what();
    throw Error(Fault::spec, "'" + file.string() + "' is no JSON: " + what.substr(what.find("] ") + 2));
  }
}

std::vector<std::string> labels_from(const json& value, const Object& reader, const std::filesystem::path& folder) {
  if (value.is_string()) return read_labels(folder / value.get<std::string>());
  const auto is_text = [](const json& v) { return v.is_string(); };
  if (!value.is_array() || !std::all_of(value.begin(), value.end(), is_text)) {
    reader.fail("labels", "must be a list of strings or the name of a file");
  }
  return value.get<std::vector<std::string>>();
}

}  // namespace

Sidecar read_sidecar(const std::filesystem::path& model) {
  Sidecar sidecar;
  const auto file = std::filesystem::path(model).replace_extension(".json");
  if (!std::filesystem::exists(file) || file == model) return sidecar;
  const Object reader(file, "");
  const auto task = [&](const json& value) {
    const std::string name = reader.text("task", value);
    if (name != "multi_label" && name != "single_label") reader.fail("task", "must be single_label or multi_label");
    sidecar.multi_label = name == "multi_label";
  };
  reader.read(parse(file),
              {{"labels", [&](const json& v) { sidecar.labels = labels_from(v, reader, file.parent_path()); }},
               {"preprocess", [&](const json& v) { sidecar.preprocess = preprocess_from(v, file, "/preprocess"); }},
               {"output",
                [&](const json& v) {
                  sidecar.output =
                      v.is_number_unsigned() ? std::to_string(v.get<uint64_t>()) : reader.text("output", v);
                }},
               {"layer", [&](const json& v) { sidecar.layer = reader.text("layer", v); }},
               {"layout", [&](const json& v) { sidecar.layout = reader.text("layout", v); }},
               {"frames", [&](const json& v) { sidecar.frames = reader.count("frames", v); }},
               {"task", task}});
  return sidecar;
}

PreprocessText read_preprocess(const std::filesystem::path& file) { return preprocess_from(parse(file), file, ""); }

std::vector<std::string> read_labels(const std::filesystem::path& file) {
  const std::string text = read_text(file, Fault::input);
  if (text.find_first_not_of(" \t\r\n") != std::string::npos && text[text.find_first_not_of(" \t\r\n")] == '[') {
    const json list = parse(file);
    return labels_from(list, Object(file, ""), file.parent_path());
  }
  std::vector<std::string> labels;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    labels.push_back(line);
  }
  while (!labels.empty() && labels.back().empty()) labels.pop_back();
  if (labels.empty()) throw Error(Fault::input, "'" + file.string() + "' has no labels; expected one a line");
  return labels;
}

}  // namespace attune
