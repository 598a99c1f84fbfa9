// Bytes of a picture file -> Image.
#include <algorithm>
#include <climits>
#include <cmath>
#include <new>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <sstream>

#include <attune/sdk/error.h>

#include "image/input_file.h"
#include "image/mat.h"
#include "image/picture_file.h"

namespace attune {
namespace {

cv::Mat decode(const std::filesystem::path& path, const std::string& bytes) {
  const cv::_InputArray buffer(reinterpret_cast<const uint8_t*>(bytes.data()), static_cast<int>(bytes.size()));
  const Quiet quiet;
  const TiffErrors errors;
  try {
    const cv::Mat picture = cv::imdecode(buffer, cv::IMREAD_UNCHANGED);
    if (!picture.empty() && !errors.first().empty()) refuse_input(path, "the picture is damaged: " + errors.first());
    return picture;
  } catch (const cv::Exception& error) {
    if (error.err.find("CV_IO_MAX_IMAGE") != std::string::npos) {
      refuse_input(path, "the picture is too large (more than 2^30 pixels, or a side of more than 2^20)");
    }
    if (error.code == cv::Error::StsNoMem) refuse_as_too_large(path, "the picture");
    return {};
  } catch (const std::bad_alloc&) {
    refuse_as_too_large(path, "the picture");
  }
}

// `premultiplied`: the colours have been multiplied by alpha already.
void composite_over_white(cv::Mat& rgba, bool premultiplied) {
  for (int y = 0; y < rgba.rows; ++y) {
    auto* row = rgba.ptr<cv::Vec4b>(y);
    for (int x = 0; x < rgba.cols; ++x) {
      const int alpha = row[x][3], white = 255 * (255 - alpha);
      for (int c = 0; c < 3; ++c) {
        const int colour = row[x][c] * (premultiplied ? 255 : alpha);
        row[x][c] = static_cast<uint8_t>(std::min((colour + white + 127) / 255, 255));
      }
    }
  }
}

// Filters that made a picture may overshoot by so much of its range.
constexpr double kOvershoot = 1e-3;

// Samples of 8 bits. Integers are taken to have 8, 12, 16 or 32 bits: the fewest that hold the greatest of them, as
// files store 8 and 12 bits in 16 without saying so. Floating-point samples go from 0 to 1 or, when one is greater,
// from 0 to 255; in `light` (a format of high dynamic range) what is brighter than 1 is white. Others are refused.
cv::Mat to_eight_bits(const std::filesystem::path& path, const cv::Mat& picture, bool light) {
  if (picture.depth() == CV_8U) return picture;
  const bool is_real = picture.depth() == CV_32F || picture.depth() == CV_64F;
  if (is_real && !cv::checkRange(picture.reshape(1))) {
    refuse_input(path, "holds samples that are not finite (NaN or infinity)");
  }
  double least = 0, greatest = 0;
  cv::minMaxLoc(picture.reshape(1), &least, &greatest);
  for (const double white :
       is_real ? std::vector<double>{1, 255} : std::vector<double>{0xff, 0xfff, 0xffff, 0xffffffff}) {
    const double slack = is_real ? white * kOvershoot : 0;
    if (least < -slack || (!light && greatest > white + slack)) continue;
    cv::Mat result;
    picture.convertTo(result, CV_8U, 255.0 / white);
    return result;
  }
  std::ostringstream text;
  text << "has samples from " << least << " to " << greatest << "; "
       << (is_real ? "floating-point pictures have them from 0 to 1 or from 0 to 255" : "pictures have none below 0");
  refuse_input(path, text.str());
}

cv::Mat to_rgb(const std::filesystem::path& path, cv::Mat picture, bool premultiplied) {
  constexpr int conversions[] = {cv::COLOR_GRAY2RGB, cv::COLOR_GRAY2RGB, cv::COLOR_BGR2RGB, cv::COLOR_BGRA2RGB};
  if (picture.channels() > 4) {
    refuse_input(path, "has " + std::to_string(picture.channels()) + " channels; pictures have 1 to 4");
  }
  if (picture.channels() == 2) {  // grey and alpha
    cv::Mat four(picture.size(), CV_8UC4);
    cv::mixChannels(picture, four, {0, 0, 0, 1, 0, 2, 1, 3});
    picture = four;
  }
  if (picture.channels() == 4) composite_over_white(picture, premultiplied);
  cv::Mat result;
  cv::cvtColor(picture, result, conversions[picture.channels() - 1]);
  return result;
}

Image upright_jpeg(const std::filesystem::path& path, const std::string& bytes) {
  const Image stored = decode_jpeg(path, bytes);
  const int orientation = exif_orientation(bytes);
  return orientation == 1 ? stored : to_image(upright(view(stored), orientation));
}

}  // namespace

cv::Mat upright(cv::Mat picture, int orientation) {
  constexpr int left_right = 1, both = -1, top_bottom = 0, mirrored[] = {left_right, both, top_bottom};
  if (orientation >= 5) picture = picture.t();
  const int mirror = (orientation - 1) % 4;
  if (mirror > 0) cv::flip(picture, picture, mirrored[mirror - 1]);
  return picture;
}

Image read_image(const std::filesystem::path& path) {
  prepare_opencv();
  const std::string bytes = read_input(path);
  if (bytes.size() > static_cast<size_t>(INT_MAX)) {
    refuse_input(path, "the file is too large for a picture (2 GiB or more)");
  }
  if (is_jpeg(bytes)) return upright_jpeg(path, bytes);
  const std::string fault = png_fault(bytes);
  if (!fault.empty()) refuse_input(path, fault);
  const cv::Mat decoded = decode(path, bytes);
  if (decoded.empty()) {
    refuse_input(path, bytes.starts_with("GIF8")
                           ? "is a GIF, which is read as a video and not as a picture"
                           : "is not a picture that can be decoded (damaged, or of another format)");
  }
  // libtiff hands out 8-bit pictures with the transparency worked in.
  const bool tiff = bytes.starts_with("II*") || bytes.starts_with("MM");
  const bool light = bytes.starts_with("#?R") || bytes.starts_with("\x76\x2f\x31\x01");  // HDR, OpenEXR
  const cv::Mat rgb = to_rgb(path, to_eight_bits(path, decoded, light), tiff && decoded.depth() == CV_8U);
  return to_image(upright(rgb, exif_orientation(bytes)));
}

}  // namespace attune
