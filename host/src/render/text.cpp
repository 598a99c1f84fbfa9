#include "render/text.h"

#include <algorithm>
#include <memory>
#include <opencv2/core.hpp>
#include <pango/pangocairo.h>
#include <string_view>
#include <utility>

namespace attune {
namespace {

constexpr double kCapital = 0.729;     // height of DejaVu's capital letters, as a share of the font's size
constexpr size_t kLongestText = 4000;  // bytes that are looked at
constexpr int kLongestSide = 32767;    // of Cairo's pictures, in pixels
constexpr std::string_view kIsolate = "\u2068", kEndIsolate = "\u2069";

template <auto release>
struct Release {
  template <typename T>
  void operator()(T* object) const {
    release(object);
  }
};
using Context = std::unique_ptr<PangoContext, Release<g_object_unref>>;
using TextLayout = std::unique_ptr<PangoLayout, Release<g_object_unref>>;

// Nothing in it follows the settings of a screen, a desktop or its user's language.
Context make_context() {
  Context context(pango_font_map_create_context(pango_cairo_font_map_get_default()));
  const std::unique_ptr<cairo_font_options_t, Release<cairo_font_options_destroy>> options(cairo_font_options_create());
  cairo_font_options_set_antialias(options.get(), CAIRO_ANTIALIAS_GRAY);
  cairo_font_options_set_hint_style(options.get(), CAIRO_HINT_STYLE_NONE);
  cairo_font_options_set_hint_metrics(options.get(), CAIRO_HINT_METRICS_OFF);
  pango_cairo_context_set_font_options(context.get(), options.get());
  pango_context_set_round_glyph_positions(context.get(), FALSE);
  pango_context_set_language(context.get(), pango_language_from_string("en"));
  return context;
}

TextLayout layout_of(const std::string& text, const TextStyle& style) {
  const std::unique_ptr<PangoFontDescription, Release<pango_font_description_free>> font(pango_font_description_new());
  pango_font_description_set_family_static(font.get(), "DejaVu Sans,sans-serif");
  pango_font_description_set_weight(font.get(), style.bold ? PANGO_WEIGHT_BOLD : PANGO_WEIGHT_NORMAL);
  pango_font_description_set_absolute_size(font.get(), style.height / kCapital * PANGO_SCALE);
  thread_local const Context context = make_context();
  TextLayout layout(pango_layout_new(context.get()));
  pango_layout_set_font_description(layout.get(), font.get());
  pango_layout_set_single_paragraph_mode(layout.get(), TRUE);
  // By itself a text goes where its first letter does.
  pango_layout_set_auto_dir(layout.get(), text.find(kIsolate) == std::string::npos);
  pango_layout_set_text(layout.get(), drawn_text(text).c_str(), -1);
  return layout;
}

double pixels(int units) { return static_cast<double>(units) / PANGO_SCALE; }

// Where the line begins and how long it is.
std::array<double, 2> span_of(const TextLayout& layout) {
  PangoRectangle logical;
  pango_layout_get_extents(layout.get(), nullptr, &logical);
  return {pixels(logical.x), pixels(logical.width)};
}

void limit(const TextLayout& layout, double width) {
  pango_layout_set_width(layout.get(), static_cast<int>(std::clamp(width, 0.0, 1e6) * PANGO_SCALE));
}

// A text ready to be drawn, and where its upper left corner lies.
struct PlacedText {
  TextLayout layout;  // none: there is nothing to draw
  double x = 0, y = 0;
};

PlacedText placed(const std::string& text, const TextPlace& place, const TextStyle& style) {
  TextLayout layout = layout_of(text, style);
  if (span_of(layout)[1] > place.width) {
    pango_layout_set_ellipsize(layout.get(), PANGO_ELLIPSIZE_END);
    limit(layout, place.width);
  }
  const auto [begin, width] = span_of(layout);
  if (text.empty() || width > place.width) return {};
  const double above = pixels(pango_layout_get_baseline(layout.get()));
  return {std::move(layout), place.left(width) - begin, place.baseline - above};
}

// Filled outlines: Cairo moves letters that it draws by itself to whole pixels.
void fill(cairo_t* canvas, const PlacedText& text, const Colour& colour) {
  set_colour(canvas, colour);
  cairo_new_path(canvas);
  cairo_move_to(canvas, text.x, text.y);
  pango_cairo_layout_path(canvas, text.layout.get());
  cairo_fill(canvas);
}

std::vector<std::string> broken(const std::string& text, double width, PangoWrapMode mode, const TextStyle& style) {
  const TextLayout layout = layout_of(text, style);
  limit(layout, width);
  pango_layout_set_wrap(layout.get(), mode);
  const std::string whole = pango_layout_get_text(layout.get());
  std::vector<std::string> lines;
  for (const GSList* at = pango_layout_get_lines_readonly(layout.get()); at; at = at->next) {
    const auto* line = static_cast<const PangoLayoutLine*>(at->data);
    lines.push_back(whole.substr(static_cast<size_t>(line->start_index), static_cast<size_t>(line->length)));
  }
  return lines;
}

// How much ink there is in each pixel of the box.
std::unique_ptr<cairo_surface_t, Release<cairo_surface_destroy>> mask_of(const PlacedText& text, const cv::Rect& box) {
  std::unique_ptr<cairo_surface_t, Release<cairo_surface_destroy>> mask(
      cairo_image_surface_create(CAIRO_FORMAT_A8, box.width, box.height));
  const std::unique_ptr<cairo_t, Release<cairo_destroy>> canvas(cairo_create(mask.get()));
  cairo_translate(canvas.get(), -box.x, -box.y);
  fill(canvas.get(), text, {});
  cairo_surface_flush(mask.get());
  return mask;
}

}  // namespace

void set_colour(cairo_t* canvas, const Colour& colour) {
  cairo_set_source_rgb(canvas, colour[0] / 255.0, colour[1] / 255.0, colour[2] / 255.0);
}

std::string drawn_text(const std::string& text) {
  size_t end = std::min(text.size(), kLongestText);
  while (end < text.size() && end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  const std::unique_ptr<char, Release<g_free>> valid(g_utf8_make_valid(text.data(), static_cast<gssize>(end)));
  std::string result = valid.get();
  const auto is_control = [](char c) { return (c >= 0 && c < ' ') || c == '\x7f'; };
  std::replace_if(result.begin(), result.end(), is_control, ' ');
  // U+FFFE and U+FFFF are no letters, and nothing that XML may hold.
  for (size_t at = 0; (at = result.find("\xef\xbf", at)) != std::string::npos; at += 3) {
    result[at + 2] = std::min(result[at + 2], '\xbd');
  }
  return result;
}

bool has_letters(const std::string& text) {
  return g_utf8_validate(text.data(), static_cast<gssize>(text.size()), nullptr) &&
         pango_layout_get_unknown_glyphs_count(layout_of(text, {}).get()) == 0;
}

std::string isolated(const std::string& name) { return std::string(kIsolate).append(name).append(kEndIsolate); }

double text_width(const std::string& text, const TextStyle& style) {
  return text.empty() ? 0 : span_of(layout_of(text, style))[1];
}

std::vector<std::string> wrap(const std::string& text, double first, double width, const TextStyle& style) {
  std::string whole;
  for (const char letter : text) {
    whole += letter;
    if (letter == '.' || letter == '/') whole += "\u200b";
  }
  if (whole.empty()) return {};
  std::vector<std::string> lines;
  if (first < width) {
    lines.push_back(broken(whole, first, PANGO_WRAP_WORD, style)[0]);
    if (text_width(lines[0], style) > first) lines[0].clear();  // nothing whole fits in this line
    whole = drawn_text(whole).substr(lines[0].size());
  }
  if (!whole.empty()) {
    for (std::string& line : broken(whole, width, PANGO_WRAP_WORD_CHAR, style)) lines.push_back(std::move(line));
  }
  for (std::string& line : lines) line.erase(line.find_last_not_of(' ') + 1);
  return lines;
}

void draw_text(Image& image, const std::string& text, const TextPlace& place, const TextStyle& style) {
  const PlacedText line = placed(text, place, style);
  if (!line.layout) return;
  PangoRectangle ink_box;
  pango_layout_get_pixel_extents(line.layout.get(), &ink_box, nullptr);
  const cv::Point corner(static_cast<int>(std::lround(line.x)) - 1, static_cast<int>(std::lround(line.y)) - 1);
  const cv::Rect touched(ink_box.x + corner.x, ink_box.y + corner.y, std::min(ink_box.width + 2, kLongestSide),
                         std::min(ink_box.height + 2, kLongestSide));
  const cv::Rect box = touched & cv::Rect(0, 0, static_cast<int>(image.size(1)), static_cast<int>(image.size(0)));
  if (box.empty()) return;
  const auto mask = mask_of(line, box);
  const uint8_t* ink = cairo_image_surface_get_data(mask.get());
  const int stride = cairo_image_surface_get_stride(mask.get());
  for (int64_t y = 0; ink && y < box.height; ++y, ink += stride) {
    uint8_t* pixel = image.data_ptr<uint8_t>() + ((box.y + y) * image.size(1) + box.x) * 3;
    for (int64_t x = 0; x < box.width; ++x) {
      for (const uint8_t colour : style.colour) {
        *pixel = static_cast<uint8_t>((*pixel * (255 - ink[x]) + colour * ink[x] + 127) / 255);
        ++pixel;
      }
    }
  }
}

void draw_text(_cairo* canvas, const std::string& text, const TextPlace& place, const TextStyle& style) {
  const PlacedText line = placed(text, place, style);
  if (line.layout) fill(canvas, line, style.colour);
}

}  // namespace attune
