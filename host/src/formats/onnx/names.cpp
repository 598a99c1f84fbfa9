// What names and metadata of an ONNX file's nodes and parameters say of modules.
#include "formats/onnx/names.h"

#include <algorithm>
#include <cctype>

#include "formats/onnx/builder.h"

namespace attune {
namespace {

// "['', 'layer1', 'layer1.0']"
std::vector<std::string> words_of(const std::string& list) {
  std::vector<std::string> words;
  for (size_t at = 0; at < list.size(); ++at) {
    const char quote = list[at];
    if (quote != '\'' && quote != '"') continue;
    const size_t end = list.find(quote, at + 1);
    if (end == std::string::npos) break;
    words.push_back(list.substr(at + 1, end - at - 1));
    at = end;
  }
  return words;
}

std::string as_path(const std::string& text) {
  std::string path;
  for (const char c : text) {
    const bool is_letter = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' || c == '.';
    if (c == '.' && (path.empty() || path.back() == '.')) continue;
    path += is_letter ? c : '_';
  }
  while (!path.empty() && path.back() == '.') path.pop_back();
  return path;
}

std::string entry_of(const OnnxNode& node, const std::string& key) {
  const auto found = node.metadata.find("pkg.torch.onnx." + key);
  return found == node.metadata.end() ? "" : found->second;
}

// Operators that make what others only arrange or scale.
bool is_layer(const OnnxNode& node) {
  static const std::set<std::string> others{"Cast",   "Concat",  "Constant",  "ConstantOfShape",
                                            "Div",    "Dropout", "Equal",     "Exp",
                                            "Expand", "Flatten", "Gather",    "Identity",
                                            "Mul",    "Pow",     "Range",     "Reshape",
                                            "Shape",  "Sigmoid", "Slice",     "Split",
                                            "Sqrt",   "Squeeze", "Sub",       "Transpose",
                                            "Tanh",   "Erf",     "Unsqueeze", "Where"};
  return others.count(node.op) == 0;
}

// Of values that are numbered alone ("input.4", "pool2d.1.0") the numbers say nothing of layers.
bool is_named_value(const std::string& name) {
  return looks_like_path(name) && std::isalpha(static_cast<unsigned char>(name[name.rfind('.') + 1])) != 0;
}

}  // namespace

bool has_metadata(const OnnxNode& node) { return !entry_of(node, "name_scopes").empty(); }

std::vector<LayerFrame> frames_of_metadata(const OnnxNode& node) {
  std::vector<LayerFrame> frames;
  const std::vector<std::string> paths = words_of(entry_of(node, "name_scopes")),
                                 types = words_of(entry_of(node, "class_hierarchy"));
  for (size_t i = 1; i + 1 < paths.size(); ++i) {
    const std::string path = as_path(paths[i]), type = i < types.size() ? types[i] : "Module";
    if (!path.empty() && path.compare(0, 6, "_empty") != 0) {
      frames.push_back({path, path, type.substr(type.rfind('.') + 1)});
    }
  }
  return frames;
}

std::vector<LayerFrame> frames_of_name(const OnnxNode& node) {
  std::vector<LayerFrame> frames;
  std::string path, last;
  size_t begin = node.name[0] == '/' ? 1 : 0;
  for (size_t end = node.name.find('/', begin); end != std::string::npos; end = node.name.find('/', begin)) {
    const std::string part = as_path(node.name.substr(begin, end - begin));
    begin = end + 1;
    if (part.empty() || part.find("StatefulPartitionedCall") == 0) continue;
    const bool repeats = !last.empty() && part.compare(0, last.size() + 1, last + ".") == 0;
    path = repeats ? path.substr(0, path.size() - last.size()) + part : path.empty() ? part : path + "." + part;
    last = part;
    frames.push_back({path, path, "Module"});
  }
  if (!frames.empty()) frames.back().type = node.op;
  return frames;
}

bool looks_like_path(const std::string& name) {
  const auto is_odd = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) == 0 && c != '_' && c != '.'; };
  return name.find('.') != std::string::npos && std::none_of(name.begin(), name.end(), is_odd) && name.back() != '.' &&
         name.front() != '.' && name.find("..") == std::string::npos;
}

std::vector<LayerFrame> frames_of_operator(const OnnxNode& node, size_t index,
                                           const std::set<std::string>& parameters) {
  if (!is_layer(node)) return {};
  for (const std::string& input : node.inputs) {
    if (parameters.count(input) == 0 || !looks_like_path(input)) continue;
    const std::string path = input.substr(0, input.rfind('.'));
    return {{path + "#" + std::to_string(index), path, node.op}};
  }
  std::string path = as_path(node.name);
  std::replace(path.begin(), path.end(), '.', '_');
  const std::string made = node.outputs.empty() ? "" : node.outputs[0];
  if (path.empty() && is_named_value(made)) path = made.substr(0, made.rfind('.'));
  if (path.empty()) path = node.op + "_" + std::to_string(index);
  return {{path + "#" + std::to_string(index), path, node.op}};
}

std::string parameter_path(const std::string& name, const OnnxNode& node, size_t index, const std::string& scope) {
  static const std::vector<std::string> norm{"", "weight", "bias", "running_mean", "running_var"};
  static const std::set<std::string> shifts{"Add", "Sub"};
  std::string path = name;
  const std::string folded = ".weight_bias";
  if (looks_like_path(path)) {
    const bool is_folded =
        path.size() > folded.size() && path.compare(path.size() - folded.size(), folded.size(), folded) == 0;
    return is_folded ? path.substr(0, path.size() - 12) + ".bias" : path;
  }
  const bool is_readable = !name.empty() && std::isalpha(static_cast<unsigned char>(name[0])) != 0 &&
                           name.find_first_of(":/") == std::string::npos && name.compare(0, 4, "val_") != 0;
  if (is_readable) return as_path(name);
  const std::string role = shifts.count(node.op) != 0         ? "bias"
                           : index < norm.size() && index > 0 ? norm[index]
                                                              : "weight";
  return scope.empty() ? as_path(node.op + "_" + name) : scope + "." + role;
}

}  // namespace attune
