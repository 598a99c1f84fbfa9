// PASCAL VOC's folders.
#include <boost/property_tree/ptree.hpp>
#include <boost/property_tree/xml_parser.hpp>
#include <charconv>
#include <cmath>
#include <sstream>

#include <attune/sdk/error.h>

#include "data/boxes.h"
#include "data/readers.h"
#include "image/input_file.h"

namespace attune {
namespace {

namespace fs = std::filesystem;
using Tree = boost::property_tree::ptree;

// What is wrong with an annotation.
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

struct Size {
  int64_t height = 0;
  int64_t width = 0;
};

// 0 x 0 when the annotation does not say; some say 0 themselves.
Size size_of(const Tree& annotation) {
  const auto size = annotation.get_child_optional("size");
  if (!size) return {};
  return {std::llround(number_of(*size, "height", "the size")), std::llround(number_of(*size, "width", "the size"))};
}

Region region_of(const Tree& object, const Size& picture, const std::string& place) {
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

Tree parse(const fs::path& path) {
  std::istringstream stream(read_input(path));
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
  const Size size = size_of(annotation);
  draft.height = size.height;
  draft.width = size.width;
  for (const auto& [key, object] : annotation) {
    if (key != "object") continue;
    const std::string name = text_of(object, "name");
    const std::string number = "object " + std::to_string(draft.boxes.size() + 1);
    if (name.empty()) refuse(number + " has no name");
    const bool difficult = text_of(object, "difficult") == "1";
    draft.boxes.push_back({name, region_of(object, size, number + " (" + name + ")"), difficult});
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

}  // namespace

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
      refuse(list, "line " + std::to_string(number) + " holds more than the id of a picture: \"" + id + "\"");
    }
    drafts.examples.push_back(read_example(source.root, id));
  }
  return drafts;
}

}  // namespace attune
