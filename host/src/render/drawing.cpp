#include "render/drawing.h"

#include <ATen/ops/empty.h>
#include <algorithm>
#include <cairo-svg.h>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <glib.h>
#include <memory>
#include <numbers>

#include <attune/sdk/error.h>

#include "image/output_file.h"

namespace attune {
namespace {

// Of a stream that Cairo writes.
cairo_status_t append(void* text, const unsigned char* bytes, unsigned int size) {
  static_cast<std::string*>(text)->append(reinterpret_cast<const char*>(bytes), size);
  return CAIRO_STATUS_SUCCESS;
}

void set_colour(cairo_t* canvas, const Colour& colour) {
  cairo_set_source_rgb(canvas, colour[0] / 255.0, colour[1] / 255.0, colour[2] / 255.0);
}

std::string escaped(const std::string& text) {
  const std::unique_ptr<char, void (*)(void*)> markup(g_markup_escape_text(text.c_str(), -1), g_free);
  return markup.get();
}

}  // namespace

void Drawing::line(const Spot& from, const Spot& to, const Stroke& stroke) {
  Line* last = parts_.empty() ? nullptr : std::get_if<Line>(&parts_.back());
  if (last && last->stroke == stroke && last->spots.back() == from) {
    last->spots.push_back(to);
  } else {
    parts_.push_back(Line{stroke, {from, to}});
  }
}

void Drawing::rule(const Spot& from, const Spot& to, const Colour& colour) {
  const auto middle = [](const Spot& spot) { return Spot{std::floor(spot.x) + 0.5, std::floor(spot.y) + 0.5}; };
  line(middle(from), middle(to), {colour});
}

void Drawing::dot(const Spot& middle, double radius, const Colour& colour) {
  parts_.push_back(Dot{middle, radius, colour});
}

void Drawing::area(const Spot& corner, const Spot& opposite, const Colour& colour) {
  parts_.push_back(Area{corner, opposite, colour});
}

void Drawing::text(const std::string& text, const TextPlace& place, const TextStyle& style) {
  if (!text.empty()) parts_.push_back(Words{text, place, style});
}

void Drawing::paint(cairo_t* canvas, const Line& line) {
  const double dash = 3 * line.stroke.thickness;
  set_colour(canvas, line.stroke.colour);
  cairo_set_line_width(canvas, line.stroke.thickness);
  cairo_set_line_join(canvas, CAIRO_LINE_JOIN_ROUND);
  cairo_set_line_cap(canvas, line.stroke.dashed ? CAIRO_LINE_CAP_BUTT : CAIRO_LINE_CAP_SQUARE);
  cairo_set_dash(canvas, &dash, line.stroke.dashed ? 1 : 0, 0);
  for (const Spot& spot : line.spots) cairo_line_to(canvas, spot.x, spot.y);
  cairo_stroke(canvas);
}

void Drawing::paint(cairo_t* canvas, const Dot& dot) {
  set_colour(canvas, dot.colour);
  cairo_arc(canvas, dot.middle.x, dot.middle.y, dot.radius, 0, 2 * std::numbers::pi);
  cairo_fill(canvas);
}

void Drawing::paint(cairo_t* canvas, const Area& area) {
  set_colour(canvas, area.colour);
  cairo_rectangle(canvas, area.corner.x, area.corner.y, area.opposite.x - area.corner.x,
                  area.opposite.y - area.corner.y);
  cairo_fill(canvas);
}

void Drawing::paint(cairo_t* canvas, const Words& words) { draw_text(canvas, words.text, words.place, words.style); }

std::string Drawing::searchable(const Words& words) {
  const double width = std::min(text_width(words.text, words.style), words.place.width);
  char head[256];
  std::snprintf(head, sizeof head,
                "<text x=\"%.2f\" y=\"%.2f\" font-size=\"%.2f\" textLength=\"%.2f\" lengthAdjust=\"spacingAndGlyphs\">",
                words.place.left(width), words.place.baseline, words.style.height * 1.37, width);
  return head + escaped(drawn_text(words.text)) + "</text>\n";
}

void Drawing::paint_on(cairo_surface_t* surface) const {
  const std::unique_ptr<cairo_t, void (*)(cairo_t*)> canvas(cairo_create(surface), cairo_destroy);
  set_colour(canvas.get(), {255, 255, 255});
  cairo_paint(canvas.get());
  for (const auto& part : parts_) std::visit([&](const auto& some) { paint(canvas.get(), some); }, part);
  const cairo_status_t status = cairo_status(canvas.get());
  if (status == CAIRO_STATUS_SUCCESS) return;
  throw Error(Fault::run, "a drawing of " + std::to_string(width_) + " x " + std::to_string(height_) +
                              " pixels cannot be painted: " + cairo_status_to_string(status));
}

Drawing::Surface Drawing::raster() const {
  Surface surface(cairo_image_surface_create(CAIRO_FORMAT_RGB24, static_cast<int>(width_), static_cast<int>(height_)),
                  cairo_surface_destroy);
  paint_on(surface.get());
  cairo_surface_flush(surface.get());
  return surface;
}

Image Drawing::picture() const {
  const Surface surface = raster();
  const uint8_t* row = cairo_image_surface_get_data(surface.get());
  Image image = at::empty({height_, width_, 3}, at::kByte);
  uint8_t* out = image.data_ptr<uint8_t>();
  for (int64_t y = 0; y < height_; ++y, row += cairo_image_surface_get_stride(surface.get())) {
    for (int64_t x = 0; x < width_; ++x) {
      uint32_t pixel;
      std::memcpy(&pixel, row + 4 * x, sizeof pixel);
      for (const int shift : {16, 8, 0}) *out++ = static_cast<uint8_t>(pixel >> shift);
    }
  }
  return image;
}

std::string Drawing::svg() const {
  std::string document;
  const auto width = static_cast<double>(width_), height = static_cast<double>(height_);
  Surface surface(cairo_svg_surface_create_for_stream(append, &document, width, height), cairo_surface_destroy);
  cairo_svg_surface_set_document_unit(surface.get(), CAIRO_SVG_UNIT_PX);
  paint_on(surface.get());
  cairo_surface_finish(surface.get());
  // Cairo 1.16 counts surfaces through the life of a process; nothing refers to their numbers.
  const size_t number = document.find(" id=\"surface");
  if (number != std::string::npos) document.erase(number, document.find('>', number) - number);
  std::string texts = "<g font-family=\"sans-serif\" fill-opacity=\"0\">\n";
  for (const auto& part : parts_) {
    if (const auto* words = std::get_if<Words>(&part)) texts += searchable(*words);
  }
  return document.insert(document.rfind("</svg>"), texts + "</g>\n");
}

void Drawing::write(const std::filesystem::path& path) const {
  std::string bytes;
  cairo_surface_write_to_png_stream(raster().get(), append, &bytes);
  OutputFile picture(path), document(std::filesystem::path(path).replace_extension(".svg"));
  picture.write(bytes);
  document.write(svg());
  picture.commit();
  document.commit();
}

}  // namespace attune
