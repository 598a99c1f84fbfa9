#include "config/sidecar.h"

#include <charconv>
#include <fstream>
#include <map>
#include <sstream>

#include <attune/sdk/error.h>

#include "config/train_keys.h"

namespace attune {
namespace {

namespace fs = std::filesystem;
using Kind = JsonNode::Kind;

constexpr uintmax_t largest_sidecar = 16 << 20;  // which may hold the names of very many classes

// Also of what has no size, as a pipe.
std::string read_text(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  const bool empty = file.peek() == std::ifstream::traits_type::eof() && !file.bad();  // copying nothing would fail
  if (!file.is_open() || (!empty && !(text << file.rdbuf()))) {
    throw Error(Fault::input, "'" + path.string() + "' cannot be read");
  }
  return text.str();
}

// The indices of classes, whose names are keys or values.
std::map<int64_t, std::string> indexed_labels(const JsonNode& object) {
  std::map<int64_t, std::string> labels;
  for (const auto& [key, place, value] : object.members) {
    int64_t index = -1;
    const char* end = key.data() + key.size();
    const bool is_indexed = value.kind == Kind::string && std::from_chars(key.data(), end, index).ptr == end;
    if (value.kind == Kind::integer) index = value.integer;
    if ((!is_indexed && value.kind != Kind::integer) || index < 0) {
      throw Error(Fault::input,
                  "has labels that are neither {\"0\": \"cat\"} nor {\"cat\": 0}, at the key " + in_quotes(key));
    }
    if (!labels.emplace(index, is_indexed ? value.text : key).second) {
      throw Error(Fault::input, "has two labels for class " + std::to_string(index));
    }
  }
  return labels;
}

// Whatever form of JSON it has. Throws Error(Fault::input) with what is wrong, without the file.
std::vector<std::string> labels_of(const JsonNode& node) {
  std::vector<std::string> labels;
  for (const JsonNode& item : node.items) {
    if (item.kind == Kind::string) labels.push_back(item.text);
  }
  if (node.kind == Kind::array && labels.size() == node.items.size()) return labels;
  if (node.kind != Kind::object) throw Error(Fault::input, "is no list of strings, nor an object as {\"0\": \"cat\"}");
  const JsonNode* inner = node.find("id2label");
  const JsonNode& object = inner == nullptr ? node : *inner;
  if (object.kind != Kind::object) {
    throw Error(Fault::input, "has an \"id2label\" that is no object as {\"0\": \"cat\"}");
  }
  for (const auto& [index, label] : indexed_labels(object)) {
    if (index != static_cast<int64_t>(labels.size())) {
      throw Error(Fault::input, "has no label for class " + std::to_string(labels.size()));
    }
    labels.push_back(label);
  }
  return labels;
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

Form<std::vector<std::string>> labels_form() {
  const auto read = [](DocumentReader& reader, const JsonAt& at, std::vector<std::string>& labels) {
    const bool is_file = at.node.kind == Kind::string;
    if (!is_file && at.node.kind != Kind::array && at.node.kind != Kind::object) {
      return reader.fail(
          at, "must be a list of strings, an object as {\"0\": \"cat\"} or the name of a file, not " + shown(at.node));
    }
    try {
      labels = is_file ? read_labels(reader.folder() / at.node.text) : labels_of(at.node);
    } catch (const Error& error) {
      reader.fail(at, (is_file ? "cannot be used: " : "") + std::string(error.what()));
    }
  };
  const auto write = [](const std::vector<std::string>& labels) -> Json { return labels; };
  const Json list = form::list(form::text(), 0).schema;
  return {read, write, {{"anyOf", {form::text().schema, list, {{"type", "object"}}}}}};
}

// A name, or an index, which is kept as text.
Form<std::string> output_form() {
  Form<std::string> form = form::text();
  form.read = [read = form.read](DocumentReader& reader, const JsonAt& at, std::string& output) {
    const bool is_index = at.node.kind == Kind::integer && at.node.integer >= 0;
    is_index ? void(output = at.node.text) : read(reader, at, output);
  };
  form.schema = {{"type", {"string", "integer"}}, {"minimum", 0}};
  return form;
}

Table<PreprocessText> preprocess_table() {
  return {preprocess_keys(form::size(100000, true), form::numbers(any_number), form::numbers(any_number))};
}

Table<Sidecar> sidecar_table() {
  const Words<bool> task_words = {{"single_label", false}, {"multi_label", true}};
  return {{key("labels", &Sidecar::labels, labels_form(), "Names of the classes, or a file with them"),
           key("task", &Sidecar::multi_label, task_words, "One class in a picture, or any number"),
           key("preprocess", &Sidecar::preprocess, form::object(preprocess_table()), "How pictures become inputs"),
           key("output", &Sidecar::output, output_form(), "Index or key of the scores among several outputs"),
           key("layer", &Sidecar::layer, "What auto stands for wherever a layer is named"),
           key("layout", &Sidecar::layout, "How layers arrange activations"),
           key("frames", &Sidecar::frames, Range{1, 10000}, "Length of a clip"),
           key("frames_per_second", &Sidecar::frames_per_second, Range{0.001, 1000},
               "That it takes of a video, around the middle; else evenly over all of it"),
           schema_key<Sidecar>()}};
}

}  // namespace

std::vector<Key<PreprocessText>> preprocess_keys(const Form<std::array<int64_t, 2>>& size,
                                                 const Form<std::vector<double>>& mean,
                                                 const Form<std::vector<double>>& deviation) {
  return {key("size", &PreprocessText::size, size, "Height and width of the model's input"),
          key("crop", &PreprocessText::crop, form::flag(),
              "Resize the shorter side and cut out the centre instead of squashing"),
          key("mean", &PreprocessText::mean, mean, "Subtracted from each channel of [0,1]; one number: of luminance"),
          key("std", &PreprocessText::std, deviation, "Each channel is divided by it")};
}

Sidecar read_sidecar(const fs::path& model) {
  if (model.empty()) return {};
  const auto file = fs::path(model).replace_extension(".json");
  std::error_code ignored;  // what is wrong with the path is said when the model is loaded
  if (!fs::exists(file, ignored) || file == model) return {};
  return parse_object(sidecar_table(), read_document(file, "", largest_sidecar), file.string(), file.parent_path());
}

std::string sidecar_text(const Sidecar& sidecar) {
  return written(sidecar_table().keys, sidecar).dump(2, ' ', false, nlohmann::detail::error_handler_t::replace) + "\n";
}

std::string sidecar_schema() {
  Json schema = {{"$schema", "https://json-schema.org/draft/2020-12/schema"}, {"title", "attune model"}};
  schema.update(object_schema(sidecar_table()));
  return schema.dump(2) + "\n";
}

PreprocessText read_preprocess(const fs::path& file) {
  return parse_object(preprocess_table(), read_document(file, ""), file.string(), file.parent_path());
}

std::vector<std::string> read_labels(const fs::path& file) {
  std::string text = read_text(file);
  if (text.compare(0, 3, "\xef\xbb\xbf") == 0) text.erase(0, 3);  // a byte order mark, as Windows writes it
  const size_t start = text.find_first_not_of(" \t\r\n");
  const char first = start == std::string::npos ? '\0' : text[start];
  std::vector<std::string> labels;
  if (first == '[' || first == '{') {
    const JsonDocument document = parse_json(text);
    if (!document.faults.empty()) {
      const auto& [place, pointer, message] = document.faults.back();
      throw Error(Fault::input, "'" + file.string() + (document.complete ? "': line " : "' is no JSON: line ") +
                                    std::to_string(place.line) + ", column " + std::to_string(place.column) + ": " +
                                    message);
    }
    try {
      labels = labels_of(document.root);
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
