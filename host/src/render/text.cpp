#include "render/text.h"

#include <algorithm>
#include <cmath>
#include <opencv2/imgproc.hpp>
#include <string_view>

#include "image/mat.h"

namespace attune {
namespace {

// OpenCV's strokes are drawn this much larger and shrunk, which smooths them and allows fractions of a pixel.
constexpr int kOversampling = 4;
constexpr int kFont = cv::FONT_HERSHEY_SIMPLEX;
constexpr double kCapital = 21;  // height of a capital letter at scale 1

constexpr char kBox = '\x01';  // among letters, one that the font lacks

// U+00C0 to U+017F without accents.
constexpr std::string_view kLatin =
    "AAAAAAACEEEEIIIIDNOOOOOxOUUUUYTsaaaaaaaceeeeiiiidnooooo/ouuuuyty"
    "AaAaAaCcCcCcCcDdDdEeEeEeEeEeGgGgGgGgHhHhIiIiIiIiIiIiJjKkkLlLlLlL"
    "lLlNnNnNnnNnOoOoOoOoRrRrRrSsSsSsSsTtTtTtUuUuUuUuUuUuWwYyYZzZzZzs";

// Of a well-formed sequence at `i`, which is moved behind it; anything else is one byte long and 0xfffd.
char32_t code_point(const std::string& text, size_t& i) {
  const auto byte = static_cast<unsigned char>(text[i++]);
  if (byte < 0x80) return byte;
  const size_t more = byte >= 0xf0 ? 3 : byte >= 0xe0 ? 2 : byte >= 0xc0 ? 1 : 0;
  if (more == 0 || i + more > text.size()) return 0xfffd;
  char32_t code = byte & (0x3fU >> more);
  for (size_t k = 0; k < more; ++k) {
    const auto next = static_cast<unsigned char>(text[i + k]);
    if ((next & 0xc0) != 0x80) return 0xfffd;
    code = code << 6 | (next & 0x3f);
  }
  i += more;
  return code;
}

std::string letters_of(char32_t code) {
  if (code < 0x20 || (code >= 0x7f && code <= 0xa0) || (code >= 0x2000 && code <= 0x200a)) return " ";
  if (code < 0x7f) return std::string(1, static_cast<char>(code));
  if (code >= 0xc0 && code < 0x180) return std::string(1, kLatin[code - 0xc0]);
  if ((code >= 0x300 && code < 0x370) || (code >= 0x200b && code <= 0x200f) || code == 0xfeff) return "";  // no ink
  if (code >= 0x2010 && code <= 0x2015) return "-";
  if (code >= 0x2018 && code <= 0x201b) return "'";
  if (code >= 0x201c && code <= 0x201f) return "\"";
  if (code == 0x2026) return "...";
  return std::string(1, kBox);
}

// What is drawn: printable ASCII and boxes.
std::string letters(const std::string& text) {
  std::string result;
  for (size_t i = 0; i < text.size();) result += letters_of(code_point(text, i));
  return result;
}

std::string utf8(const std::string& letters) {
  std::string text;
  for (const char letter : letters) text += letter == kBox ? std::string("\u25a1") : std::string(1, letter);
  return text;
}

double scale_of(const TextStyle& style) { return style.height * kOversampling / kCapital; }

int thickness_of(const TextStyle& style) {
  return std::max(1, static_cast<int>(std::lround(style.height * kOversampling * (style.bold ? 0.17 : 0.115))));
}

// In oversampled pixels, with a margin for the strokes. A box is as wide as an "n".
int extent(std::string letters, const TextStyle& style) {
  std::replace(letters.begin(), letters.end(), kBox, 'n');
  int below = 0;
  return cv::getTextSize(letters, kFont, scale_of(style), thickness_of(style), &below).width;
}

double width_of(const std::string& letters, const TextStyle& style) {
  return letters.empty() ? 0 : static_cast<double>(extent(letters, style)) / kOversampling;
}

// Ink on a canvas of zeros; `origin` is the left foot of the first letter.
void draw_letters(cv::Mat& canvas, const std::string& letters, const cv::Point& origin, const TextStyle& style) {
  const int thickness = thickness_of(style);
  const cv::Scalar ink(255);
  for (size_t begin = 0, end = 0; begin < letters.size(); begin = end) {
    end = letters[begin] == kBox ? begin + 1 : std::min(letters.find(kBox, begin), letters.size());
    const int left = begin == 0 ? 0 : extent(letters.substr(0, begin), style) - thickness;
    const cv::Point at(origin.x + left, origin.y);
    if (letters[begin] != kBox) {
      const std::string run = letters.substr(begin, end - begin);
      cv::putText(canvas, run, at, kFont, scale_of(style), ink, thickness, cv::LINE_AA);
      continue;
    }
    const int width = extent("n", style) - thickness, height = static_cast<int>(style.height * kOversampling);
    cv::rectangle(canvas, {at.x + width / 8, at.y}, {at.x + width * 7 / 8, at.y - height}, ink, thickness, cv::LINE_AA);
  }
}

}  // namespace

bool has_letters(const std::string& text) { return letters(text).find(kBox) == std::string::npos; }

double text_width(const std::string& text, const TextStyle& style) { return width_of(letters(text), style); }

std::string elide(const std::string& text, double width, const TextStyle& style) {
  const std::string whole = letters(text);
  if (width_of(whole, style) <= width) return utf8(whole);
  for (size_t length = std::min<size_t>(whole.size(), 1000); length-- > 0;) {
    const size_t end = whole.find_last_not_of(' ', length);
    const std::string shorter = whole.substr(0, end == std::string::npos || length == 0 ? length : end + 1) + "...";
    if (width_of(shorter, style) <= width) return utf8(shorter);
  }
  return "";
}

std::vector<std::string> wrap(const std::string& text, double first, double width, const TextStyle& style) {
  std::vector<std::string> lines;
  std::string rest = letters(text).substr(0, 1000);
  while (!rest.empty()) {
    const double room = lines.empty() ? first : width;
    size_t end = rest.size();
    while (end > 1 && width_of(rest.substr(0, end), style) > room) --end;
    if (end < rest.size()) {
      const size_t stop = rest.find_last_of(" ./", end - 1);
      if (stop != std::string::npos) end = stop + 1;
      if (stop == std::string::npos && lines.empty() && first < width) end = 0;  // nothing whole fits in this line
    }
    lines.push_back(utf8(rest.substr(0, end)));
    rest.erase(0, rest.find_first_not_of(' ', end));
  }
  return lines;
}

void draw_text(Image& image, const std::string& text, double x, double baseline, const TextStyle& style) {
  const std::string line = letters(text);
  if (line.empty()) return;
  prepare_opencv();
  // The whole pixels that the text may touch.
  const int left = static_cast<int>(std::floor(x)), top = static_cast<int>(std::floor(baseline - 1.5 * style.height));
  const int width = static_cast<int>(std::ceil(width_of(line, style))) + 3;
  const int height = static_cast<int>(std::ceil(2.2 * style.height)) + 2;
  cv::Mat large = cv::Mat::zeros(height * kOversampling, width * kOversampling, CV_8U), small;
  const cv::Point origin(static_cast<int>(std::lround((x - left) * kOversampling)) + thickness_of(style) / 2,
                         static_cast<int>(std::lround((baseline - top) * kOversampling)));
  draw_letters(large, line, origin, style);
  cv::resize(large, small, cv::Size(width, height), 0, 0, cv::INTER_AREA);

  cv::Mat canvas = view(image);
  const cv::Rect visible = cv::Rect(left, top, width, height) & cv::Rect(0, 0, canvas.cols, canvas.rows);
  for (int row = visible.y; row < visible.br().y; ++row) {
    for (int column = visible.x; column < visible.br().x; ++column) {
      const int ink = small.at<uint8_t>(row - top, column - left);
      auto& pixel = canvas.at<cv::Vec3b>(row, column);
      for (int c = 0; c < 3; ++c) {
        const int colour = style.colour[static_cast<size_t>(c)];
        pixel[c] = static_cast<uint8_t>((pixel[c] * (255 - ink) + colour * ink + 127) / 255);
      }
    }
  }
}

}  // namespace attune
