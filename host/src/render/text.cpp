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

// U+00C0 to U+00FF.
constexpr std::string_view kLatin = "AAAAAAACEEEEIIIIDNOOOOOxOUUUUYTsaaaaaaaceeeeiiiidnooooo/ouuuuyty";

std::string to_ascii(const std::string& text) {
  std::string result;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x80) {
      result += byte >= 0x20 && byte < 0x7f ? text[i] : ' ';
    } else if (byte == 0xc3 && i + 1 < text.size()) {
      result += kLatin[static_cast<unsigned char>(text[++i]) & 0x3f];
    } else if (byte >= 0xc0) {  // not the inside of a longer sequence
      result += '?';
    }
  }
  return result;
}

double scale_of(const TextStyle& style) { return style.height * kOversampling / kCapital; }

int thickness_of(const TextStyle& style) {
  return std::max(1, static_cast<int>(std::lround(style.height * kOversampling * (style.bold ? 0.17 : 0.115))));
}

// In oversampled pixels, with a margin for the strokes.
cv::Size extent(const std::string& ascii, const TextStyle& style) {
  int below = 0;
  return cv::getTextSize(ascii, kFont, scale_of(style), thickness_of(style), &below);
}

}  // namespace

double text_width(const std::string& text, const TextStyle& style) {
  const std::string ascii = to_ascii(text);
  return ascii.empty() ? 0 : static_cast<double>(extent(ascii, style).width) / kOversampling;
}

std::string elide(const std::string& text, double width, const TextStyle& style) {
  const std::string ascii = to_ascii(text);
  if (text_width(ascii, style) <= width) return ascii;
  for (size_t length = std::min<size_t>(ascii.size(), 1000); length-- > 0;) {
    const size_t end = ascii.find_last_not_of(' ', length);
    const std::string shorter = ascii.substr(0, end == std::string::npos || length == 0 ? length : end + 1) + "...";
    if (text_width(shorter, style) <= width) return shorter;
  }
  return "";
}

void draw_text(Image& image, const std::string& text, double x, double baseline, const TextStyle& style) {
  const std::string ascii = to_ascii(text);
  if (ascii.empty()) return;
  prepare_opencv();
  // The whole pixels that the text may touch.
  const int left = static_cast<int>(std::floor(x)), top = static_cast<int>(std::floor(baseline - 1.5 * style.height));
  const int width = static_cast<int>(std::ceil(text_width(ascii, style))) + 3;
  const int height = static_cast<int>(std::ceil(2.2 * style.height)) + 2;
  cv::Mat large = cv::Mat::zeros(height * kOversampling, width * kOversampling, CV_8U), small;
  const cv::Point origin(static_cast<int>(std::lround((x - left) * kOversampling)) + thickness_of(style) / 2,
                         static_cast<int>(std::lround((baseline - top) * kOversampling)));
  cv::putText(large, ascii, origin, kFont, scale_of(style), cv::Scalar(255), thickness_of(style), cv::LINE_AA);
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
