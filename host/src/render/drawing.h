// Lines, areas and texts that become a picture or an SVG document.
#pragma once

#include <functional>
#include <memory>

#include "image/image.h"
#include "render/text.h"

struct _cairo_surface;  // Cairo's cairo_surface_t

namespace attune {

// In pixels.
struct Spot {
  double x, y;

  bool operator==(const Spot&) const = default;
};

struct Stroke {
  Colour colour = {0, 0, 0};
  double thickness = 1;
  bool dashed = false;

  bool operator==(const Stroke&) const = default;
};

class Drawing {
 public:
  Drawing(int64_t height, int64_t width) : height_(height), width_(width) {}

  int64_t height() const { return height_; }
  int64_t width() const { return width_; }

  // A line that begins where the one before ends goes on with it, and so do its dashes.
  void line(const Spot& from, const Spot& to, const Stroke& stroke);
  // A thin straight line along the pixels.
  void rule(const Spot& from, const Spot& to, const Colour& colour);
  void dot(const Spot& middle, double radius, const Colour& colour);
  void area(const Spot& corner, const Spot& opposite, const Colour& colour);
  void text(const std::string& text, const TextPlace& place, const TextStyle& style);

  // All of it in that order on white. Throws Error(Fault::run) for what is too large to be drawn.
  Image picture() const;
  // The same as SVG. Letters are outlines, which look alike everywhere; whole texts lie invisibly over them, to be
  // found and copied.
  std::string svg() const;
  // The picture as `path`, a PNG, and the document beside it with the ending .svg; each has its name when both are
  // complete. Throws Error(Fault::output).
  void write(const std::filesystem::path& path) const;

 private:
  struct Line {
    Stroke stroke;
    std::vector<Spot> spots;
  };
  struct Words {
    std::string text;
    TextPlace place;
    TextStyle style;
  };
  using Part = std::function<void(_cairo*)>;
  using Surface = std::unique_ptr<_cairo_surface, void (*)(_cairo_surface*)>;

  void add(Part part);
  void paint_on(_cairo_surface* surface) const;
  Surface raster() const;

  int64_t height_, width_;
  std::vector<Part> parts_;
  std::shared_ptr<Line> last_;  // the last part, when it is a line
  std::vector<Words> words_;
};

}  // namespace attune
