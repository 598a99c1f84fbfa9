#include "spec/sidecar.h"

#include <algorithm>
#include <charconv>
#include <fstream>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include <attune/sdk/error.h>

#include "spec/quoting.h"

namespace attune {
namespace {

using nlohmann::json;

std::string read_text(const std::filesystem::path& path, Fault fault) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  const bool empty = file.peek() == std::ifstream::traits_type::eof() && !file.bad();  // copying nothing would fail
  if (!file.is_open() || (!empty && !(text << file.rdbuf()))) {
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
    const std::string pointer = where_ + (key.empty() ? "" : "/" + key);
    throw Error(Fault::spec, "'" + file_.string() + "': " + pointer + (pointer.empty() ? "" : " ") + what);
  }

  std::string text(const std::string& key, const json& value) const {
    if (!value.is_string()) fail(key, "must be a string");
    return value.get<std::string>();
  }

  int64_t count(const std::string& key, const json& value, int64_t most = 100000) const {
    if (!value.is_number_integer() || value.get<double>() < 1 || value.get<double>() > static_cast<double>(most)) {
      fail(key, "must be an integer from 1 to " + std::to_string(most));
    }
    return value.get<int64_t>();
  }

  double rate(const std::string& key, const json& value) const {
    if (!value.is_number() || !(value.get<double>() >= 0.001 && value.get<double>() <= 1000)) {
      fail(key, "must be a number from 0.001 to 1000");
    }
    return value.get<double>();
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

// `text` is what `file` holds. No key may stand twice in one object: the parser would drop one without a word.
json parse(const std::string& text, const std::filesystem::path& file, Fault fault) {
  std::vector<std::set<std::string>> keys;
  const auto check = [&](int, json::parse_event_t event, json& value) {
    if (event == json::parse_event_t::object_start) keys.emplace_back();
    if (event == json::parse_event_t::object_end) keys.pop_back();
    if (event == json::parse_event_t::key && !keys.back().insert(value.get<std::string>()).second) {
      throw Error(fault, "'" + file.string() + "': the key " + value.dump() + " stands twice in one object");
    }
    return true;
  };
  try {
    return json::parse(text, check);
  } catch (const json::exception& error) {
    const std::string what = error.what();
    throw Error(fault, "'" + file.string() + "' is no JSON: " + what.substr(what.find("] ") + 2));
  }
}

json parse(const std::filesystem::path& file) { return parse(read_text(file, Fault::spec), file, Fault::spec); }

bool is_list_of_strings(const json& value) {
  return value.is_array() && std::all_of(value.begin(), value.end(), [](const json& v) { return v.is_string(); });
}

// The indices of classes, whose names are keys or values.
std::map<int64_t, std::string> indexed_labels(const json& object) {
  std::map<int64_t, std::string> labels;
  for (const auto& [key, value] : object.items()) {
    int64_t index = -1;
    const char* end = key.data() + key.size();
    const bool is_indexed = value.is_string() && std::from_chars(key.data(), end, index).ptr == end;
    if (value.is_number_integer()) index = value.get<int64_t>();
    if ((!is_indexed && !value.is_number_integer()) || index < 0) {
      throw Error(Fault::input,
                  "has labels that are neither {\"0\": \"cat\"} nor {\"cat\": 0}, at the key " + in_quotes(key));
    }
    if (!labels.emplace(index, is_indexed ? value.get<std::string>() : key).second) {
      throw Error(Fault::input, "has two labels for class " + std::to_string(index));
    }
  }
  return labels;
}

// Whatever form of JSON it has. Throws Error(Fault::input) with what is wrong, without the file.
std::vector<std::string> labels_of(const json& value) {
  if (is_list_of_strings(value)) return value.get<std::vector<std::string>>();
  if (!value.is_object()) throw Error(Fault::input, "is no list of strings, nor an object as {\"0\": \"cat\"}");
  const auto inner = value.find("id2label");
  const json& object = inner == value.end() ? value : *inner;
  if (!object.is_object()) throw Error(Fault::input, "has an \"id2label\" that is no object as {\"0\": \"cat\"}");
  std::vector<std::string> labels;
  for (const auto& [index, label] : indexed_labels(object)) {
    if (index != static_cast<int64_t>(labels.size())) {
      throw Error(Fault::input, "has no label for class " + std::to_string(labels.size()));
    }
    labels.push_back(label);
  }
  return labels;
}

std::vector<std::string> labels_from(const json& value, const Object& reader, const std::filesystem::path& folder) {
  if (value.is_string()) {
    try {
      return read_labels(folder / value.get<std::string>());
    } catch (const Error& error) {
      reader.fail("labels", std::string("cannot be used: ") + error.what());
    }
  }
  if (!value.is_array() && !value.is_object()) {
    reader.fail("labels", "must be a list of strings, an object as {\"0\": \"cat\"} or the name of a file");
  }
  try {
    return labels_of(value);
  } catch (const Error& error) {
    reader.fail("labels", error.what());
  }
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> result;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    result.push_back(line);
  }
  while (!result.empty() && result.back().empty()) result.pop_back();
  return result;
}

}  // namespace

Sidecar read_sidecar(const std::filesystem::path& model) {
  Sidecar sidecar;
  if (model.empty()) return sidecar;
  const auto file = std::filesystem::path(model).replace_extension(".json");
  std::error_code ignored;  // what is wrong with the path is said when the model is loaded
  if (!std::filesystem::exists(file, ignored) || file == model) return sidecar;
  const Object reader(file, "");
  const auto task = [&](const json& value) {
    const std::string name = reader.text("task", value);
    if (name != "multi_label" && name != "single_label") reader.fail("task", "must be single_label or multi_label");
    sidecar.multi_label = name == "multi_label";
  };
  reader.read(
      parse(file),
      {{"labels", [&](const json& v) { sidecar.labels = labels_from(v, reader, file.parent_path()); }},
       {"preprocess", [&](const json& v) { sidecar.preprocess = preprocess_from(v, file, "/preprocess"); }},
       {"output",
        [&](const json& v) {
          sidecar.output = v.is_number_unsigned() ? std::to_string(v.get<uint64_t>()) : reader.text("output", v);
        }},
       {"layer", [&](const json& v) { sidecar.layer = reader.text("layer", v); }},
       {"layout", [&](const json& v) { sidecar.layout = reader.text("layout", v); }},
       {"frames", [&](const json& v) { sidecar.frames = reader.count("frames", v, 10000); }},
       {"frames_per_second", [&](const json& v) { sidecar.frames_per_second = reader.rate("frames_per_second", v); }},
       {"task", task}});
  return sidecar;
}

PreprocessText read_preprocess(const std::filesystem::path& file) { return preprocess_from(parse(file), file, ""); }

std::vector<std::string> read_labels(const std::filesystem::path& file) {
  std::string text = read_text(file, Fault::input);
  if (text.compare(0, 3, "\xef\xbb\xbf") == 0) text.erase(0, 3);  // a byte order mark, as Windows writes it
  const size_t start = text.find_first_not_of(" \t\r\n");
  std::vector<std::string> labels;
  const char first = start == std::string::npos ? '\0' : text[start];
  if (first == '[' || first == '{') {
    const json value = parse(text, file, Fault::input);
    try {
      labels = labels_of(value);
    } catch (const Error& error) {
      throw Error(Fault::input, "'" + file.string() + "' " + error.what());
    }
  } else {
    labels = lines_of(text);
  }
  if (labels.empty()) throw Error(Fault::input, "'" + file.string() + "' has no labels; expected one a line");
  return labels;
}

}  // namespace attune
