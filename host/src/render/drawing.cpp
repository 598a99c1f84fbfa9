#include "render/drawing.h"

#include <algorithm>
#include <cairo-svg.h>
#include <cstdio>
#include <glib.h>
#include <numbers>
#include <opencv2/imgproc.hpp>

#include <attune/sdk/error.h>

#include "image/mat.h"
#include "image/output_file.h"

namespace attune {
namespace {

// Of a stream that Cairo writes.
cairo_status_t append(void* text, const unsigned char* bytes, unsigned int size) {
  static_cast<std::string*>(text)->append(reinterpret_cast<const char*>(bytes), size);
  return CAIRO_STATUS_SUCCESS;
}

}  // namespace

void Drawing::add(Part part) {
  parts_.push_back(std::move(part));
  last_ = nullptr;
}

void Drawing::line(const Spot& from, const Spot& to, const Stroke& stroke) {
  if (last_ && last_->stroke == stroke && last_->spots.back() == from) return last_->spots.push_back(to);
  const auto line = std::make_shared<Line>(Line{stroke, {from, to}});
  add([line](cairo_t* canvas) {
    const double dash = 3 * line->stroke.thickness;
    set_colour(canvas, line->stroke.colour);
    cairo_set_line_width(canvas, line->stroke.thickness);
    cairo_set_line_join(canvas, CAIRO_LINE_JOIN_ROUND);
    cairo_set_line_cap(canvas, line->stroke.dashed ? CAIRO_LINE_CAP_BUTT : CAIRO_LINE_CAP_SQUARE);
    cairo_set_dash(canvas, &dash, line->stroke.dashed ? 1 : 0, 0);
    for (const Spot& spot : line->spots) cairo_line_to(canvas, spot.x, spot.y);
    cairo_stroke(canvas);
  });
  last_ = line;
}

void Drawing::rule(const Spot& from, const Spot& to, const Colour& colour) {
  const auto middle = [](const Spot& spot) { return Spot{std::floor(spot.x) + 0.5, std::floor(spot.y) + 0.5}; };
  line(middle(from), middle(to), {colour});
}

void Drawing::dot(const Spot& middle, double radius, const Colour& colour) {
  add([=](cairo_t* canvas) {
    set_colour(canvas, colour);
    cairo_arc(canvas, middle.x, middle.y, radius, 0, 2 * std::numbers::pi);
    cairo_fill(canvas);
  });
}

void Drawing::area(const Spot& corner, const Spot& opposite, const Colour& colour) {
  add([=](cairo_t* canvas) {
    set_colour(canvas, colour);
    cairo_rectangle(canvas, corner.x, corner.y, opposite.x - corner.x, opposite.y - corner.y);
    cairo_fill(canvas);
  });
}

void Drawing::text(const std::string& text, const TextPlace& place, const TextStyle& style) {
  if (text.empty()) return;
  words_.push_back({text, place, style});
  add([=](cairo_t* canvas) { draw_text(canvas, text, place, style); });
}

void Drawing::paint_on(cairo_surface_t* surface) const {
  const std::unique_ptr<cairo_t, void (*)(cairo_t*)> canvas(cairo_create(surface), cairo_destroy);
  set_colour(canvas.get(), {255, 255, 255});
  cairo_paint(canvas.get());
  for (const Part& part : parts_) part(canvas.get());
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
  const auto stride = static_cast<size_t>(cairo_image_surface_get_stride(surface.get()));
  const cv::Mat bgr(static_cast<int>(height_), static_cast<int>(width_), CV_8UC4,
                    cairo_image_surface_get_data(surface.get()), stride);
  cv::Mat rgb;
  cv::cvtColor(bgr, rgb, cv::COLOR_BGRA2RGB);
  return to_image(rgb);
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
  for (const auto& [text, place, style] : words_) {
    const double length = std::min(text_width(text, style), place.width);
    const std::unique_ptr<char, void (*)(void*)> escaped(g_markup_escape_text(drawn_text(text).c_str(), -1), g_free);
    char head[256];
    std::snprintf(
        head, sizeof head,
        "<text x=\"%.2f\" y=\"%.2f\" font-size=\"%.2f\" textLength=\"%.2f\" lengthAdjust=\"spacingAndGlyphs\">",
        place.left(length), place.baseline, style.height * 1.37, length);
    texts.append(head).append(escaped.get()).append("</text>\n");
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
