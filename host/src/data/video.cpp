#include "data/video.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <opencv2/videoio.hpp>
#include <opencv2/videoio/registry.hpp>

#include <attune/sdk/error.h>

#include "image/input_file.h"
#include "image/mat.h"

namespace attune {
namespace {

// Videos longer than this are jumped through where the file allows it; shorter ones are decoded from end to end.
constexpr int64_t kLong = 2000;

Image to_picture(const cv::Mat& frame) {
  cv::Mat rgb;
  cv::cvtColor(frame, rgb, frame.channels() == 1 ? cv::COLOR_GRAY2RGB : cv::COLOR_BGR2RGB);
  return to_image(rgb);
}

// The frames to take of a video of `count` frames, `rate` of them a second; ascending.
using Positions = std::function<std::vector<int64_t>(int64_t count, double rate)>;

// The middles of `frames` equal parts of `count`; some repeat when there are fewer.
std::vector<int64_t> even_positions(int64_t count, int64_t frames) {
  std::vector<int64_t> result;
  for (int64_t i = 0; i < frames; ++i) result.push_back((2 * i + 1) * count / (2 * frames));
  return result;
}

std::vector<int64_t> timed_positions(int64_t count, double rate, const ClipTiming& timing) {
  const double spare = static_cast<double>(count) / rate - static_cast<double>(timing.frames) / timing.per_second;
  const double begin = timing.from == ClipTiming::From::centre ? std::max(spare / 2, 0.0) : 0;
  std::vector<int64_t> result;
  for (int64_t i = 0; i < timing.frames; ++i) {
    const double time = begin + (static_cast<double>(i) + 0.5) / timing.per_second;
    result.push_back(std::min(static_cast<int64_t>(std::min(time * rate, 1e12)), count - 1));
  }
  return result;
}

cv::VideoCapture open(const std::filesystem::path& path) {
  const auto backends = cv::videoio_registry::getStreamBackends();
  const bool ffmpeg = std::find(backends.begin(), backends.end(), cv::CAP_FFMPEG) != backends.end();
  // An absolute path cannot be taken for an address ("http:", "concat:").
  cv::VideoCapture capture(std::filesystem::absolute(path).string(), ffmpeg ? cv::CAP_FFMPEG : cv::CAP_ANY);
  if (!capture.isOpened()) refuse_input(path, "is not a video that can be decoded (damaged, or of another format)");
  return capture;
}

struct Decoded {
  std::vector<Image> pictures;
  int64_t count = 0;  // frames in the file
};

// From the first frame to the last, as that alone tells how many there are.
Decoded decode_all(const std::filesystem::path& path, const std::vector<int64_t>& wanted) {
  cv::VideoCapture capture = open(path);
  Decoded result;
  auto next = wanted.begin();
  for (; capture.grab(); ++result.count) {
    cv::Mat frame;
    if (next != wanted.end() && *next == result.count && capture.retrieve(frame) && !frame.empty()) {
      const Image picture = to_picture(frame);
      for (; next != wanted.end() && *next == result.count; ++next) result.pictures.push_back(picture);
    }
  }
  return result;
}

// Only the wanted frames; fewer of them when the file does not allow jumping or is shorter than it says.
std::vector<Image> decode_jumping(cv::VideoCapture& capture, const std::vector<int64_t>& wanted) {
  std::vector<Image> pictures;
  for (int64_t position : wanted) {
    cv::Mat frame;
    if (!capture.set(cv::CAP_PROP_POS_FRAMES, static_cast<double>(position)) || !capture.read(frame)) break;
    pictures.push_back(to_picture(frame));
  }
  return pictures;
}

// OpenCV would take a picture for a video of one frame.
bool is_still_picture(const std::filesystem::path& path) {
  return cv::haveImageReader(path.string()) && read_input(path).compare(0, 4, "GIF8") != 0;
}

std::vector<Image> decode(const std::filesystem::path& path, int64_t frames, const Positions& positions) {
  cv::VideoCapture capture = open(path);
  const double said = capture.get(cv::CAP_PROP_FRAME_COUNT), rate = capture.get(cv::CAP_PROP_FPS);
  const int64_t count = said >= 1 && said < 1e9 ? std::llround(said) : 0;
  const auto full = static_cast<size_t>(frames);
  if (count > kLong && count > 4 * frames) {
    std::vector<Image> pictures = decode_jumping(capture, positions(count, rate));
    if (pictures.size() == full) return pictures;
  }
  capture.release();
  Decoded decoded = decode_all(path, count ? positions(count, rate) : std::vector<int64_t>());
  if (decoded.count == 0) refuse_input(path, "the video has no frames that can be decoded");
  // Containers that only know their length in seconds are a frame or so off: that is even enough.
  if (decoded.pictures.size() < full || std::abs(decoded.count - count) > count / 20 + 1) {
    decoded = decode_all(path, positions(decoded.count, rate));
  }
  if (decoded.pictures.empty()) refuse_input(path, "the video has no frames that can be decoded");
  decoded.pictures.resize(full, decoded.pictures.back());
  return decoded.pictures;
}

std::vector<Image> read_video(const std::filesystem::path& path, int64_t frames, const Positions& positions) {
  prepare_opencv();
  input_size(path);
  try {
    if (is_still_picture(path)) refuse_input(path, "is a still picture, but the model takes clips; give it a video");
    return decode(path, frames, positions);
  } catch (const cv::Exception& error) {
    refuse_input(path, "the video cannot be decoded: " + error.err);
  }
}

}  // namespace

std::vector<Image> read_clip(const std::filesystem::path& path, int64_t frames) {
  if (frames < 1) throw Error(Fault::usage, "a clip needs at least one frame, not " + std::to_string(frames));
  return read_video(path, frames, [=](int64_t count, double) { return even_positions(count, frames); });
}

void check(const ClipTiming& timing) {
  if (timing.frames < 1) {
    throw Error(Fault::spec, "a clip needs at least one frame, not " + std::to_string(timing.frames));
  }
  if (!(timing.per_second > 0 && std::isfinite(timing.per_second))) {
    throw Error(Fault::spec,
                "the frames per second of a clip must be more than 0, not " + std::to_string(timing.per_second));
  }
}

std::vector<Image> read_clip(const std::filesystem::path& path, const ClipTiming& timing) {
  check(timing);
  return read_video(path, timing.frames, [&](int64_t count, double rate) {
    if (!(rate > 0 && std::isfinite(rate))) refuse_input(path, "the video does not say how many frames it shows a second");
    return timed_positions(count, rate, timing);
  });
}

}  // namespace attune
