// Bytes of a picture file -> Image.
#include <algorithm>
#include <climits>
#include <new>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>

#include <attune/sdk/error.h>

#include "image/image.h"
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
    if (error.code == cv::Error::StsNoMem)
      refuse_input(path, "the picture is too large for the memory of this machine");
    return {};
  } catch (const std::bad_alloc&) {
    refuse_input(path, "the picture is too large for the memory of this machine");
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

cv::Mat to_rgb(const std::filesystem::path& path, cv::Mat picture, bool premultiplied) {
  cv::Mat result;
  if (picture.channels() == 2) {  // grey and alpha
    const int grey_grey_grey_alpha[] = {0, 0, 0, 1, 0, 2, 1, 3};
    cv::Mat four(picture.size(), CV_8UC4);
    cv::mixChannels(&picture, 1, &four, 1, grey_grey_grey_alpha, 4);
    picture = four;
  }
  switch (picture.channels()) {
    case 1:
      cv::cvtColor(picture, result, cv::COLOR_GRAY2RGB);
      break;
    case 3:
      cv::cvtColor(picture, result, cv::COLOR_BGR2RGB);
      break;
    case 4:
      composite_over_white(picture, premultiplied);
      cv::cvtColor(picture, result, cv::COLOR_BGRA2RGB);
      break;
    default:
      refuse_input(path, "has " + std::to_string(picture.channels()) + " channels; pictures have 1 to 4");
  }
  return result;
}

// EXIF's numbers say where the first row and column lie: 6 is a camera held upright, turned right to be shown.
cv::Mat upright(cv::Mat picture, int orientation) {
  if (orientation >= 5) picture = picture.t();
  switch (orientation) {
    case 2:
    case 6:
      cv::flip(picture, picture, 1);
      break;
    case 3:
    case 7:
      cv::flip(picture, picture, -1);
      break;
    case 4:
    case 8:
      cv::flip(picture, picture, 0);
      break;
    default:
      break;
  }
  return picture;
}

Image upright_jpeg(const std::filesystem::path& path, const std::string& bytes) {
  const Image stored = decode_jpeg(path, bytes);
  const int orientation = exif_orientation(bytes);
  return orientation == 1 ? stored : to_image(upright(view(stored), orientation));
}

}  // namespace

Image read_image(const std::filesystem::path& path) {
  prepare_opencv();
  const std::string bytes = read_input(path);
  if (bytes.size() > static_cast<size_t>(INT_MAX)) {
    refuse_input(path, "the file is too large for a picture (2 GiB or more)");
  }
  if (is_jpeg(bytes)) return upright_jpeg(path, bytes);
  if (is_cut_off(bytes)) refuse_input(path, "the picture is cut off: the end of the file is missing");
  if (is_damaged(bytes)) refuse_input(path, "the picture is damaged: a checksum in the file is wrong");
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
