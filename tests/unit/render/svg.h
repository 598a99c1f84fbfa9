// What SVG documents say.
#pragma once

#include <boost/property_tree/ptree.hpp>
#include <boost/property_tree/xml_parser.hpp>
#include <cmath>
#include <functional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "pictures.h"
#include "render/drawing.h"

namespace attune::test {

// In pixels.
struct SvgText {
  double x, y, width;
  std::string text;
};

// The texts of a document, which must be XML.
class SvgTexts {
 public:
  explicit SvgTexts(const Drawing& drawing) {
    std::istringstream stream(drawing.svg());
    boost::property_tree::ptree document;
    read_xml(stream, document);
    collect(document.get_child("svg"));
  }

  const std::vector<SvgText>& all() const { return texts_; }
  std::vector<SvgText> all(const std::string& text) const {
    return those([&](const std::string& some) { return some == text; });
  }
  SvgText only(const std::string& text) const { return one(all(text), text); }
  SvgText beginning(const std::string& begin) const {
    return one(those([&](const std::string& some) { return some.starts_with(begin); }), begin);
  }
  SvgText ending(const std::string& end) const {
    return one(those([&](const std::string& some) { return some.ends_with(end); }), end);
  }

 private:
  void collect(const boost::property_tree::ptree& node) {
    for (const auto& [name, child] : node) {
      if (name == "text") {
        const auto number = [&node = child](const char* key) {
          return node.get<double>("<xmlattr>." + std::string(key));
        };
        texts_.push_back({number("x"), number("y"), number("textLength"), child.data()});
      }
      collect(child);
    }
  }

  std::vector<SvgText> those(const std::function<bool(const std::string&)>& is_it) const {
    std::vector<SvgText> found;
    for (const SvgText& text : texts_) {
      if (is_it(text.text)) found.push_back(text);
    }
    return found;
  }

  static SvgText one(const std::vector<SvgText>& found, const std::string& text) {
    if (found.size() == 1) return found[0];
    throw std::runtime_error("the document has " + std::to_string(found.size()) + " texts \"" + text + "\"");
  }

  std::vector<SvgText> texts_;
};

// How wide the ink is where the document has a text, 2 pixels beyond it included; on white.
inline double drawn_width(const Image& image, const SvgText& text) {
  const int64_t left = std::max<int64_t>(std::lround(text.x) - 2, 0), bottom = std::lround(text.y);
  const at::Tensor place =
      image.slice(0, bottom - 14, bottom).slice(1, left, std::lround(text.x + text.width) + 2).to(at::kInt);
  const Extent ink = extent(place.amin(2) < 160);
  return static_cast<double>(ink.right - ink.left + 1);
}

}  // namespace attune::test
