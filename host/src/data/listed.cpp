// Data that a file lists: PASCAL VOC's folders, and CSV.
#include <boost/property_tree/ptree.hpp>
#include <boost/property_tree/xml_parser.hpp>
#include <map>
#include <sstream>

#include "base/csv.h"
#include "data/draft.h"
#include "image/input_file.h"

namespace attune {
namespace {

namespace fs = std::filesystem;
using Tree = boost::property_tree::ptree;

// What is wrong with an annotation or a line.
[[noreturn]] void refuse(const std::string& what) { throw Error(Fault::input, what); }

std::string text_of(const Tree& tree, const std::string& key) { return trimmed(tree.get<std::string>(key, "")); }

// Some annotations have fractions.
double number_of(const Tree& tree, const std::string& key, const std::string& place) {
  const std::string text = text_of(tree, key);
  if (text.empty()) refuse(place + " has no " + key);
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || !std::isfinite(value)) {
    refuse(place + " has a " + key + " that is no number: \"" + text + "\"");
  }
  return value;
}

Region region_of(const Tree& object, const Draft& picture, const std::string& place) {
  const auto box = object.get_child_optional("bndbox");
  if (!box) refuse(place + " has no bndbox");
  const double left = number_of(*box, "xmin", place) - 1, top = number_of(*box, "ymin", place) - 1;
  const Region region{left, top, number_of(*box, "xmax", place) - left, number_of(*box, "ymax", place) - top};
  if (region.width <= 0 || region.height <= 0) refuse(place + " has an empty box");
  if (picture.height < 1 || picture.width < 1) return region;
  const std::string outside = outside_of(region, picture.height, picture.width);
  if (!outside.empty()) refuse(place + " " + outside);
  return *clipped(region, picture.height, picture.width);
}

// How deep elements lie in each other; the parser calls itself for each.
int depth_of(std::string_view xml) {
  int depth = 0, deepest = 0;
  for (size_t at = xml.find('<'); at != std::string_view::npos; at = xml.find('<', at + 1)) {
    const std::string_view rest = xml.substr(at);
    if (rest.starts_with("<!--") || rest.starts_with("<![CDATA[")) {
      at = xml.find(rest[2] == '-' ? "-->" : "]]>", at);
      if (at == std::string_view::npos) break;  // the parser complains
    } else if (rest.starts_with("</")) {
      --depth;
    } else if (!rest.starts_with("<!") && !rest.starts_with("<?")) {
      deepest = std::max(deepest, ++depth);
      const size_t end = rest.find('>');
      if (end != std::string_view::npos && rest[end - 1] == '/') --depth;
    }
  }
  return deepest;
}

Tree parse(const fs::path& path) {
  constexpr size_t longest = 1 << 20;  // nobody has yet seen an annotation half as large
  constexpr int deepest = 64;
  if (input_size(path) > longest) refuse_input(path, "is too large for a VOC annotation (more than 1 MB)");
  const std::string text = read_input(path);
  if (depth_of(text) > deepest) {
    refuse_input(path,
                 "is no VOC annotation: elements lie more than " + std::to_string(deepest) + " deep in each other");
  }
  std::istringstream stream(text);
  Tree tree;
  try {
    boost::property_tree::read_xml(stream, tree);
  } catch (const boost::property_tree::xml_parser_error& error) {
    refuse_input(path, "is broken XML: " + error.message() + " in line " + std::to_string(error.line()));
  }
  const auto annotation = tree.get_child_optional("annotation");
  if (!annotation) refuse_input(path, "is no VOC annotation: it has no <annotation>");
  return *annotation;
}

void read_objects(const Tree& annotation, Draft& draft) {
  // Some say 0 x 0 themselves.
  if (const auto size = annotation.get_child_optional("size")) {
    draft.height = std::llround(number_of(*size, "height", "the size"));
    draft.width = std::llround(number_of(*size, "width", "the size"));
  }
  for (const auto& [key, object] : annotation) {
    if (key != "object") continue;
    const std::string name = text_of(object, "name");
    const std::string number = "object " + std::to_string(draft.boxes.size() + 1);
    if (name.empty()) refuse(number + " has no name");
    const bool difficult = text_of(object, "difficult") == "1";
    draft.boxes.push_back({name, region_of(object, draft, number + " (" + name + ")"), difficult});
    (difficult ? draft.unsure : draft.labels).push_back(name);
  }
}

fs::path picture_of(const fs::path& root, const std::string& id) {
  for (const char* extension : {".jpg", ".jpeg", ".png", ".JPG"}) {
    const fs::path path = root / "JPEGImages" / (id + extension);
    std::error_code ignored;
    if (fs::exists(path, ignored)) return path;
  }
  return root / "JPEGImages" / (id + ".jpg");
}

Draft read_example(const fs::path& root, const std::string& id) {
  Draft draft;
  draft.id = id;
  draft.path = picture_of(root, id);
  draft.source = root / "Annotations" / (id + ".xml");
  std::optional<Tree> annotation;
  try {
    annotation = parse(draft.source);
  } catch (const Error& error) {
    draft.problem = Problem{draft.source, error.what()};
    return draft;
  }
  try {
    read_objects(*annotation, draft);
  } catch (const Error& error) {
    draft.problem = problem_of(draft.source, error.what());
  }
  return draft;
}

// Where each column stands.
using Columns = std::map<std::string, size_t>;

Columns columns_of(const std::string& header) {
  const std::vector<std::string> known{"path", "labels", "unsure"};
  Columns columns;
  for (const std::string& name : csv_fields(header)) {
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      refuse("unknown column \"" + name + "\"; columns are path, labels and unsure" + did_you_mean(name, known));
    }
    if (!columns.emplace(name, columns.size()).second) refuse("the column \"" + name + "\" stands twice");
  }
  for (const char* name : {"path", "labels"}) {
    if (columns.count(name) == 0) refuse("there is no column \"" + std::string(name) + "\"");
  }
  return columns;
}

std::vector<std::string> labels_in(const std::string& field) {
  std::vector<std::string> labels;
  std::istringstream parts(field);
  for (std::string part; std::getline(parts, part, ';');) {
    if (!trimmed(part).empty()) labels.push_back(trimmed(part));
  }
  return labels;
}

void read_line(const std::string& line, const Columns& columns, Draft& draft) {
  const std::vector<std::string> fields = csv_fields(line);
  if (fields.size() != columns.size()) {
    refuse(std::to_string(fields.size()) + " fields, but the header names " + std::to_string(columns.size()));
  }
  draft.id = fields[columns.at("path")];
  if (draft.id.empty()) refuse("the path is missing");
  draft.path = draft.source.parent_path() / draft.id;  // absolute ones stay as they are
  draft.labels = labels_in(fields[columns.at("labels")]);
  if (columns.count("unsure") > 0) draft.unsure = labels_in(fields[columns.at("unsure")]);
}

}  // namespace

Draft read_voc_annotation(const fs::path& file) {
  Draft draft;
  draft.source = file;
  const Tree annotation = parse(file);
  try {
    read_objects(annotation, draft);
  } catch (const Error& error) {
    refuse_input(file, error.what());
  }
  return draft;
}

Drafts read_voc(const DataSource& source, const std::string& split) {
  const fs::path list = source.root / "ImageSets" / "Main" / (split + ".txt");
  Drafts drafts{list, {}};
  std::error_code ignored;
  if (fs::is_regular_file(list, ignored) && fs::file_size(list, ignored) == 0) return drafts;
  std::istringstream lines(read_input(list));
  int number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    const std::string id = trimmed(line);
    if (id.empty()) continue;
    if (id.find_first_of(" \t") != std::string::npos) {
      refuse_input(list, "line " + std::to_string(number) + " holds more than the id of a picture: \"" + id + "\"");
    }
    drafts.examples.push_back(read_example(source.root, id));
  }
  return drafts;
}

Drafts read_csv_list(const DataSource& source, const std::string& split) {
  Drafts drafts{source.root / (split + ".csv"), {}};
  std::string text = read_input(drafts.list);
  if (text.starts_with("\xef\xbb\xbf")) text.erase(0, 3);  // a byte order mark
  std::istringstream lines(text);
  Columns columns;
  std::string line;
  for (int number = 1; std::getline(lines, line); ++number) {
    if (number > 1 && trimmed(line).empty()) continue;
    Draft draft;
    draft.source = drafts.list;
    draft.place = "line " + std::to_string(number);
    try {
      if (number == 1) {
        columns = columns_of(line);
        continue;
      }
      read_line(line, columns, draft);
    } catch (const Error& error) {
      draft.problem = problem_of(drafts.list, draft.place + ": " + error.what());
      if (number == 1) throw Error(Fault::input, draft.problem->sentence);
    }
    drafts.examples.push_back(std::move(draft));
  }
  return drafts;
}

}  // namespace attune
